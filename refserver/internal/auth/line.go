package auth

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
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
// who finds the line long hears so instead of waiting. Sign-ins go first: a
// registration begins when there is a place that no sign-in wants.
type line struct {
	places  *budget.Budget
	last    *budget.Budget // registrations: as many as there are places come forward
	size    int
	limit   int64
	waiting atomic.Int64

	mu      sync.Mutex
	first   int           // sign-ins in the line or at a place
	later   int           // registrations at a place
	changed chan struct{} // closed, and replaced, whenever one of them leaves
}

func newLine(places, ofAddress, inAll int) *line {
	turns := func() *budget.Budget {
		b, err := budget.New(budget.Config{
			Bytes: int64(places), Places: places, KeyPlaces: places, KeyBytes: int64(places), KeyQueue: ofAddress,
		})
		if err != nil {
			panic(err) // the arguments are constants
		}
		return b
	}
	return &line{places: turns(), last: turns(), size: places, limit: int64(inAll), changed: make(chan struct{})}
}

// enter waits for a place and returns how to leave it. It returns an *Error
// where the line is long.
func (l *line) enter(ctx context.Context) (leave func(), err error) {
	defer l.waiting.Add(-1)
	if l.waiting.Add(1) > l.limit {
		return nil, longLine()
	}
	l.mu.Lock()
	l.first++
	l.mu.Unlock()
	done, err := turn(ctx, l.places)
	if err != nil {
		l.leave(&l.first)
		return nil, err
	}
	return func() { done(); l.leave(&l.first) }, nil
}

// enterLast is enter for what lets sign-ins go first.
func (l *line) enterLast(ctx context.Context) (leave func(), err error) {
	defer l.waiting.Add(-1)
	if l.waiting.Add(1) > l.limit {
		return nil, longLine()
	}
	forward, err := turn(ctx, l.last)
	if err != nil {
		return nil, err
	}
	if err := l.wait(ctx); err != nil {
		forward()
		return nil, err
	}
	done, err := turn(ctx, l.places)
	if err != nil {
		l.leave(&l.later)
		forward()
		return nil, err
	}
	return func() { done(); l.leave(&l.later); forward() }, nil
}

// wait waits until there is a place that no sign-in wants, and counts a
// registration at it.
func (l *line) wait(ctx context.Context) error {
	for {
		l.mu.Lock()
		if l.first+l.later < l.size {
			l.later++
			l.mu.Unlock()
			return nil
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting to hash a password: %w", ctx.Err())
		}
	}
}

// leave counts one less, and lets those who wait look again.
func (l *line) leave(count *int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*count--
	close(l.changed)
	l.changed = make(chan struct{})
}

// turn waits for the turn of the address of ctx.
func turn(ctx context.Context, b *budget.Budget) (leave func(), err error) {
	leave, err = b.Acquire(ctx, addressOf(ctx), 1)
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
		return AddressKey(a)
	}
	return AddressKey(event.SourceOf(ctx).Address)
}

// enter lets a sign-in begin, by the failures of the address and then by those
// of the account and address, and returns the function to call when it has
// ended. What the address may not do leaves nothing behind under the name.
func (s *Service) enter(ctx context.Context, address, name string) (done func(failed bool), err error) {
	key := AddressKey(address)
	ofAddress, err := s.addresses.enter(ctx, key)
	if err != nil {
		return nil, err
	}
	ofAccount, err := s.attempts.enter(ctx, key+" "+name)
	if err != nil {
		ofAddress(false)
		return nil, err
	}
	return func(failed bool) { ofAccount(failed); ofAddress(failed) }, nil
}

// hashesAtOnce is how many passwords are hashed at a time.
func hashesAtOnce() int { return runtime.GOMAXPROCS(0) }
