package throttle

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// Single is a limiter with one key for everything. Make one with [NewSingle]. The zero
// value refuses everything with [ErrZeroValue].
//
// A Single may be used by many goroutines at once; a decision takes no lock and
// allocates nothing.
//
// Methods that need the time have twins, ending in At, that take it. Instants
// given to twins come from one clock. One that lies before an earlier one is
// judged as it stands and admits nothing that the law forbids.
type Single struct {
	rule atomic.Pointer[rule] // nil: zero value
	base time.Time
	_    [64]byte
	tat  atomic.Int64
	_    [56]byte
}

var _ Restorer = (*Single)(nil)

// NewSingle returns a limiter with its whole burst available, or the error of
// [Limit.Validate].
func NewSingle(limit Limit) (*Single, error) {
	r, err := newRule(limit)
	if err != nil {
		return nil, err
	}
	s := &Single{base: time.Now()}
	s.rule.Store(r)
	return s, nil
}

// Limit returns the limit now.
func (s *Single) Limit() Limit {
	if r := s.rule.Load(); r != nil {
		return r.limit
	}
	return Limit{}
}

// SetLimit changes the limit for decisions from now on, and returns the error of
// [Limit.Validate] if it is not valid. What was taken remains taken, measured in
// the time that it took under the old limit.
func (s *Single) SetLimit(limit Limit) error {
	if s.rule.Load() == nil {
		return errZeroSingle
	}
	r, err := newRule(limit)
	if err != nil {
		return err
	}
	s.rule.Store(r)
	return nil
}

func (s *Single) now() int64                { return int64(time.Since(s.base)) }
func (s *Single) instant(t time.Time) int64 { return max(0, int64(t.Sub(s.base))) }

// Allow takes one unit if it can, and reports whether it did.
func (s *Single) Allow() bool { return s.allow(s.now()) }

// AllowAt is Allow at the given instant.
func (s *Single) AllowAt(now time.Time) bool { return s.allow(s.instant(now)) }

func (s *Single) allow(now int64) bool {
	r := s.rule.Load()
	if r == nil {
		return false
	}
	for {
		tat := s.tat.Load()
		next, ok := r.next(tat, now, 1)
		if !ok {
			return false
		}
		if s.tat.CompareAndSwap(tat, next) {
			return true
		}
	}
}

// Take satisfies [Limiter]; the key makes no difference. It returns a
// *[CostError] if the cost is not 0 to the burst. It does not wait, and does not
// look at ctx.
func (s *Single) Take(_ context.Context, _ string, cost int64) (Decision, error) {
	return s.take(s.now(), cost)
}

// TakeAt is Take at the given instant.
func (s *Single) TakeAt(now time.Time, cost int64) (Decision, error) {
	return s.take(s.instant(now), cost)
}

func (s *Single) take(now, cost int64) (Decision, error) {
	r := s.rule.Load()
	if r == nil {
		return Decision{}, errZeroSingle
	}
	if cost < 0 || cost > r.burst {
		return Decision{Limit: r.burst}, r.check(cost)
	}
	for {
		tat := s.tat.Load()
		next, ok := r.next(tat, now, cost)
		if !ok {
			return r.refused(tat, next, now), nil
		}
		if cost == 0 || s.tat.CompareAndSwap(tat, next) {
			return r.admitted(next, now), nil
		}
	}
}

// Restore satisfies [Restorer]; the key makes no difference.
func (s *Single) Restore(_ context.Context, _ string, cost int64) error {
	return s.restore(s.now(), cost)
}

// RestoreAt is Restore at the given instant.
func (s *Single) RestoreAt(now time.Time, cost int64) error { return s.restore(s.instant(now), cost) }

func (s *Single) restore(now, cost int64) error {
	r := s.rule.Load()
	if r == nil {
		return errZeroSingle
	}
	if err := r.check(cost); err != nil {
		return err
	}
	for {
		tat := s.tat.Load()
		if s.tat.CompareAndSwap(tat, r.restored(tat, now, cost)) {
			return nil
		}
	}
}

// Wait takes cost units and returns when they may pass; callers are served in
// the order of their calls.
//
// It returns at once, taking nothing, with a *[CostError], the error of a ctx
// that has ended, or, if ctx would end before the turn comes, an error that is
// context.DeadlineExceeded. If ctx is canceled during the wait, its error is
// returned and the units remain taken: others have been given later turns by
// then.
func (s *Single) Wait(ctx context.Context, cost int64) error {
	wait, err := s.turn(ctx, cost)
	if err != nil || wait <= 0 {
		return err
	}
	return sleep(ctx, wait)
}

// turn takes the next turn, and returns how long from now it is.
func (s *Single) turn(ctx context.Context, cost int64) (time.Duration, error) {
	r := s.rule.Load()
	if r == nil {
		return 0, errZeroSingle
	}
	if err := r.check(cost); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	for now := s.now(); ; {
		tat := s.tat.Load()
		next := max(tat, now) + cost*r.interval
		wait := time.Duration(next - now - r.tolerance)
		if deadline, ok := ctx.Deadline(); ok && wait > 0 && time.Until(deadline) < wait {
			return 0, fmt.Errorf("throttle: turn comes in %v, after the deadline: %w", wait, context.DeadlineExceeded)
		}
		if wait > maxTolerance {
			return 0, fmt.Errorf("throttle: turn comes in %v, allowed is up to %v", wait, maxTolerance)
		}
		if cost == 0 || s.tat.CompareAndSwap(tat, next) {
			return wait, nil
		}
	}
}

// sleep waits for d, or until ctx ends, whose error it returns then.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
