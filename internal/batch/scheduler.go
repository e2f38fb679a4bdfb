package batch

import (
	"slices"
	"sync"
	"time"
)

const (
	// laneWait is how long a run is put off for those of other groups at most.
	laneWait = 20 * time.Millisecond
	// holdFor is how long the next turn is put off for callers who come back.
	holdFor = 2 * time.Millisecond
	// maxSkip is how many holds are left out at most, where nobody comes back.
	maxSkip = 3
)

// Scheduler has the runs of several groups take turns, those of one database for
// instance, so that there are only so many at once. Calls that come meanwhile
// gather into fewer runs, and those cost less.
//
// The next turn is that of the group where most calls wait. After a run of many
// calls it is given when as many have come again, or two milliseconds later:
// callers who were answered together, and have the same way to go, stay
// together, and catch up with those who went ahead. For callers of a group who
// did not come back the last time it is put off every fourth time at most, and
// for a single one never.
//
// A run that takes long, because it waits for a lock, holds nobody up: whoever
// has waited some milliseconds goes past the oldest, and those who come later do
// not wait for that one at all.
//
// It is safe for concurrent use; make it with NewScheduler.
type Scheduler struct {
	most int

	mu    sync.Mutex
	turns []*slot // under way, the oldest first, without those that were gone past
	queue []*slot // that wait to come, in their order
	hold  *hold   // nil for none
	rates map[any]*returnRate
}

// slot is that of one run.
type slot struct {
	calls func() int    // that wait in its group
	habit *returnRate   // of its callers
	come  chan struct{} // closed when the turn has come
}

// hold puts the next turn off for callers who come back.
type hold struct {
	expect int // more calls
	habit  *returnRate
}

// returnRate is whether the callers of a group come back to the lane at once. It is
// guarded by the lane.
type returnRate struct {
	missed int // how many holds to leave out after the last that was of no use
	skip   int // of them still to come
}

// worth reports whether to hold for them.
func (h *returnRate) worth() bool {
	if h.skip > 0 {
		h.skip--
		return false
	}
	return true
}

func (h *returnRate) kept() { h.missed = 0 }

func (h *returnRate) broken() {
	h.missed = min(2*h.missed+1, maxSkip)
	h.skip = h.missed
}

// NewScheduler returns a Lane for most runs at once; at least one.
func NewScheduler(most int) *Scheduler { return &Scheduler{most: max(most, 1)} }

// Slots has the runs of several batchers take turns. A *Scheduler is one, and so
// is what a package wraps around it.
type Slots interface {
	// Enter waits for the turn of a group, of which waiting tells how many calls
	// wait. The returned function ends it, with how many calls were carried out.
	Enter(group any, waiting func() int) (leave func(calls int))
	// Arrived tells of a call in a group that waits for its turn.
	Arrived()
}

// Enter implements Slots.
func (l *Scheduler) Enter(group any, waiting func() int) (leave func(calls int)) {
	t := l.enter(group, waiting)
	return func(calls int) { l.leave(t, calls) }
}

// Arrived implements Slots.
func (l *Scheduler) Arrived() { l.came() }

// enter waits for the turn of a group. Call leave with it after the run.
func (l *Scheduler) enter(group any, calls func() int) *slot {
	l.mu.Lock()
	h := l.rates[group]
	if h == nil {
		if l.rates == nil {
			l.rates = map[any]*returnRate{}
		}
		h = &returnRate{}
		l.rates[group] = h
	}
	t := &slot{calls: calls, habit: h, come: make(chan struct{})}
	l.queue = append(l.queue, t)
	l.count()
	if l.hold == nil {
		l.next()
	}
	l.mu.Unlock()

	timer := time.NewTimer(laneWait)
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
		if len(l.turns) >= l.most {
			l.turns = l.turns[1:]
		}
		l.turns = append(l.turns, t)
	}
	return t
}

// came tells of a call in a group that waits for its turn.
func (l *Scheduler) came() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count()
}

// count counts a call of those that are held for.
func (l *Scheduler) count() {
	if l.hold == nil {
		return
	}
	if l.hold.expect--; l.hold.expect <= 0 {
		l.hold.habit.kept()
		l.hold = nil
		l.next()
	}
}

// next gives turns while there is room.
func (l *Scheduler) next() {
	for len(l.queue) > 0 && len(l.turns) < l.most {
		best, most := 0, -1
		for i, t := range l.queue {
			// Of equals the last: it goes on, and comes to where the other waits.
			if n := t.calls(); n >= most {
				best, most = i, n
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
	most := 0
	for _, t := range l.queue {
		most = max(most, t.calls())
	}
	if calls < 2 || calls < most || !t.habit.worth() {
		l.next()
		return
	}
	h := &hold{expect: calls, habit: t.habit}
	l.hold = h
	time.AfterFunc(holdFor, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.hold == h {
			h.habit.broken()
			l.hold = nil
			l.next()
		}
	})
}
