package throttle

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/throttle/internal/law"
)

func breaks(l Limit, admitted []law.Arrival) string {
	return law.Breaks(l.Count, l.Per, l.Burst, admitted)
}

func (l Limit) leaky() *law.Leaky {
	return &law.Leaky{Interval: l.Interval(), Tolerance: l.Tolerance()}
}

// TestKeyedFollowsAMapOfPlainLimiters compares a small store, in which keys are
// forgotten all the time, with a map that forgets nothing.
func TestKeyedFollowsAMapOfPlainLimiters(t *testing.T) {
	l := PerSecond(10, 3)
	k := mustKeyed(t, l, 40)
	rng := rand.New(rand.NewPCG(1, 2))
	reference := map[string]*law.Leaky{}
	keys := manyKeys(2000)
	var now int64
	refused, forgotten := 0, 0
	for step := range 200_000 {
		now += rng.Int64N(int64(ms(20)))
		key := keys[rng.IntN(len(keys))]
		if rng.IntN(3) > 0 {
			key = keys[rng.IntN(8)] // some come often
		}
		p := reference[key]
		if p == nil {
			p = l.leaky()
			reference[key] = p
		}
		cost := 1 + rng.Int64N(3)
		d, err := k.take(key, now, cost)
		if err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		if want := p.Allow(time.Duration(now), cost); d.Allowed != want {
			t.Fatalf("step %d at %v: key %s, cost %d: %+v, the reference says %v", step, time.Duration(now), key,
				cost, d, want)
		}
		if !d.Allowed {
			refused++
		}
	}
	for i := range k.table.stripes {
		if k.table.stripes[i].forgotten.Load() > 0 {
			forgotten++
		}
	}
	if refused < 1000 || forgotten == 0 {
		t.Errorf("%d refused, keys forgotten in %d stripes: the run proves little", refused, forgotten)
	}
}

// TestKeyedHoldsTheLawUnderRace has 64 goroutines ask for a few keys while a
// crowd of others pushes them out of their slots.
func TestKeyedHoldsTheLawUnderRace(t *testing.T) {
	l := Limit{Count: 1000, Per: time.Second, Burst: 3}
	k := mustKeyed(t, l, 24)
	var clock atomic.Int64
	var mu sync.Mutex
	admitted := map[string][]law.Arrival{}
	var wg sync.WaitGroup
	full := 0
	for i := range 64 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 9))
			mine := map[string][]law.Arrival{}
			misses := 0
			for n := range 1500 {
				// Each goroutine reads the clock a little late or early.
				now := clock.Add(int64(100*time.Microsecond)) - rng.Int64N(int64(50*time.Microsecond))
				key := fmt.Sprint("crowd ", i, n)
				if rng.IntN(2) == 0 {
					key = fmt.Sprint("key ", rng.IntN(5))
				}
				d, err := k.take(key, now, 1)
				if err != nil {
					misses++
					continue
				}
				if d.Allowed {
					mine[key] = append(mine[key], law.Arrival{At: time.Duration(now), Cost: 1})
				}
			}
			mu.Lock()
			defer mu.Unlock()
			full += misses
			for key, list := range mine {
				admitted[key] = append(admitted[key], list...)
			}
		})
	}
	wg.Wait()
	for n := range 5 {
		list := admitted[fmt.Sprint("key ", n)]
		if broken := breaks(l, list); broken != "" {
			t.Errorf("key %d: %s", n, broken)
		}
		if len(list) < 500 {
			t.Errorf("key %d was admitted only %d times: the run proves little", n, len(list))
		}
	}
	if full > 64*1500/2 {
		t.Errorf("the store was full %d times", full)
	}
}

func TestSingleHoldsTheLawUnderRace(t *testing.T) {
	l := Limit{Count: 1000, Per: time.Second, Burst: 20}
	s := mustSingle(t, l)
	var clock atomic.Int64
	var mu sync.Mutex
	var admitted []law.Arrival
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 500 {
				now := clock.Add(int64(100 * time.Microsecond))
				if d, _ := s.take(now, 1); d.Allowed {
					mu.Lock()
					admitted = append(admitted, law.Arrival{At: time.Duration(now), Cost: 1})
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if broken := breaks(l, admitted); broken != "" {
		t.Error(broken)
	}
	if n := len(admitted); n < 3000 {
		t.Errorf("%d of about 3220 were admitted", n)
	}
}
