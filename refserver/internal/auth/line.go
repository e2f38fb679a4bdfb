package auth

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/returns/budget"
)

// How many passwords wait to be hashed: of one address, enough for everybody
// behind it at the start of a working day, and in all.
const (
	addressWaiting = 256
	allWaiting     = 4096
)

// line is where passwords wait to be hashed, which takes a processor and 19 MiB
// each. As many are hashed at a time as there are processors. Addresses take
// turns, so that one with many in the line does not delay those with few, and
// who finds the line long is told so instead of waiting.
type line struct {
	places  *budget.Budget
	most    int64
	waiting atomic.Int64
}

func newLine(places, ofAddress, inAll int) *line {
	b, err := budget.New(budget.Config{
		Bytes: int64(places), Places: places, KeyPlaces: places, KeyBytes: int64(places), KeyQueue: ofAddress,
	})
	if err != nil {
		panic(err) // the arguments are constants
	}
	return &line{places: b, most: int64(inAll)}
}

// enter waits for a place and returns how to leave it. It returns an *Error
// where the line is long.
func (l *line) enter(ctx context.Context) (leave func(), err error) {
	defer l.waiting.Add(-1)
	if l.waiting.Add(1) > l.most {
		return nil, longLine()
	}
	leave, err = l.places.Acquire(ctx, addressOf(ctx), 1)
	if errors.Is(err, budget.ErrBusy) {
		return nil, longLine()
	}
	if err != nil {
		return nil, fmt.Errorf("waiting to hash a password: %w", err)
	}
	return leave, nil
}

func longLine() error {
	return &Error{Code: CodeTooManyAttempts, RetryAfter: 2 * time.Second,
		Message: "Many people are signing in right now. Wait a moment, then try again"}
}

type addressContext struct{}

// withAddress has the work of ctx wait in the line of an address.
func withAddress(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, addressContext{}, address)
}

// addressOf is whose turn in the line it is: the address of the request.
func addressOf(ctx context.Context) string {
	if a, ok := ctx.Value(addressContext{}).(string); ok {
		return addressKey(a)
	}
	return addressKey(event.SourceOf(ctx).Address)
}

// enter lets a sign-in begin, by the failures of the account and address and by
// those of the address, and returns the function to call when it has ended.
func (s *Service) enter(ctx context.Context, address, name string) (done func(failed bool), err error) {
	key := addressKey(address)
	ofAccount, err := s.attempts.enter(ctx, key+" "+name)
	if err != nil {
		return nil, err
	}
	ofAddress, err := s.addresses.enter(ctx, key)
	if err != nil {
		ofAccount(false)
		return nil, err
	}
	return func(failed bool) { ofAccount(failed); ofAddress(failed) }, nil
}

// hashesAtOnce is how many passwords are hashed at a time.
func hashesAtOnce() int { return runtime.GOMAXPROCS(0) }
