package throttle

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// QueueConfig says how many requests a [Queue] holds.
type QueueConfig struct {
	// Name stands in errors. Required.
	Name string
	// Concurrency is how many run at once, 1 or more. Required.
	Concurrency int
	// MaxWaiting is how many may wait, 0 or more.
	MaxWaiting int
	// MaxWait is the longest that one may wait. Zero leaves it to the deadline of
	// each request's context.
	MaxWait time.Duration
}

// Queue is a bounded queue in front of work whose concurrency is scarce. It
// admits requests in the order of their arrival and sheds, at once, one that
// finds the queue full or would not be answered in time: a request whose answer
// comes too late only takes time from those that can still be served.
//
// How long the wait would be is estimated from the number waiting and the time
// that recent requests took. A free place is given without an estimate, so that
// a wrong one corrects itself.
//
// Make one with [NewQueue]; it may be used by many goroutines at once. The zero
// value refuses everything with [ErrZeroValue].
type Queue struct {
	cfg QueueConfig

	mu      sync.Mutex
	running int
	waiting int
	first   *waiter // a list, so that one in the middle can leave
	last    *waiter
	service time.Duration // moving average of the time a request takes
	stats   QueueStats
}

type waiter struct {
	prev, next *waiter
	queued     bool
	answer     chan error // nil: admitted
	// latestStart is by when it must be admitted; zero: no limit.
	latestStart time.Time
	// deadline is by when it must be done; zero: no limit.
	deadline time.Time
}

// Place is the permission to run, from [Queue.Acquire]. Give it back with
// Release. It must not be copied after use. Releasing the zero value does
// nothing.
type Place struct {
	_     noCopy
	queue *Queue // nil: released
	since time.Time
}

// noCopy makes go vet report copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// ShedReason says why a request was shed.
type ShedReason string

// The reasons for shedding.
const (
	// ShedFull: as many wait as may.
	ShedFull ShedReason = "queue_full"
	// ShedTooLate: it would not be answered in time.
	ShedTooLate ShedReason = "too_late"
	// ShedWaited: its time passed while it waited.
	ShedWaited ShedReason = "waited"
)

// ErrShed is what every [ShedError] is, for errors.Is.
var ErrShed = errors.New("request shed")

// ShedError refuses a request that was not run.
type ShedError struct {
	Name   string
	Reason ShedReason
	// RetryAfter is how long those before it are estimated to take; zero if that
	// is not known yet.
	RetryAfter time.Duration
}

// Error names the queue and the reason.
func (e *ShedError) Error() string {
	return fmt.Sprintf("throttle: queue %q shed the request (%s), try again in %v", e.Name, e.Reason, e.RetryAfter)
}

// Is reports whether target is [ErrShed].
func (e *ShedError) Is(target error) bool { return target == ErrShed }

// QueueStats are the counts of a [Queue].
type QueueStats struct {
	// Running and Waiting are the requests in it now.
	Running, Waiting int
	// Admitted, Shed and Left count since the beginning: those that ran or run,
	// those that were shed, and those whose caller went away while they waited.
	Admitted, Shed, Left int64
	// Service is the moving average of the time that a request takes.
	Service time.Duration
}

// NewQueue returns an empty queue, or an error that names the setting that is
// out of range.
func NewQueue(cfg QueueConfig) (*Queue, error) {
	switch {
	case cfg.Name == "":
		return nil, errors.New("throttle: QueueConfig.Name is empty: name the work that is queued for")
	case cfg.Concurrency < 1:
		return nil, fmt.Errorf("throttle: queue %q: QueueConfig.Concurrency is %d, allowed is 1 or more",
			cfg.Name, cfg.Concurrency)
	case cfg.MaxWaiting < 0:
		return nil, fmt.Errorf("throttle: queue %q: QueueConfig.MaxWaiting is %d, allowed is 0 or more",
			cfg.Name, cfg.MaxWaiting)
	case cfg.MaxWait < 0:
		return nil, fmt.Errorf("throttle: queue %q: QueueConfig.MaxWait is %v, allowed is 0 (no limit) or more",
			cfg.Name, cfg.MaxWait)
	}
	return &Queue{cfg: cfg}, nil
}

