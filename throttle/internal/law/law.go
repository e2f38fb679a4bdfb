// Package law states what a limiter must hold, for tests: once as a sum over
// every stretch of time, and once as a limiter written another way.
package law

import (
	"fmt"
	"slices"
	"time"
)

// Arrival is a request that was admitted.
type Arrival struct {
	At   time.Duration
	Cost int64
}

// Breaks looks for a stretch of time in which more was admitted than the law
// (I13) allows at count units per time: the burst, and what the rate gives in
// that time. It returns words for the first one, or nothing.
func Breaks(count int64, per time.Duration, burst int64, admitted []Arrival) string {
	sorted := slices.Clone(admitted)
	slices.SortStableFunc(sorted, func(a, b Arrival) int { return int(a.At - b.At) })
	for i := range sorted {
		var sum int64
		for j := i; j < len(sorted); j++ {
			sum += sorted[j].Cost
			w := sorted[j].At - sorted[i].At
			// Exactly w*count/per, and not the interval, which is rounded.
			if allowed := burst + int64(w)*count/int64(per); sum > allowed {
				return fmt.Sprintf("%d units in %v, allowed are %d", sum, w, allowed)
			}
		}
	}
	return ""
}

// Leaky is the limiter written the other way: a bucket that leaks (the
// continuous-state form of the algorithm). It holds for a clock that does not
// run backwards.
type Leaky struct {
	Interval, Tolerance time.Duration

	level, last time.Duration
}

// Allow takes the cost if there is room for it.
func (p *Leaky) Allow(now time.Duration, cost int64) bool {
	level := max(0, p.level-(now-p.last))
	if level+time.Duration(cost)*p.Interval > p.Tolerance {
		return false
	}
	p.level, p.last = level+time.Duration(cost)*p.Interval, now
	return true
}
