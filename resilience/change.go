package resilience

import (
	"slices"
	"sync/atomic"
	"time"
)

// Change describes a change of a breaker's state, with a copy of the counts at
// that moment.
type Change struct {
	// Name is the breaker's.
	Name string
	// Generation numbers the state that begins; it grows by one with each change.
	Generation uint64
	// From is the state that ended, To the one that begins.
	From, To State
	// At is when the state changed.
	At time.Time
	// Until is when the new state ends, zero if it has no end.
	Until time.Time
	// Reason is why the state changed.
	Reason Reason
	// Counts are of the generation that ended.
	Counts Counts
	// Outage is the one that this change begins, continues or ends; its Started
	// is zero when there is none.
	Outage Outage
}

// Subscribe calls fn with each change of state from now on, until cancel is
// called, after which no new call of fn begins. A nil fn subscribes nothing.
//
// Changes are delivered one at a time and in their order. fn runs in the
// goroutine whose call caused a change, or in one that is delivering already,
// without any lock held: it may use the breaker, and a change that it causes is
// delivered after it returns. Calls of other goroutines proceed meanwhile, but
// the delivering goroutine waits, so fn should be quick. A panic of fn reaches
// the call that delivers, after all other changes have been delivered.
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

// notices are the changes not yet delivered. The breaker's lock guards them.
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

// deliver calls the listeners with what is pending, unless another call of it is
// doing so. The lock is not held.
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
		// A listener panicked, or ended the goroutine: deliver the rest all the same.
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
