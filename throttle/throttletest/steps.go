package throttletest

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/returnkit/returnkit/throttle"
	"github.com/returnkit/returnkit/throttle/internal/law"
)

// Take asks a limiter at an instant, given as the time since the limiter's
// beginning. Instants do not run backwards.
type Take func(at time.Duration, key string, cost int64) (throttle.Decision, error)

// Open makes a fresh limiter.
type Open func(t *testing.T, limit throttle.Limit) Take

type step struct {
	at   time.Duration
	cost int64
	want throttle.Decision
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// sequences are steps with the exact decision on each.
var sequences = []struct {
	name  string
	limit throttle.Limit
	steps []step
}{
	{"without a burst, one unit per interval", throttle.PerSecond(10, 1), []step{
		{0, 1, yes(1, 0, ms(100))},
		{0, 1, no(1, 0, ms(100), ms(100))},
		{ms(99), 1, no(1, 0, ms(1), ms(1))},
		{ms(100), 1, yes(1, 0, ms(100))},
	}},
	{"a burst comes at once, then the rate", throttle.PerSecond(10, 3), []step{
		{0, 1, yes(3, 2, ms(100))},
		{0, 1, yes(3, 1, ms(200))},
		{0, 1, yes(3, 0, ms(300))},
		{0, 1, no(3, 0, ms(100), ms(300))},
		{ms(100), 1, yes(3, 0, ms(300))},
		{ms(250), 1, yes(3, 0, ms(250))},
		{ms(250), 1, no(3, 0, ms(50), ms(250))},
	}},
	{"a pause earns the burst and no more", throttle.PerSecond(10, 3), []step{
		{0, 3, yes(3, 0, ms(300))},
		{time.Hour, 3, yes(3, 0, ms(300))},
		{time.Hour, 1, no(3, 0, ms(100), ms(300))},
	}},
	{"a refusal takes nothing", throttle.PerSecond(10, 3), []step{
		{0, 2, yes(3, 1, ms(200))},
		{0, 2, no(3, 1, ms(100), ms(200))},
		{0, 2, no(3, 1, ms(100), ms(200))},
		{0, 1, yes(3, 0, ms(300))},
	}},
	{"a cost of 0 only looks", throttle.PerSecond(10, 3), []step{
		{0, 0, yes(3, 3, 0)},
		{0, 3, yes(3, 0, ms(300))},
		{0, 0, yes(3, 0, ms(300))},
		{ms(150), 0, yes(3, 1, ms(150))},
	}},
	{"an interval that is not whole is rounded against the client", throttle.PerSecond(3, 1), []step{
		{0, 1, yes(1, 0, 333_333_334)},
		{333_333_333, 1, no(1, 0, 1, 1)},
		{333_333_334, 1, yes(1, 0, 333_333_334)},
	}},
	{"a slow limit is exact to the nanosecond", throttle.Limit{Count: 1, Per: 24 * time.Hour, Burst: 90}, []step{
		{1, 90, yes(90, 0, 90*24*time.Hour)},
		{24 * time.Hour, 1, no(90, 0, 1, 89*24*time.Hour+1)},
		{24*time.Hour + 1, 1, yes(90, 0, 90*24*time.Hour)},
		{200*24*time.Hour + 999_999_999, 90, yes(90, 0, 90*24*time.Hour)},
		{201*24*time.Hour + 999_999_998, 1, no(90, 0, 1, 89*24*time.Hour+1)},
	}},
}

func yes(limit, remaining int64, reset time.Duration) throttle.Decision {
	return throttle.Decision{Allowed: true, Limit: limit, Remaining: remaining, ResetAfter: reset}
}

func no(limit, remaining int64, retry, reset time.Duration) throttle.Decision {
	return throttle.Decision{Limit: limit, Remaining: remaining, RetryAfter: retry, ResetAfter: reset}
}

// Steps checks a limiter whose clock can be set: exact decisions on sequences of
// steps, refused costs, and random walks against another way of writing the
// algorithm and against the law.
func Steps(t *testing.T, open Open) {
	for _, s := range sequences {
		t.Run(s.name, func(t *testing.T) {
			take := open(t, s.limit)
			for i, step := range s.steps {
				if d, err := take(step.at, "a", step.cost); d != step.want || err != nil {
					t.Errorf("step %d (%v, cost %d): %+v, %v, want %+v", i, step.at, step.cost, d, err, step.want)
				}
			}
		})
	}
	t.Run("a cost above the burst is a refusal of its own", func(t *testing.T) {
		take := open(t, throttle.PerSecond(10, 5))
		for _, cost := range []int64{6, -1, 1 << 62} {
			d, err := take(0, "a", cost)
			var e *throttle.CostError
			if !errors.As(err, &e) || !errors.Is(err, throttle.ErrCost) ||
				*e != (throttle.CostError{Cost: cost, Burst: 5}) || d.Allowed {
				t.Errorf("a cost of %d gives %+v, %v", cost, d, err)
			}
		}
		if d, err := take(0, "a", 5); !d.Allowed || err != nil {
			t.Errorf("the refusals took something: %+v, %v", d, err)
		}
	})
	t.Run("random walks keep the law", func(t *testing.T) {
		for seed := range uint64(20) {
			walk(t, open, rand.New(rand.NewPCG(seed, 13)))
		}
	})
}

func walk(t *testing.T, open Open, rng *rand.Rand) {
	l := throttle.Limit{
		Count: 1 + rng.Int64N(1000),
		Per:   time.Duration(1000 + rng.Int64N(int64(10*time.Second))),
		Burst: 1 + rng.Int64N(50),
	}
	take := open(t, l)
	reference := law.Leaky{Interval: l.Interval(), Tolerance: l.Tolerance()}
	var admitted []law.Arrival
	var now time.Duration
	for step := range 100 {
		// Around the interval, often exactly, often at once, sometimes a pause.
		switch rng.IntN(5) {
		case 0:
			now += l.Interval()
		case 1:
			now += time.Duration(rng.Int64N(2*int64(l.Interval()) + 1))
		case 2:
			now += time.Duration(rng.Int64N(int64(l.Tolerance()) + 1))
		}
		cost := 1 + rng.Int64N(min(l.Burst, 4))
		d, err := take(now, "a", cost)
		if err != nil {
			t.Fatalf("%v, step %d at %v: %v", l, step, now, err)
		}
		if want := reference.Allow(now, cost); d.Allowed != want {
			t.Fatalf("%v, step %d at %v, cost %d: %+v, the reference says %v", l, step, now, cost, d, want)
		}
		if d.Allowed {
			admitted = append(admitted, law.Arrival{At: now, Cost: cost})
		}
	}
	if broken := law.Breaks(l.Count, l.Per, l.Burst, admitted); broken != "" {
		t.Errorf("%v: %s", l, broken)
	}
}
