package combine

import (
	"slices"
	"sync"
	"time"
)

// laneWait is how long a run is put off for those of other groups at most.
const laneWait = 5 * time.Millisecond

// Lane has the runs of several groups take turns, those of one database for
// instance, so that there are only so many at once: with as many as there are
// processors it is kept as busy as with more, while the calls that come
// meanwhile gather into fewer runs. The next turn is that of the group where
// most calls wait, so that callers who go the same way come together. A run that
// takes long, because it waits for a lock, holds nobody up: whoever has waited a
// few milliseconds goes past the oldest, and those who come later do not wait
// for that one at all.
//
// It is safe for concurrent use; make it with NewLane. A nil Lane has nobody
// wait.
type Lane struct {
	most int

	mu    sync.Mutex
	turns []*turn // under way, the oldest first, without those that were gone past
	queue []*turn
}

// turn is that of one run.
type turn struct {
	calls func() int    // that wait in its group
	come  chan struct{} // closed when the turn has come
}

// NewLane returns a Lane for most runs at once; at least one.
func NewLane(most int) *Lane { return &Lane{most: max(most, 1)} }

// enter waits for the turn of a group. Call leave with it after the run.
func (l *Lane) enter(calls func() int) *turn {
	if l == nil {
		return nil
	}
	t := &turn{calls: calls, come: make(chan struct{})}
	l.mu.Lock()
	if len(l.turns) < l.most {
		l.turns = append(l.turns, t)
		l.mu.Unlock()
		return t
	}
	l.queue = append(l.queue, t)
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
		l.turns = append(l.turns[1:], t)
	}
	return t
}

// leave ends a turn and gives the next.
func (l *Lane) leave(t *turn) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.turns, t)
	if i < 0 {
		return // somebody went past
	}
	l.turns = slices.Delete(l.turns, i, i+1)
	if len(l.queue) == 0 {
		return
	}
	next, most := 0, 0
	for i, t := range l.queue {
		if n := t.calls(); n > most {
			next, most = i, n
		}
	}
	come := l.queue[next]
	l.queue = slices.Delete(l.queue, next, next+1)
	l.turns = append(l.turns, come)
	close(come.come)
}
