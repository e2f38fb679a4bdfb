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
		{SlowPercent: 40, SlowCall: ms(64), MinCalls: 4, Window: time.Second, Buckets: 4, OpenFor: ms(200),
			JitterPercent: NoJitter},
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

// walk takes the same steps with a breaker and with the model.
type walk struct {
	t       *testing.T
	rng     *rand.Rand
	b       *Breaker
	m       *model
	start   time.Time
	steps   int
	step    int
	healthy bool
	held    []*heldPair
	changes []string // that the breaker's listener got
}

type heldPair struct {
	real  Permit
	model *modelPermit
}

func followModel(t *testing.T, cfg Config, steps int, seed uint64) {
	w := &walk{t: t, rng: rand.New(rand.NewPCG(seed, 2)), m: &model{gen: 1}, steps: steps, healthy: true}
	cfg.Name = "model"
	cfg.Rand = func(n int64) int64 {
		d := w.rng.Int64N(n)
		w.m.draws = append(w.m.draws, d)
		return d
	}
	w.b = mustNew(t, cfg)
	w.m.cfg = cfg.withDefaults()
	w.start = time.Now()
	w.b.Subscribe(func(c Change) {
		w.changes = append(w.changes,
			fmt.Sprintf("%d %v>%v %v at %v", c.Generation, c.From, c.To, c.Reason, c.At.Sub(w.start)))
	})
	seen := map[State]int{}
	for w.step = range steps {
		now := time.Since(w.start)
		w.compare(now, w.take(now))
		seen[w.m.state]++
	}
	compareOutages(t, w.b.Outages(), w.m)
	for s := Closed; s <= Disabled; s++ {
		if seen[s] < steps/500 {
			t.Errorf("only %d of %d steps were spent %v: the walk proves little", seen[s], steps, s)
		}
	}
}

// take takes a step and returns what it was.
func (w *walk) take(now time.Duration) (did string) {
	switch n := w.rng.IntN(1000); {
	case n < 400:
		return w.allow(now)
	case n < 750 && len(w.held) > 0:
		return w.done(now)
	case n < 950:
		d := ms(1 + w.rng.IntN(20)) // whole, so that limits are reached to the instant
		if w.step > w.steps/2 {
			d = time.Duration(w.rng.Int64N(int64(ms(20))))
		}
		if w.rng.IntN(20) == 0 {
			d *= 30
			w.healthy = !w.healthy
		}
		time.Sleep(d)
		return fmt.Sprintf("sleep %v", d)
	case n < 990:
		compareSnapshot(w.t, w.b.Snapshot(), w.m, now)
		return "Snapshot"
	case n < 994:
		w.b.State()
		w.m.settle(now)
		return "State"
	default:
		return operateBoth(w.rng, w.b, w.m, now, w.start)
	}
}

func (w *walk) allow(now time.Duration) (did string) {
	p := &heldPair{}
	var err error
	p.real, err = w.b.Allow()
	want, wait, ok := w.m.allow(now)
	p.model = want
	var refused *OpenError
	switch {
	case ok && err == nil:
		w.held = append(w.held, p)
	case !ok && errors.As(err, &refused) && refused.RetryAfter == wait:
	default:
		w.t.Fatalf("step %d at %v: Allow gives %v, model %v, %v", w.step, now, err, ok, wait)
	}
	return fmt.Sprintf("Allow: %v", err)
}

func (w *walk) done(now time.Duration) (did string) {
	i := w.rng.IntN(len(w.held))
	if w.rng.IntN(2) == 0 {
		i = len(w.held) - 1 // or many calls would be slow
	}
	o := Outcome(w.rng.IntN(3))
	if w.healthy && o == Failure {
		o = Success
	}
	w.held[i].real.Done(o)
	w.m.done(w.held[i].model, o, now)
	w.held = slices.Delete(w.held, i, i+1)
	return fmt.Sprintf("Done(%v)", o)
}

func (w *walk) compare(now time.Duration, did string) {
	w.t.Helper()
	type position struct {
		State      State
		Generation uint64
		Until      time.Duration
		Rejected   int64
	}
	g := w.b.cur.Load()
	got := position{g.state, g.number, time.Duration(g.until), w.b.rejected.Load()}
	if want := (position{w.m.state, w.m.gen, w.m.until, w.m.rejected}); got != want {
		w.t.Fatalf("step %d at %v, after %s:\nbreaker %+v\nmodel   %+v", w.step, now, did, got, want)
	}
	if !slices.Equal(w.changes, w.m.changes) {
		w.t.Fatalf("step %d: the listener got\n%v\nmodel\n%v", w.step, w.changes, w.m.changes)
	}
	w.changes, w.m.changes = nil, nil
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
