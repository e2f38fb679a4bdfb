package resilience

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestBreakerFollowsTheModel takes 100,000 random steps with a breaker and with
// the model and compares them after each.
func TestBreakerFollowsTheModel(t *testing.T) {
	configs := []Config{
		{ConsecutiveFailures: 3, OpenFor: ms(300), MaxOpenFor: ms(800)},
		{FailurePercent: 50, MinCalls: 5, Window: time.Second, OpenFor: ms(300), Probes: 3, ProbeLease: ms(200)},
		{SlowPercent: 40, SlowCall: ms(64), MinCalls: 4, Window: time.Second, Buckets: 4, OpenFor: ms(200), JitterPercent: NoJitter},
		{ConsecutiveFailures: 6, FailurePercent: 67, SlowPercent: 34, SlowCall: ms(100), MinCalls: 7,
			Window: 2 * time.Second, Buckets: 7, OpenFor: ms(100), Probes: 2, JitterPercent: 50},
	}
	for i, cfg := range configs {
		t.Run(fmt.Sprint("config ", i), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				followModel(t, cfg, 25_000, uint64(i)+1)
			})
		})
	}
}

func followModel(t *testing.T, cfg Config, steps int, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 2))
	m := &model{gen: 1}
	cfg.Name = "model"
	cfg.Rand = func(n int64) int64 {
		d := rng.Int64N(n)
		m.draws = append(m.draws, d)
		return d
	}
	b := mustNew(t, cfg)
	m.cfg = cfg.withDefaults()
	start := time.Now()
	var changes []string
	b.Subscribe(func(c Change) {
		changes = append(changes, fmt.Sprintf("%d %v>%v %v at %v", c.Generation, c.From, c.To, c.Reason, c.At.Sub(start)))
	})

	type pair struct {
		real  Permit
		model *modelPermit
	}
	var held []*pair
	seen := map[State]int{}
	healthy := true
	for step := range steps {
		now := time.Since(start)
		did := ""
		switch n := rng.IntN(1000); {
		case n < 400:
			p := &pair{}
			var err error
			p.real, err = b.Allow()
			want, wait, ok := m.allow(now)
			p.model = want
			did = fmt.Sprintf("Allow: %v", err)
			var refused *OpenError
			switch {
			case ok && err == nil:
				held = append(held, p)
			case !ok && errors.As(err, &refused) && refused.RetryAfter == wait:
			default:
				t.Fatalf("step %d at %v: Allow gives %v, model %v, %v", step, now, err, ok, wait)
			}
		case n < 750 && len(held) > 0:
			i := rng.IntN(len(held))
			if rng.IntN(2) == 0 {
				i = len(held) - 1 // or most calls would be slow
			}
			o := Outcome(rng.IntN(3))
			if healthy && o == Failure {
				o = Success
			}
			did = fmt.Sprintf("Done(%v)", o)
			held[i].real.Done(o)
			m.done(held[i].model, o, now)
			held = slices.Delete(held, i, i+1)
		case n < 950:
			d := ms(1 + rng.IntN(20)) // whole, so that limits are met to the instant
			if step > steps/2 {
				d = time.Duration(rng.Int64N(int64(ms(20))))
			}
			if rng.IntN(20) == 0 {
				d *= 30
				healthy = !healthy
			}
			did = fmt.Sprintf("sleep %v", d)
			time.Sleep(d)
		case n < 990:
			did = "Snapshot"
			compareSnapshot(t, b.Snapshot(), m, now)
		case n < 994:
			did = "State"
			b.State()
			m.settle(now)
		default:
			did = operateBoth(rng, b, m, now, start)
		}
		g := b.cur.Load()
		if g.state != m.state || g.number != m.gen || time.Duration(g.until) != m.until || b.rejected.Load() != m.rejected {
			t.Fatalf("step %d at %v, after %s:\nbreaker %v, generation %d, until %v, rejected %d\nmodel   %v, generation %d, until %v, rejected %d",
				step, now, did, g.state, g.number, time.Duration(g.until), b.rejected.Load(), m.state, m.gen, m.until, m.rejected)
		}
		if !slices.Equal(changes, m.changes) {
			t.Fatalf("step %d: listener heard\n%v\nmodel\n%v", step, changes, m.changes)
		}
		changes, m.changes = nil, nil
		seen[g.state]++
	}
	compareOutages(t, b.Outages(), m)
	for s := Closed; s <= Disabled; s++ {
		if seen[s] < steps/500 {
			t.Errorf("only %d of %d steps were spent %v: the walk proves little", seen[s], steps, s)
		}
	}
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func operateBoth(rng *rand.Rand, b *Breaker, m *model, now time.Duration, start time.Time) string {
	var until time.Time
	var end time.Duration
	if rng.IntN(2) == 0 {
		end = now + 1 + time.Duration(rng.Int64N(int64(ms(500))))
		until = start.Add(end)
	}
	switch rng.IntN(4) {
	case 0:
		b.ForceOpen(until)
		m.enter(now, ForcedOpen, end, ReasonOperator)
		return "ForceOpen"
	case 1:
		b.Disable(until)
		m.enter(now, Disabled, end, ReasonOperator)
		return "Disable"
	}
	b.Reset()
	m.enter(now, Closed, 0, ReasonOperator)
	return "Reset"
}

func compareSnapshot(t *testing.T, s Snapshot, m *model, now time.Duration) {
	t.Helper()
	m.settle(now)
	want := m.counts(now)
	got := s.Counts
	got.Rejected = 0
	if got != want || s.State != m.state {
		t.Fatalf("at %v: snapshot %v %+v, model %v %+v", now, s.State, got, m.state, want)
	}
}

func compareOutages(t *testing.T, got []Outage, m *model) {
	t.Helper()
	want := m.outages
	if m.outage {
		want[len(want)-1].Rejected += m.rejected
	}
	if over := len(want) - len(got); over > 0 && len(got) >= maxOutages {
		want = want[over:]
	}
	if len(got) != len(want) {
		t.Fatalf("%d outages, model %d", len(got), len(want))
	}
	for i, o := range got {
		w := want[i]
		if o.Cause != w.Cause || o.Repaired != w.Repaired || o.Openings != w.Openings || o.Rejected != w.Rejected {
			t.Errorf("outage %d: %+v, model %+v", i, o, w)
		}
	}
}
