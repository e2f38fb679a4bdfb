package batch

import (
	"slices"
	"sync"
	"time"
)

const (
	// turnWait is the longest that a run is put off for runs of other groups.
	turnWait = 20 * time.Millisecond
	// holdFor is how long the next turn is put off for callers who come back.
	holdFor = 2 * time.Millisecond
)

// Scheduler has the runs of several groups (all that use one database, for
// instance) take turns, so that there are only so many at once. Calls that come meanwhile
// gather into fewer runs, and those cost less.
//
// The next turn goes to the group with the most calls waiting. After a run of many
// calls it is held until as many have come again, or two milliseconds:
// callers who were answered together, and have the same way to go, stay
// together, and catch up with those who went ahead. For a single one it is never
// held.
//
// The hold is worth 1.2 x the orders of 8 and of 32 clients on SQLite, 1.3 and
// 1.5 x on PostgreSQL, and 1.5 and 1.9 x where 8 clients have a tenth of a
// millisecond of work between their calls; with a pause of 10 ms, which no hold
// outlasts, nothing is lost (0.95 to 1.07 x, which is the noise). It used to be
// left out for groups whose callers had stayed away the last times: that was
// neither faster nor slower in any of these cases. BenchmarkReturningCallers of
// sqlstore measures it.
//
// A run that takes long, because it waits for a lock, holds nobody up: a caller
// that has waited some milliseconds goes past the oldest run, and later callers
// do not wait for that run at all.
//
// It is safe for concurrent use; make it with NewScheduler.
type Scheduler struct {
	limit int

	mu     sync.Mutex
	noHold bool
	turns  []*slot // under way, the oldest first, without those that were gone past
	queue  []*slot // that wait to come, in their order
	hold   *hold   // nil for none
}

// slot is the place of one run.
type slot struct {
	calls func() int    // that wait in its group
	come  chan struct{} // closed when the turn has come
}

// hold puts the next turn off for callers who come back.
type hold struct {
	expect int // more calls
}

// NewScheduler returns a Scheduler for limit runs at once; at least one.
func NewScheduler(limit int) *Scheduler { return &Scheduler{limit: max(limit, 1)} }

// SetHold switches off, or on again, that turns are held for callers who come
// back. It serves the benchmark that shows what the hold is worth.
func (l *Scheduler) SetHold(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noHold = !on
}

// Slots has the runs of several batchers take turns. A *Scheduler is one, and so
// is what a package wraps around it.
type Slots interface {
	// Enter waits for the turn of a group in which waiting calls wait. The
	// returned function ends it, with how many calls were executed.
	Enter(waiting func() int) (leave func(calls int))
	// Arrived reports a call in a group that waits for its turn.
	Arrived()
}

// Enter implements Slots.
func (l *Scheduler) Enter(waiting func() int) (leave func(calls int)) {
	t := l.enter(waiting)
	return func(calls int) { l.leave(t, calls) }
}

// Arrived implements Slots.
func (l *Scheduler) Arrived() { l.came() }

// enter waits for the turn of a group. Call leave with it after the run.
func (l *Scheduler) enter(calls func() int) *slot {
	l.mu.Lock()
	t := &slot{calls: calls, come: make(chan struct{})}
	l.queue = append(l.queue, t)
	l.count()
	if l.hold == nil {
		l.next()
	}
	l.mu.Unlock()

	timer := time.NewTimer(turnWait)
	defer timer.Stop()
	select {
	case <-t.come:
		return t
	case <-timer.C:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.queue, t); i >= 0 {
		l.queue = slices.Delete(l.queue, i, i+1)
		if len(l.turns) >= l.limit {
			l.turns = l.turns[1:]
		}
		l.turns = append(l.turns, t)
	}
	return t
}

// came counts a call in a group that waits for its turn.
func (l *Scheduler) came() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count()
}

// count counts a call that the next turn is held for.
func (l *Scheduler) count() {
	if l.hold == nil {
		return
	}
	if l.hold.expect--; l.hold.expect <= 0 {
		l.hold = nil
		l.next()
	}
}

// next gives turns while there is room.
func (l *Scheduler) next() {
	for len(l.queue) > 0 && len(l.turns) < l.limit {
		best, longest := 0, -1
		for i, t := range l.queue {
			// Of equals the last: its callers then come to where the other waits.
			if n := t.calls(); n >= longest {
				best, longest = i, n
			}
		}
		t := l.queue[best]
		l.queue = slices.Delete(l.queue, best, best+1)
		l.turns = append(l.turns, t)
		close(t.come)
	}
}

// leave ends the turn of a run of calls, before they are answered.
func (l *Scheduler) leave(t *slot, calls int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.turns, t)
	if i < 0 {
		return // somebody went past
	}
	l.turns = slices.Delete(l.turns, i, i+1)
	if l.hold != nil {
		return
	}
	longest := 0
	for _, t := range l.queue {
		longest = max(longest, t.calls())
	}
	if l.noHold || calls < 2 || calls < longest {
		l.next()
		return
	}
	h := &hold{expect: calls}
	l.hold = h
	time.AfterFunc(holdFor, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.hold == h {
			l.hold = nil
			l.next()
		}
	})
}