// Acquire returns a place, at once or after a wait. The error is a *[ShedError]
// if the request was shed, and ctx.Err() if ctx ended. The deadline of ctx is when
// the request must be done, not only begun.
func (q *Queue) Acquire(ctx context.Context) (Place, error) {
	if q.cfg.Concurrency == 0 {
		return Place{}, errZeroQueue
	}
	if err := ctx.Err(); err != nil {
		return Place{}, err
	}
	w, err := q.enter(ctx)
	if err == nil && w != nil {
		err = q.await(ctx, w)
	}
	if err != nil {
		return Place{}, err
	}
	return Place{queue: q, since: time.Now()}, nil
}

// enter takes a free place (no waiter), joins the queue, or is shed.
func (q *Queue) enter(ctx context.Context) (*waiter, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running < q.cfg.Concurrency {
		q.running++
		q.stats.Admitted++
		return nil, nil
	}
	wait := q.estimate(q.waiting)
	if q.waiting >= q.cfg.MaxWaiting {
		return nil, q.shed(ShedFull, wait)
	}
	w := &waiter{answer: make(chan error, 1)}
	deadline, limited := ctx.Deadline()
	if limited || q.cfg.MaxWait > 0 {
		now := time.Now()
		if limited {
			w.deadline = deadline
			w.latestStart = deadline.Add(-q.service)
		}
		if q.cfg.MaxWait > 0 {
			if t := now.Add(q.cfg.MaxWait); !limited || t.Before(w.latestStart) {
				w.latestStart = t
			}
		}
		if now.Add(wait).After(w.latestStart) {
			return nil, q.shed(ShedTooLate, wait)
		}
	}
	q.push(w)
	return w, nil
}

// estimate returns the wait behind so many others: Concurrency places, each
// given on after the usual time. The lock is held.
func (q *Queue) estimate(ahead int) time.Duration {
	return time.Duration(ahead+1) * q.service / time.Duration(q.cfg.Concurrency)
}

func (q *Queue) shed(why ShedReason, wait time.Duration) error {
	q.stats.Shed++
	return &ShedError{Name: q.cfg.Name, Reason: why, RetryAfter: wait}
}

// await waits for the answer to w, which is in the queue.
func (q *Queue) await(ctx context.Context, w *waiter) error {
	var late <-chan time.Time
	if !w.latestStart.IsZero() {
		timer := time.NewTimer(time.Until(w.latestStart))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case err := <-w.answer:
		return err
	case <-late:
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !w.queued {
		// The answer came in the same moment. A place that this caller cannot use any
		// more goes to the next.
		err := <-w.answer
		if err == nil && ctx.Err() != nil {
			q.stats.Admitted--
			q.stats.Left++
			q.pass(time.Now())
			return ctx.Err()
		}
		return err
	}
	q.remove(w)
	if errors.Is(ctx.Err(), context.Canceled) {
		q.stats.Left++
		return ctx.Err()
	}
	return q.shed(ShedWaited, q.estimate(q.waiting))
}

// Release gives the place to the next that waits. A second Release does
// nothing.
func (p *Place) Release() {
	q := p.queue
	if q == nil {
		return
	}
	p.queue = nil
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	if took := now.Sub(p.since); q.service == 0 {
		q.service = took
	} else {
		q.service += (took - q.service) / 8
	}
	q.pass(now)
}

// pass gives a place that is free to the first that can still use it. The lock
// is held.
func (q *Queue) pass(now time.Time) {
	for q.first != nil {
		w := q.first
		q.remove(w)
		if !w.latestStart.IsZero() && now.After(w.latestStart) ||
			!w.deadline.IsZero() && now.Add(q.service).After(w.deadline) {
			w.answer <- q.shed(ShedWaited, q.estimate(q.waiting))
			continue
		}
		q.stats.Admitted++
		w.answer <- nil
		return
	}
	q.running--
}

func (q *Queue) push(w *waiter) {
	w.queued = true
	w.prev = q.last
	if q.last == nil {
		q.first = w
	} else {
		q.last.next = w
	}
	q.last = w
	q.waiting++
}

func (q *Queue) remove(w *waiter) {
	if w.prev == nil {
		q.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next, w.queued = nil, nil, false
	q.waiting--
}

// Stats returns the counts now.
func (q *Queue) Stats() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.Running, s.Waiting, s.Service = q.running, q.waiting, q.service
	return s
}
