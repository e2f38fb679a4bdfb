package resilience

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestConcurrentUseKeepsTheLaws runs 64 goroutines through a breaker that opens
// and recovers all the time, and checks what must hold of the changes and at the
// end.
func TestConcurrentUseKeepsTheLaws(t *testing.T) {
	configs := map[string]Config{
		"consecutive": {ConsecutiveFailures: 5, OpenFor: time.Millisecond, ProbeLease: time.Millisecond},
		"rates": {FailurePercent: 30, SlowPercent: 50, SlowCall: time.Millisecond, MinCalls: 10,
			Window: 20 * time.Millisecond, OpenFor: time.Millisecond, Probes: 2},
	}
	for name, cfg := range configs {
		t.Run(name, func(t *testing.T) {
			b := mustNew(t, cfg)
			seen := watchChanges(t, b)
			var passed, refused, clock atomic.Int64
			now := func() time.Time { return b.base.Add(time.Duration(clock.Add(int64(20 * time.Microsecond)))) }
			var wg sync.WaitGroup
			for i := range 64 {
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(uint64(i), 1))
					for n := range 500 {
						p, err := b.AllowAt(now())
						if err != nil {
							refused.Add(1)
							continue
						}
						passed.Add(1)
						o := Success
						if rng.IntN(100) < 40 {
							o = Failure
						}
						p.DoneAt(o, now())
						if n%100 == 99 && i == 0 {
							b.ForceOpenAt(now(), now().Add(time.Millisecond))
						}
					}
				})
			}
			wg.Wait()
			s := b.SnapshotAt(now())
			if passed.Load()+refused.Load() != 64*500 || s.Rejected != refused.Load() {
				t.Errorf("passed %d, refused %d, counted as refused %d", passed.Load(), refused.Load(), s.Rejected)
			}
			if seen.changes < 3 {
				t.Errorf("only %d changes: the run proves little", seen.changes)
			}
			if s.Generation != seen.generation || s.State != seen.state {
				t.Errorf("the last change was to generation %d, %v; it is %d, %v",
					seen.generation, seen.state, s.Generation, s.State)
			}
			if f := b.cur.Load().flight; f != nil && b.cur.Load().state == Closed {
				if n := f.slowAt(clock.Load() + int64(time.Hour)); n != 0 {
					t.Errorf("%d calls are in flight after all have returned", n)
				}
			}
		})
	}
}

// changesSeen is the last state that a listener was called with.
type changesSeen struct {
	inside     atomic.Int32
	generation uint64
	state      State
	changes    int
}

// watchChanges subscribes a listener that fails the test if changes are
// delivered at once or out of order.
func watchChanges(t *testing.T, b *Breaker) *changesSeen {
	s := &changesSeen{generation: 1}
	b.Subscribe(func(c Change) {
		if s.inside.Add(1) != 1 {
			t.Error("two changes are delivered at once")
		}
		if c.Generation != s.generation+1 || c.From != s.state {
			t.Errorf("generation %d from %v follows generation %d, %v", c.Generation, c.From, s.generation, s.state)
		}
		s.generation, s.state = c.Generation, c.To
		s.changes++
		s.inside.Add(-1)
	})
	return s
}

// TestFlightForgetsNoCallAndInventsNone moves calls through the slots of time
// while they pass on, on 64 goroutines.
func TestFlightForgetsNoCallAndInventsNone(t *testing.T) {
	f := newFlight(int64(time.Millisecond))
	base := time.Now()
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 3))
			var held []int64
			for range 2000 {
				if len(held) > 0 && rng.IntN(2) == 0 {
					f.end(held[0])
					held = held[1:]
					continue
				}
				now := int64(time.Since(base)) + rng.Int64N(int64(4*time.Millisecond))
				f.begin(now)
				held = append(held, now)
			}
			for _, start := range held {
				f.end(start)
			}
		})
	}
	wg.Wait()
	if n := f.slowAt(int64(time.Since(base) + time.Hour)); n != 0 || f.overdue.Load() != 0 {
		t.Errorf("%d calls in flight, %d overdue, after all have ended", n, f.overdue.Load())
	}
}

func TestProbesNeverExceedTheirPlaces(t *testing.T) {
	b := mustNew(t, Config{Probes: 3, OpenFor: time.Millisecond, ProbeLease: time.Hour})
	b.ForceOpen(time.Now().Add(-time.Second))
	var passed atomic.Int32
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if _, err := b.Allow(); err == nil {
				passed.Add(1)
			}
		})
	}
	wg.Wait()
	if n := passed.Load(); n != 3 {
		t.Errorf("%d probes passed, want 3", n)
	}
}
