// Package batch executes calls that meet as one: the first is executed
// at once, and those that come meanwhile wait and are executed together. So
// a database sees fewer statements and commits the more callers there are,
// and a caller alone waits for nobody. A Batcher is for calls of one kind, and
// a Loader for those that read something by its key; a Scheduler has the batchers
// of a database take turns, so that more calls meet.
package batch

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
)

// ErrUnderWay is in the chain of an error of Do whose context ended when its
// call was being executed: what it asked for may be done all the same.
var ErrUnderWay = errors.New("batch: the call is being executed")

// Batcher combines calls of type C, usually a pointer to a question with room for
// the answer. It is safe for concurrent use; make it with New.
type Batcher[C any] struct {
	slots  Slots // nil: none
	direct bool  // nothing is combined
	max    int
	run    func(ctx context.Context, calls []C)

	mu      sync.Mutex
	waiting []*call[C]
	working bool // a goroutine is executing calls
}

type call[C any] struct {
	c        C
	done     chan struct{} // closed when the call was executed, or panicked
	panicked any
}

// New returns a Batcher whose calls are executed by run, at most max at a
// time, one run after the other, and in turn with the runs of the other batchers
// that share slots, which may be nil. run leaves each call's answer, and its error, in
// the call. Its context has the values of one of the callers, and no end:
// the work of the others must not end with the one who waits no longer.
//
// A run that panics must leave nothing behind. Its calls are executed again,
// each alone, so that the panic reaches the caller of Do who is at fault.
//
// Slots with a method Direct that returns true combine nothing: each caller of
// Do executes its own call, with its own context. A transaction of the
// caller's is for one goroutine, and ends with it.
func New[C any](slots Slots, max int, run func(ctx context.Context, calls []C)) *Batcher[C] {
	d, ok := slots.(interface{ Direct() bool })
	return &Batcher[C]{slots: slots, direct: ok && d.Direct(), max: max, run: run}
}

// Do executes c and returns when it is done. It fails when ctx ends before:
// with its error where c was not begun and will not be, and with ErrUnderWay
// besides where the answer came too late.
func (g *Batcher[C]) Do(ctx context.Context, c C) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if g.direct {
		g.run(ctx, []C{c})
		return nil
	}
	mine := &call[C]{c: c, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, mine)
	lead := !g.working
	g.working = true
	g.mu.Unlock()
	if lead {
		go g.work(context.WithoutCancel(ctx))
	} else if g.slots != nil {
		g.slots.Arrived()
	}
	select {
	case <-mine.done:
		if mine.panicked != nil {
			panic(mine.panicked)
		}
		return nil
	case <-ctx.Done():
		if g.remove(mine) {
			return ctx.Err()
		}
		return fmt.Errorf("%w: %w", ErrUnderWay, ctx.Err())
	}
}

// Waiting is how many calls wait for their turn, and whether others are being
// executed.
func (g *Batcher[C]) Waiting() (calls int, working bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting), g.working
}

// remove takes a call out of the queue; false when it has been begun.
func (g *Batcher[C]) remove(mine *call[C]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, mine)
	if i < 0 {
		return false
	}
	g.waiting = slices.Concat(g.waiting[:i], g.waiting[i+1:])
	return true
}

// more reports whether calls wait; none ends the work.
func (g *Batcher[C]) more() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.waiting, g.working = nil, false
	}
	return g.working
}

// next takes the calls of the next run.
func (g *Batcher[C]) next() []*call[C] {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.waiting), g.max)
	batch := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	return batch
}

// size is how many calls wait.
func (g *Batcher[C]) size() int {
	n, _ := g.Waiting()
	return n
}

func (g *Batcher[C]) work(ctx context.Context) {
	// Those who are about to call do so first, and travel along: callers who
	// were answered together come back together. Nobody waits for it who is
	// alone.
	runtime.Gosched()
	for g.more() {
		leave := func(int) {}
		if g.slots != nil {
			leave = g.slots.Enter(g.size)
		}
		batch := g.next()
		if len(batch) > 0 && g.try(ctx, batch) != nil {
			for _, b := range batch {
				b.panicked = g.try(ctx, []*call[C]{b})
			}
		}
		leave(len(batch))
		for _, b := range batch {
			close(b.done)
		}
		runtime.Gosched()
	}
}

// try runs a batch and returns what it panicked with.
func (g *Batcher[C]) try(ctx context.Context, batch []*call[C]) (panicked any) {
	calls := make([]C, len(batch))
	for i, b := range batch {
		calls[i] = b.c
	}
	finished := false
	defer func() {
		if p := recover(); p != nil {
			panicked = fmt.Errorf("batch: panic: %v\n%s", p, debug.Stack())
		} else if !finished {
			panicked = errors.New("batch: the goroutine was ended by what it ran")
		}
	}()
	g.run(ctx, calls)
	finished = true
	return nil
}
