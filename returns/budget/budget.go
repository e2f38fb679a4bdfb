// Package budget shares a number of bytes, and a number of places, among
// callers who each belong to a key, such as an account.
//
// A caller that does not fit in a [Budget] waits. Within a key it is first come, first served.
// Between keys it is fair by weight (self-clocked fair queueing): a caller's turn comes when
// all have been served in proportion, so that small requests go before large ones, nobody
// waits forever, and a key with many requests does not delay those with few. A key holds at
// most its share while it holds anything at all; one request may always be as large as the
// whole.
//
// # Concurrency
//
// A [Budget] is safe for concurrent use.
//
// # Errors
//
// [ErrTooLarge] is for what would never fit, [ErrBusy] for a key that has too many
// waiting.
//
// # Sources
//
// S. J. Golestani, "A self-clocked fair queueing scheme for broadband applications",
// INFOCOM 1994.
package budget

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrTooLarge is returned for more than the whole budget.
var ErrTooLarge = errors.New("more than the whole budget")

// ErrBusy is returned to a key that has as many requests waiting as it may.
var ErrBusy = errors.New("too many requests of one key are waiting")

// Config says how much there is to share.
type Config struct {
	Bytes     int64 // in all: 1 or more
	KeyBytes  int64 // that a key with several requests may hold; 0: half of Bytes
	Places    int   // requests at a time in all; 0: any number
	KeyPlaces int   // of one key; 0: all but one of Places, at least one
	KeyQueue  int   // requests of one key that may wait; 0: 16
}

// Budget shares bytes and places. Make one with New; it is safe for concurrent
// use.
type Budget struct {
	cfg Config

	mu    sync.Mutex
	free  int64
	used  int // places
	clock int64
	came  int64 // requests so far
	keys  map[string]*account
}

// account is what one key holds and waits for.
type account struct {
	bytes  int64
	places int
	last   int64 // finish tag of its latest request
	queue  []*waiter
}

type waiter struct {
	weight int64
	tag    int64
	number int64 // of its arrival: of equal tags the first goes first
	ready  chan struct{}
}

// New returns a Budget, or says what is wrong with c.
func New(c Config) (*Budget, error) {
	if c.Bytes < 1 || c.KeyBytes < 0 || c.Places < 0 || c.KeyPlaces < 0 || c.KeyQueue < 0 {
		return nil, fmt.Errorf("budget: %+v: Bytes must be 1 or more, and nothing below 0", c)
	}
	if c.KeyBytes == 0 {
		c.KeyBytes = c.Bytes / 2
	}
	if c.KeyPlaces == 0 {
		c.KeyPlaces = max(1, c.Places-1)
		if c.Places == 0 {
			c.KeyPlaces = 1<<31 - 1
		}
	}
	if c.Places == 0 {
		c.Places = 1<<31 - 1
	}
	if c.KeyQueue == 0 {
		c.KeyQueue = 16
	}
	return &Budget{cfg: c, free: c.Bytes, keys: map[string]*account{}}, nil
}

// Acquire waits until n bytes and a place are key's, and returns how to give
// them back, which must be called once. It returns ErrTooLarge or ErrBusy,
// wrapped, without waiting, and the error of ctx where that ends first.
func (b *Budget) Acquire(ctx context.Context, key string, n int64) (release func(), err error) {
	if n < 0 || n > b.cfg.Bytes {
		return nil, fmt.Errorf("budget: %d bytes of %d: %w", n, b.cfg.Bytes, ErrTooLarge)
	}
	b.mu.Lock()
	a := b.keys[key]
	if a == nil {
		a = &account{}
		b.keys[key] = a
	}
	if len(a.queue) >= b.cfg.KeyQueue {
		b.mu.Unlock()
		return nil, fmt.Errorf("budget: %w", ErrBusy)
	}
	// Every request costs something, so that the clock moves on.
	b.came++
	w := &waiter{weight: n, tag: max(b.clock, a.last) + n + 1, number: b.came, ready: make(chan struct{})}
	a.last = w.tag
	a.queue = append(a.queue, w)
	b.serve()
	b.mu.Unlock()

	select {
	case <-w.ready:
	case <-ctx.Done():
		if !b.leave(key, w) {
			b.release(key, n) // served at the same moment
		}
		return nil, fmt.Errorf("budget: waiting for %d bytes: %w", n, ctx.Err())
	}
	return sync.OnceFunc(func() { b.release(key, n) }), nil
}

// leave takes a waiter out of its queue; false where it was served.
func (b *Budget) leave(key string, w *waiter) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.keys[key]
	if a == nil {
		return false
	}
	for i, q := range a.queue {
		if q == w {
			a.queue = append(a.queue[:i], a.queue[i+1:]...)
			b.tidy(key, a)
			b.serve() // others may have waited behind it
			return true
		}
	}
	return false
}

func (b *Budget) release(key string, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.keys[key]
	b.free += n
	b.used--
	a.bytes -= n
	a.places--
	b.serve()
	b.tidy(key, a)
}

// tidy forgets a key that has nothing and waits for nothing.
func (b *Budget) tidy(key string, a *account) {
	if a.places == 0 && len(a.queue) == 0 {
		delete(b.keys, key)
		if len(b.keys) == 0 {
			b.clock = 0
		}
	}
}

// serve gives those whose turn it is what they wait for. The one with the
// lowest tag goes next; where there is not enough for it yet, nobody goes
// before it, or large requests would never be served. Keys that hold their
// share are passed over until they give some of it back.
func (b *Budget) serve() {
	for b.used < b.cfg.Places {
		var next *account
		for _, a := range b.keys {
			if len(a.queue) == 0 || !b.within(a) {
				continue
			}
			if next == nil || a.queue[0].before(next.queue[0]) {
				next = a
			}
		}
		if next == nil || next.queue[0].weight > b.free {
			return
		}
		w := next.queue[0]
		next.queue = next.queue[1:]
		next.bytes += w.weight
		next.places++
		b.free -= w.weight
		b.used++
		b.clock = max(b.clock, w.tag)
		close(w.ready)
	}
}

// before reports whether w goes before o.
func (w *waiter) before(o *waiter) bool {
	return w.tag < o.tag || w.tag == o.tag && w.number < o.number
}

// within reports whether a key's next request keeps it within its share. Its
// only one always does.
func (b *Budget) within(a *account) bool {
	return a.places == 0 || a.places < b.cfg.KeyPlaces && a.bytes+a.queue[0].weight <= b.cfg.KeyBytes
}
