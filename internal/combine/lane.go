package combine

import (
	"slices"
	"sync"
	"time"
)

// laneWait is how long a run is put off for that of another group at most.
const laneWait = 5 * time.Millisecond

// Lane has the runs of several groups take turns, those of one database for
// instance: it is kept as busy by one transaction after the other as by some at
// once, while the calls that come meanwhile gather into fewer of them. The next
// turn is that of the group where most calls wait, so that callers who go the
// same way come together. A run that takes long, because it waits for a lock,
// holds nobody up: whoever has waited a few milliseconds for it goes past, and
// those who come later do not wait for it at all.
//
// It is safe for concurrent use. A nil Lane has nobody wait.
type Lane struct {
	mu    sync.Mutex
	turn  *turn // of who runs; nil for nobody, or for one that was gone past
	queue []*turn
}

// turn is that of one run.
type turn struct {
	calls func() int    // that wait in its group
	come  chan struct{} // closed when the turn has come
}

// enter waits for the turn of a group. Call leave with it after the run.
func (l *Lane) enter(calls func() int) *turn {
	if l == nil {
		return nil
	}
	t := &turn{calls: calls, come: make(chan struct{})}
	l.mu.Lock()
	if l.turn == nil {
		l.turn = t
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
		l.turn = t
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
	if l.turn != t {
		return // somebody went past
	}
	l.turn = nil
	if len(l.queue) == 0 {
		return
	}
	next, most := 0, 0
	for i, t := range l.queue {
		if n := t.calls(); n > most {
			next, most = i, n
		}
	}
	l.turn = l.queue[next]
	l.queue = slices.Delete(l.queue, next, next+1)
	close(l.turn.come)
}
