package throttle

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// Single is a limiter with one key for everything. Make one with [NewSingle]. It
// may be used by many goroutines at once; a decision takes no lock and allocates
// nothing.
//
// Methods that need the time have twins, ending in At, that take it. Instants
// given to twins come from one clock. One that lies before an earlier one is
// judged as it stands and admits nothing that the law forbids.
type Single struct {
	limit Limit
	gcra  gcra
	base  time.Time
	_     [64]byte
	tat   atomic.Int64
	_     [56]byte
}

var _ Limiter = (*Single)(nil)

// NewSingle returns a limiter with its whole burst at hand, or the error of
// [Limit.Validate].
func NewSingle(limit Limit) (*Single, error) {
	if err := limit.Validate(); err != nil {
		return nil, err
	}
	return &Single{limit: limit, gcra: limit.gcra(), base: time.Now()}, nil
}

// Limit returns the limit.
func (s *Single) Limit() Limit { return s.limit }

func (s *Single) now() int64                { return int64(time.Since(s.base)) }
func (s *Single) instant(t time.Time) int64 { return max(0, int64(t.Sub(s.base))) }

// Allow takes one unit if it can.
func (s *Single) Allow() bool { return s.allow(s.now()) }

// AllowAt is Allow at the given instant.
func (s *Single) AllowAt(now time.Time) bool { return s.allow(s.instant(now)) }

func (s *Single) allow(now int64) bool {
	for {
		tat := s.tat.Load()
		next, ok := s.gcra.next(tat, now, 1)
		if !ok {
			return false
		}
		if s.tat.CompareAndSwap(tat, next) {
			return true
		}
	}
}

// Take satisfies [Limiter]; the key makes no difference. Its only error is a
// *[CostError]. It does not wait, and does not look at ctx.
func (s *Single) Take(_ context.Context, _ string, cost int64) (Decision, error) {
	return s.take(s.now(), cost)
}

// TakeAt is Take at the given instant.
func (s *Single) TakeAt(now time.Time, cost int64) (Decision, error) {
	return s.take(s.instant(now), cost)
}

func (s *Single) take(now, cost int64) (Decision, error) {
	if err := s.gcra.check(cost); err != nil {
		return Decision{Limit: s.gcra.burst}, err
	}
	for {
		tat := s.tat.Load()
		next, ok := s.gcra.next(tat, now, cost)
		if !ok {
			return s.gcra.refused(tat, next, now), nil
		}
		if cost == 0 || s.tat.CompareAndSwap(tat, next) {
			return s.gcra.admitted(next, now), nil
		}
	}
}

// Wait takes cost units and returns when they may pass; callers are served in
// the order of their calls. It returns at once, taking nothing, with a
// *[CostError], the error of a ctx that has ended, or, if ctx would end before
// the turn comes, an error that is context.DeadlineExceeded. If ctx is cancelled
// during the wait, its error is returned and the units remain taken: others have
// been given later turns by then.
func (s *Single) Wait(ctx context.Context, cost int64) error {
	if err := s.gcra.check(cost); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	now := s.now()
	var wait time.Duration
	for {
		tat := s.tat.Load()
		next := max(tat, now) + cost*s.gcra.interval
		wait = time.Duration(next - now - s.gcra.tolerance)
		if wait > 0 {
			if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
				return fmt.Errorf("throttle: turn comes in %v, after the deadline: %w", wait, context.DeadlineExceeded)
			}
			if wait > maxTolerance {
				return fmt.Errorf("throttle: turn comes in %v, allowed is up to %v", wait, maxTolerance)
			}
		}
		if cost == 0 || s.tat.CompareAndSwap(tat, next) {
			break
		}
	}
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
