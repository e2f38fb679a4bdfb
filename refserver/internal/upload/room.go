package upload

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/returnkit/returnkit/returns/budget"
)

const (
	// inFlight is how many bytes of large bodies are taken in at a time.
	inFlight = 1 << 30
	// accountQueue is how many bodies of an account may wait, addressQueue how many of an address.
	accountQueue = 2
	addressQueue = 64
	// crowded is how long a body waits before a slow one makes room for it, and how long the next
	// waits then. A body is judged once it has had as long, by what is left to come of it: what is
	// there soon is waited for.
	crowded = 5 * time.Second
	soon    = 30 * time.Second
)

// errAccount is returned to an account that has as many bodies waiting as it may.
var errAccount = errors.New("upload: bodies of the account are taken in already")

// room shares what large bodies may take: an account has one at a time, an address half of the
// bytes while others send too. Whoever holds much and sends slowly would keep the others out at no
// cost: while a body waits, the one that will take longest is cut off.
type room struct {
	accounts, bytes *budget.Budget
	each            int64 // bytes of an address
	wait            time.Duration
	soon            time.Duration

	mu      sync.Mutex
	taken   map[*share]bool
	lastCut time.Time
}

// share is a body that is taken in.
type share struct {
	body    *paced
	address string
	size    int64
	since   time.Time
	release func()
}

func newRoom(bytes int64) (*room, error) {
	const many = 1 << 40 // accounts are not bounded here
	accounts, err := budget.New(budget.Config{Bytes: many, KeyBytes: many, KeyPlaces: 1, KeyQueue: accountQueue})
	if err != nil {
		return nil, err
	}
	r := &room{accounts: accounts, each: bytes / 2, wait: crowded, soon: soon, taken: map[*share]bool{}}
	r.bytes, err = budget.New(budget.Config{Bytes: bytes, KeyBytes: r.each, KeyQueue: addressQueue})
	return r, err
}

// enter waits until there is room for a body, and returns how to leave. The error is errAccount,
// budget.ErrBusy for an address that has too many waiting, or the error of ctx.
func (r *room) enter(ctx context.Context, account, address string, body *paced, size int64) (func(), error) {
	one, err := r.accounts.Acquire(ctx, account, 1)
	if errors.Is(err, budget.ErrBusy) {
		err = errAccount
	}
	if err != nil {
		return nil, err
	}
	waiting := r.press(address, size)
	bytes, err := r.bytes.Acquire(ctx, address, size)
	waiting()
	if err != nil {
		one()
		return nil, err
	}
	s := &share{body: body, address: address, size: size, since: time.Now()}
	s.release = sync.OnceFunc(func() {
		r.mu.Lock()
		delete(r.taken, s)
		r.mu.Unlock()
		bytes()
		one()
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken[s] = true
	return s.release, nil
}

// press has slow bodies make room for one of the address that waits, until stop is called.
func (r *room) press(address string, size int64) (stop func()) {
	over := make(chan struct{})
	go func() {
		tick := time.NewTicker(r.wait)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
				r.makeRoom(address, size)
			}
		}
	}()
	return func() { close(over) }
}

// makeRoom cuts off the body that will take longest of those that stand in the way: of the address
// alone where that has all it may have.
func (r *room) makeRoom(address string, size int64) {
	now := time.Now()
	if s := r.slowest(now, address, size); s != nil && s.body.cut() {
		s.release()
	}
}

func (r *room) slowest(now time.Time, address string, size int64) (found *share) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.lastCut) < r.wait {
		return nil // for another that waits
	}
	all, held := int64(0), int64(0)
	for s := range r.taken {
		all += s.size
		if s.address == address {
			held += s.size
		}
	}
	own := held > 0 && held+size > r.each
	if !own && all+size <= 2*r.each {
		return nil // there is room already
	}
	longest := r.soon
	for s := range r.taken {
		if own && s.address != address {
			continue
		}
		if left := s.left(now, r.wait); left > longest {
			found, longest = s, left
		}
	}
	if found != nil {
		r.lastCut = now
	}
	return found
}

// forever is for a body of which nothing has come.
const forever = time.Duration(1<<63 - 1)

// left is how long the rest of a body will take, as the client was until now; 0 for one that has
// ended or began less than young ago.
func (s *share) left(now time.Time, young time.Duration) time.Duration {
	came, lasted := s.body.came.Load(), now.Sub(s.since)
	switch {
	case lasted < young, s.body.over():
		return 0
	case came == 0:
		return forever
	}
	return time.Duration(min(float64(forever)/2, float64(lasted)/float64(came)*float64(max(0, s.size-came))))
}
