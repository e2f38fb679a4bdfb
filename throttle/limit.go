package throttle

import (
	"fmt"
	"time"
)

// Limit is a rate with a burst: Count units per Per, and up to Burst of them at
// once. One request costs one unit unless it says otherwise.
type Limit struct {
	// Count is how many units may pass in Per, 1 to one per nanosecond.
	Count int64
	// Per is the time that Count refers to, at most a year.
	Per time.Duration
	// Burst is how many units may come at once after a pause, at least 1. The
	// time to earn it, Burst * Per / Count, is at most ten years.
	Burst int64
}

// PerSecond returns the limit of count units a second with the given burst.
func PerSecond(count, burst int64) Limit {
	return Limit{Count: count, Per: time.Second, Burst: burst}
}

const (
	maxPer       = 366 * 24 * time.Hour
	maxTolerance = 10 * 366 * 24 * time.Hour
)

// Validate reports the first field that is out of its range.
func (l Limit) Validate() error {
	switch {
	case l.Per <= 0 || l.Per > maxPer:
		return fmt.Errorf("throttle: Limit.Per is %v, allowed is 1ns to %v", l.Per, maxPer)
	case l.Count <= 0 || l.Count > int64(l.Per):
		return fmt.Errorf("throttle: Limit.Count is %d, allowed is 1 to %d (one per nanosecond of Per)",
			l.Count, int64(l.Per))
	case l.Burst <= 0 || l.Burst > int64(maxTolerance/l.Interval()):
		return fmt.Errorf("throttle: Limit.Burst is %d, allowed is 1 to %d at %d per %v",
			l.Burst, int64(maxTolerance/l.Interval()), l.Count, l.Per)
	}
	return nil
}

// Interval returns the time that one unit takes: Per / Count, rounded up to
// whole nanoseconds. It returns 0 if Per or Count is not positive.
func (l Limit) Interval() time.Duration {
	if l.Per <= 0 || l.Count <= 0 {
		return 0
	}
	return (l.Per-1)/time.Duration(l.Count) + 1
}

// Share returns the part of the limit that one of n processes takes when they
// cannot share it: Count / n per Per and Burst / n, each at least one unit. With
// n below 2 it is the limit itself.
func (l Limit) Share(n int) Limit {
	if n < 2 {
		return l
	}
	if l.Count < int64(n) { // keep the rate exact where Count does not divide
		l.Per = min(l.Per*time.Duration(n), maxPer)
	} else {
		l.Count /= int64(n)
	}
	l.Burst = max(1, l.Burst/int64(n))
	return l
}

// Tolerance returns the time in which the burst is earned: Burst intervals.
func (l Limit) Tolerance() time.Duration {
	return time.Duration(l.Burst) * l.Interval()
}

// String returns a limit as people say it, such as "100 per 1s, burst 5".
func (l Limit) String() string {
	return fmt.Sprintf("%d per %v, burst %d", l.Count, l.Per, l.Burst)
}

// Decision is the answer of a limiter.
type Decision struct {
	// Allowed says whether the request may pass; its cost is then taken.
	Allowed bool
	// Limit is the burst: the most that Remaining can be.
	Limit int64
	// Remaining is how many units could pass now, after this decision.
	Remaining int64
	// RetryAfter is how long from now the same request will pass, if no other
	// comes before it. Zero when it was allowed.
	RetryAfter time.Duration
	// ResetAfter is how long from now Remaining will be Limit again, if nothing
	// is taken.
	ResetAfter time.Duration
	// OverShare says that a [Fair] limiter found the key to ask for more than its
	// share while others asked too.
	OverShare bool
}

// Decide returns the decision on a cost when the key's theoretical arrival time
// lies so far ahead of now (zero or less: not at all). It is the arithmetic of
// this package for limiters that keep that time elsewhere, in a database or
// another process: if the cost is allowed, the time ahead becomes
// [Decision.ResetAfter], and otherwise it stays as it is. Reading it and writing
// it back must be one atomic step.
//
// It returns a *[CostError] if the cost is not 0 to the burst, and the error of
// [Limit.Validate] if the limit is not valid.
func (l Limit) Decide(ahead time.Duration, cost int64) (Decision, error) {
	if err := l.Validate(); err != nil {
		return Decision{}, err
	}
	g := l.gcra()
	if err := g.check(cost); err != nil {
		return Decision{Limit: g.burst}, err
	}
	next, ok := g.next(int64(ahead), 0, cost)
	if !ok {
		return g.refused(int64(ahead), next, 0), nil
	}
	return g.admitted(next, 0), nil
}
