package throttletest_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"

	"github.com/returnkit/returnkit/throttle"
	"github.com/returnkit/returnkit/throttle/internal/law"
)

// walk is one random history: steps around the interval, often exactly, often at
// once, sometimes after a pause.
type walk struct {
	limit     throttle.Limit
	rng       *rand.Rand
	backwards bool
	now       time.Duration
	// given are the units that a request may still give back.
	given []int64
}

func newWalk(count, per, burst int64, seed uint64, backwards bool) *walk {
	return &walk{
		limit:     throttle.Limit{Count: count, Per: time.Duration(per), Burst: burst},
		rng:       rand.New(rand.NewPCG(seed, 1)),
		backwards: backwards,
	}
}

func (w *walk) step() (at time.Duration, cost int64) {
	switch w.rng.IntN(5) {
	case 0:
		w.now += w.limit.Interval()
	case 1:
		w.now += time.Duration(w.rng.Int64N(2*int64(w.limit.Interval()) + 1))
	case 2:
		w.now += time.Duration(w.rng.Int64N(int64(w.limit.Tolerance()) + 1))
	}
	at = w.now
	if w.backwards && w.rng.IntN(4) == 0 {
		at = max(0, w.now-time.Duration(w.rng.Int64N(2*int64(w.limit.Interval())+1)))
	}
	return at, 1 + w.rng.Int64N(min(w.limit.Burst, 4))
}

func (w *walk) breaks(admitted []law.Arrival) string {
	return law.Breaks(w.limit.Count, w.limit.Per, w.limit.Burst, admitted)
}

// run compares Single, Keyed and a Fair with one key with each other, with the
// other way of writing the algorithm, and with the law.
func (w *walk) run() string {
	s, err := throttle.NewSingle(w.limit)
	if err != nil {
		return err.Error()
	}
	k, err := throttle.NewKeyed(w.limit, 2)
	if err != nil {
		return err.Error()
	}
	f, err := throttle.NewFair(throttle.FairConfig{Limit: w.limit, MaxKeys: 2, MaxWait: time.Minute})
	if err != nil {
		return err.Error()
	}
	base := time.Now().Add(time.Hour)
	reference := law.Leaky{Interval: w.limit.Interval(), Tolerance: w.limit.Tolerance()}
	var admitted []law.Arrival
	for range 120 {
		at, cost := w.step()
		d, err := s.TakeAt(base.Add(at), cost)
		e, err2 := k.TakeAt(base.Add(at), "a", cost)
		g, wait, err3 := f.ReserveAt(base.Add(at), "a", cost)
		if err != nil || err2 != nil || err3 != nil || d != e || d.Allowed != g.Allowed || wait > 0 {
			return fmt.Sprintf("Single %+v, %v; Keyed %+v, %v; Fair %+v, %v, %v", d, err, e, err2, g, wait, err3)
		}
		if !w.backwards && d.Allowed != reference.Allow(at, cost) {
			return fmt.Sprintf("at %v a cost of %d: %+v, the reference differs", at, cost, d)
		}
		if d.Allowed {
			admitted = append(admitted, law.Arrival{At: at, Cost: cost})
		}
	}
	return w.breaks(admitted)
}

func TestPropertyAThrottleAdmitsAtMostItsRateAndItsBurst(t *testing.T) {
	parameters := gopter.DefaultTestParameters()
	parameters.MinSuccessfulTests = 300
	properties := gopter.NewProperties(parameters)
	for _, backwards := range []bool{false, true} {
		properties.Property(fmt.Sprintf("in every stretch of time (clock running backwards: %v)", backwards),
			prop.ForAll(
				func(count, per, burst int64, seed uint64) string {
					return newWalk(count, per, burst, seed, backwards).run()
				},
				gen.Int64Range(1, 1000), gen.Int64Range(1000, int64(10*time.Second)), gen.Int64Range(1,
					50), gen.UInt64(),
			))
	}
	properties.TestingRun(t)
}

// restores has units given back now and then. In every stretch of time no more
// may be admitted than the law allows and were given back in it.
func (w *walk) restores(take func(at time.Duration, key string, cost int64) (bool, time.Duration),
	restore func(at time.Duration, key string, cost int64)) string {
	type change struct {
		at    time.Duration
		units int64
	}
	var changes []change
	for range 150 {
		at, cost := w.step()
		if len(w.given) > 0 && w.rng.IntN(3) == 0 {
			last := len(w.given) - 1
			restore(at, "a", w.given[last])
			changes = append(changes, change{at, -w.given[last]})
			w.given = w.given[:last]
			continue
		}
		if ok, wait := take(at, fmt.Sprint(w.rng.IntN(3)), cost); ok {
			changes = append(changes, change{at + wait, cost})
			w.given = append(w.given, cost)
		}
	}
	for i := range changes {
		var sum, peak int64
		for _, c := range changes[i:] {
			if c.at < changes[i].at {
				continue // it waits longer than those that came after it
			}
			sum += c.units
			peak = max(peak, sum)
			allowed := w.limit.Burst + int64(c.at-changes[i].at)*w.limit.Count/int64(w.limit.Per)
			if sum > allowed {
				return fmt.Sprintf("%d units in %v, allowed are %d", sum, c.at-changes[i].at, allowed)
			}
		}
	}
	return ""
}

func TestPropertyWhatIsGivenBackIsAdmittedOnceMore(t *testing.T) {
	parameters := gopter.DefaultTestParameters()
	parameters.MinSuccessfulTests = 300
	properties := gopter.NewProperties(parameters)
	base := time.Now().Add(time.Hour)
	properties.Property("Single", prop.ForAll(func(count, per, burst int64, seed uint64) string {
		w := newWalk(count, per, burst, seed, false)
		s, err := throttle.NewSingle(w.limit)
		if err != nil {
			return err.Error()
		}
		return w.restores(func(at time.Duration, _ string, cost int64) (bool, time.Duration) {
			d, err := s.TakeAt(base.Add(at), cost)
			return err == nil && d.Allowed, 0
		}, func(at time.Duration, _ string, cost int64) { _ = s.RestoreAt(base.Add(at), cost) })
	}, gen.Int64Range(1, 1000), gen.Int64Range(1000, int64(10*time.Second)), gen.Int64Range(1, 50), gen.UInt64()))
	properties.Property("Fair, several keys", prop.ForAll(func(count, per, burst int64, seed uint64) string {
		w := newWalk(count, per, burst, seed, false)
		f, err := throttle.NewFair(throttle.FairConfig{Limit: w.limit, MaxKeys: 10, MaxWait: throttle.NoWait})
		if err != nil {
			return err.Error()
		}
		return w.restores(func(at time.Duration, key string, cost int64) (bool, time.Duration) {
			d, wait, err := f.ReserveAt(base.Add(at), key, cost)
			return err == nil && d.Allowed, wait
		}, func(at time.Duration, _ string, cost int64) { _ = f.RestoreAt(base.Add(at), cost) })
	}, gen.Int64Range(1, 1000), gen.Int64Range(1000, int64(10*time.Second)), gen.Int64Range(2, 50), gen.UInt64()))
	properties.TestingRun(t)
}
