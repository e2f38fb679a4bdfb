package resilience

import (
	"slices"
	"sync/atomic"
	"time"
)

// Change is the news that a breaker changed its state: a copy of the figures at
// that moment, which stays as it is.
type Change struct {
	// Name is the breaker's.
	Name string
	// Generation numbers the state that begins; it grows by one with each change.
	Generation uint64
	From, To   State
	At         time.Time
	// Until is when the new state ends by itself, zero if it does not.
	Until  time.Time
	Reason Reason
	// Counts are those of the generation that ended.
	Counts Counts
	// Outage is the one that this change begins, continues or ends; its Started
	// is zero when there is none.
	Outage Outage
}

// Subscribe calls fn with each change of state from now on, until cancel is
// called (after which no new call of fn begins).
//
// Changes come one at a time and in their order. fn runs in the goroutine whose
// call caused a change, or in one that is delivering already, without any lock
// held: it may use the breaker, and a change that it causes is delivered after
// it returns. Others' calls go on meanwhile, but the delivering goroutine waits,
// so fn should be quick. A panic of fn reaches the call that delivers, after
// all other news has been delivered.
func (b *Breaker) Subscribe(fn func(Change)) (cancel func()) {
	if fn == nil || !b.made() {
		return func() {}
	}
	l := &listener{call: fn}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notices.listeners = append(b.notices.listeners, l)
	return func() {
		l.canceled.Store(true)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.notices.listeners = slices.DeleteFunc(b.notices.listeners, func(x *listener) bool { return x == l })
	}
}

type listener struct {
	call     func(Change)
	canceled atomic.Bool
}

// notices are the changes still to be delivered. The breaker's lock guards
// them.
type notices struct {
	listeners  []*listener
	pending    []notice
	delivering bool
}

type notice struct {
	to     *listener
	change Change
}

func (n *notices) queue(c Change) {
	for _, l := range n.listeners {
		n.pending = append(n.pending, notice{l, c})
	}
}

// deliver hands out what is pending, unless another call of it is at work. The
// lock is not held.
func (b *Breaker) deliver() {
	b.mu.Lock()
	if b.notices.delivering || len(b.notices.pending) == 0 {
		b.mu.Unlock()
		return
	}
	b.notices.delivering = true
	b.mu.Unlock()

	finished := false
	defer func() {
		if finished {
			return
		}
		// A listener panicked, or ended the goroutine: the rest still gets its news.
		b.mu.Lock()
		b.notices.delivering = false
		b.mu.Unlock()
		b.deliver()
	}()
	for {
		b.mu.Lock()
		if len(b.notices.pending) == 0 {
			b.notices.pending = nil
			b.notices.delivering = false
			b.mu.Unlock()
			finished = true
			return
		}
		next := b.notices.pending[0]
		b.notices.pending = b.notices.pending[1:]
		b.mu.Unlock()
		if !next.to.canceled.Load() {
			next.to.call(next.change)
		}
	}
}
