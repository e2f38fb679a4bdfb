package throttle

import "time"

// gcra is a limit in the form in which it is computed with. Instants are ns
// since the limiter's own beginning, never negative.
type gcra struct {
	interval, tolerance, burst int64
}

func (l Limit) gcra() gcra {
	return gcra{interval: int64(l.Interval()), tolerance: int64(l.Tolerance()), burst: l.Burst}
}

// rule is a limit and its computed form, replaced as one when the limit changes.
type rule struct {
	limit Limit
	gcra
}

func newRule(l Limit) (*rule, error) {
	if err := l.Validate(); err != nil {
		return nil, err
	}
	return &rule{limit: l, gcra: l.gcra()}, nil
}

// check returns a *CostError if no wait would let the cost pass.
func (g gcra) check(cost int64) error {
	if cost < 0 || cost > g.burst {
		return &CostError{Cost: cost, Burst: g.burst}
	}
	return nil
}

// next returns the theoretical arrival time that a cost of 0 to burst at now
// would leave of tat, and whether that is admitted. A cost of 0 only looks.
func (g gcra) next(tat, now, cost int64) (next int64, ok bool) {
	next = max(tat, now) + cost*g.interval
	return next, cost == 0 || next-now <= g.tolerance
}

// admitted returns the decision after next has become the tat. It is apart from
// next, because what is computed between the load and the swap of a tat adds to
// the chance that the swap fails.
func (g gcra) admitted(next, now int64) Decision {
	return Decision{
		Allowed:    true,
		Limit:      g.burst,
		Remaining:  max(0, g.tolerance-(next-now)) / g.interval,
		ResetAfter: time.Duration(next - now),
	}
}

// refused returns the decision that leaves tat as it is.
func (g gcra) refused(tat, next, now int64) Decision {
	ahead := max(tat-now, 0)
	return Decision{
		Limit:      g.burst,
		Remaining:  max(0, g.tolerance-ahead) / g.interval,
		RetryAfter: time.Duration(next - now - g.tolerance),
		ResetAfter: time.Duration(ahead),
	}
}

// restored returns the tat after units of the given cost were given back. What
// lies before now is a full burst, and nothing beyond it is kept.
func (g gcra) restored(tat, now, cost int64) int64 {
	return max(tat-cost*g.interval, min(tat, now))
}
