package throttle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/throttle/internal/law"
)

// client sends requests under one key at a mean rate, with random gaps.
type client struct {
	key  string
	rate float64
}

// tally counts the requests of a client.
type tally struct{ asked, passed int }

func (t tally) share() float64 { return float64(t.passed) / float64(max(1, t.asked)) }

// simulate has the clients ask for so long, in simulated time, and also checks
// that no more was admitted than the law allows.
func simulate(t *testing.T, cfg FairConfig, lasts time.Duration, clients ...client) map[string]tally {
	t.Helper()
	f := mustFair(t, cfg)
	type arrival struct {
		at  time.Duration
		key string
	}
	var arrivals []arrival
	for i, c := range clients {
		rng := rand.New(rand.NewPCG(uint64(i), 7))
		for at := 0.0; ; {
			at += rng.ExpFloat64() / c.rate
			if at >= lasts.Seconds() {
				break
			}
			arrivals = append(arrivals, arrival{time.Duration(at * 1e9), c.key})
		}
	}
	slices.SortFunc(arrivals, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	tallies := map[string]tally{}
	var admitted []law.Arrival
	for _, a := range arrivals {
		d, wait, err := f.ReserveAt(f.base.Add(a.at), a.key, 1)
		if err != nil || wait > cfg.wait() {
			t.Fatalf("%s at %v: wait %v, %v", a.key, a.at, wait, err)
		}
		got := tallies[a.key]
		got.asked++
		if d.Allowed {
			got.passed++
			admitted = append(admitted, law.Arrival{At: a.at + wait, Cost: 1})
		}
		tallies[a.key] = got
	}
	if broken := breaks(cfg.Limit, admitted); broken != "" {
		t.Error(broken)
	}
	return tallies
}

func honest(n int, rate float64) (all []client) {
	for i := range n {
		all = append(all, client{fmt.Sprint("honest ", i), rate})
	}
	return all
}

// TestOneAttackerBesideFortyHonestClients is the case that one shared limit gets
// wrong: an attacker asks at 100 times the limit.
func TestOneAttackerBesideFortyHonestClients(t *testing.T) {
	for _, tt := range []struct {
		name   string
		cfg    FairConfig
		honest float64 // each, a second
	}{
		{"the shop's default", FairConfig{Limit: PerSecond(100, 5)}, 1},
		{"without a wait", FairConfig{Limit: PerSecond(100, 10), MaxWait: NoWait}, 1},
		{"no burst at all", FairConfig{Limit: PerSecond(100, 1), MaxWait: ms(50)}, 1},
		{"honest clients need nine tenths", FairConfig{Limit: PerSecond(100, 20), MaxWait: ms(100)}, 2.25},
		{"a slow limit", FairConfig{Limit: PerSecond(2, 1)}, 0.02},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.cfg.MaxKeys = 1000
			limit := float64(tt.cfg.Limit.Count)
			lasts := time.Duration(1500/limit) * time.Second
			got := simulate(t, tt.cfg, lasts, append(honest(40, tt.honest), client{"attacker", 100 * limit})...)
			var all tally
			for key, one := range got {
				if key != "attacker" {
					all.asked, all.passed = all.asked+one.asked, all.passed+one.passed
				}
			}
			used := float64(all.passed+got["attacker"].passed) / (limit * lasts.Seconds())
			t.Logf("honest: %d of %d passed (%.1f %%); attacker: %d of %d; %.1f %% of the limit used",
				all.passed, all.asked, 100*all.share(), got["attacker"].passed, got["attacker"].asked, 100*used)
			if all.share() < 0.95 {
				t.Errorf("%.1f %% of the honest requests passed, want 95 %%", 100*all.share())
			}
			if used < 0.99 {
				t.Errorf("%.1f %% of the limit was used, want all of it", 100*used)
			}
		})
	}
}

func TestAKeyAloneUsesAllOfTheLimit(t *testing.T) {
	for _, limit := range []Limit{PerSecond(100, 5), PerSecond(2, 2)} {
		const lasts = 100 * time.Second
		got := simulate(t, FairConfig{Limit: limit, MaxKeys: 100}, lasts,
			client{"alone", 20 * float64(limit.Count)})["alone"]
		want := int(limit.Count*int64(lasts/time.Second) + limit.Burst)
		if got.passed < want*99/100 || got.passed > want {
			t.Errorf("%v: %d passed in %v, want %d", limit, got.passed, lasts, want)
		}
		single := mustFair(t, FairConfig{Limit: limit, MaxKeys: 100})
		for i := range limit.Burst {
			if d, wait, err := single.ReserveAt(single.base, "alone", 1); !d.Allowed || wait != 0 || err != nil {
				t.Errorf("%v: unit %d of the burst: %+v, %v, %v", limit, i, d, wait, err)
			}
		}
	}
}

func TestTwoGreedyKeysGetTheSame(t *testing.T) {
	got := simulate(t, FairConfig{Limit: PerSecond(100, 10), MaxKeys: 100, MaxWait: NoWait}, time.Minute,
		client{"ten times", 1000}, client{"hundred times", 10_000})
	for key, one := range got {
		if one.passed < 2700 {
			t.Errorf("%s: %d passed, half is 3000", key, one.passed)
		}
	}
}

func TestAShareBindsOnlyWhileOthersAsk(t *testing.T) {
	f := mustFair(t, FairConfig{Limit: PerSecond(100, 10), MaxKeys: 100, MaxWait: NoWait})
	greedy := func(from, to time.Duration) (passed int) {
		for at := from; at < to; at += time.Millisecond {
			if d, _, _ := f.ReserveAt(f.base.Add(at), "greedy", 1); d.Allowed {
				passed++
			}
		}
		return passed
	}
	greedy(0, time.Second)
	_, _, _ = f.ReserveAt(f.base.Add(time.Second), "another", 1)
	greedy(time.Second, time.Second+ms(100))
	for n := range 50 {
		if d, _, _ := f.ReserveAt(f.base.Add(time.Second+ms(100)), fmt.Sprint(n), 1); n < 5 && !d.Allowed {
			t.Errorf("request %d of another was refused: nothing was kept for it", n)
		}
	}
	if n := f.asking.at(int64(time.Second + ms(200))).n; n < 45 || n > 54 {
		t.Errorf("%d keys ask, want 52", n)
	}
	greedy(time.Second+ms(200), 4*time.Second)
	if n := greedy(4*time.Second, 5*time.Second); n != 100 {
		t.Errorf("alone again, %d passed in a second, want 100", n)
	}
}

func TestARequestForNothingCostsItsSenderAShareAndOthersNothing(t *testing.T) {
	f := mustFair(t, FairConfig{Limit: PerSecond(10, 4), MaxKeys: 100, MaxWait: NoWait})
	at := f.base
	for _, key := range []string{"other", "empty cart"} {
		_, _, _ = f.ReserveAt(at, key, 1)
		_ = f.RestoreAt(at, 1)
	}
	over := 0
	for range 100 {
		if d, _, _ := f.ReserveAt(at, "empty cart", 1); d.Allowed {
			if d.OverShare {
				over++
			}
			if err := f.RestoreAt(at, 1); err != nil {
				t.Fatal(err)
			}
		}
	}
	if over < 90 {
		t.Errorf("%d of 100 requests for nothing were beyond the share", over)
	}
	for i := range 4 {
		if d, _, _ := f.ReserveAt(at, "other", 1); !d.Allowed {
			t.Errorf("request %d of the other: %+v", i, d)
		}
	}
}

func TestARequestWithinItsShareWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := mustFair(t, FairConfig{Limit: PerSecond(10, 1), MaxKeys: 10, MaxWait: ms(250), ShareBurst: 1})
		ctx := context.Background()
		_, _ = f.Take(ctx, "greedy", 1)
		start := time.Now()
		for i, want := range []time.Duration{ms(100), ms(200)} {
			if d, err := f.Take(ctx, fmt.Sprint(i), 1); !d.Allowed || err != nil || time.Since(start) != want {
				t.Errorf("%+v, %v after %v, want %v", d, err, time.Since(start), want)
			}
		}
		if d, _ := f.Take(ctx, "1", 1); d.Allowed || !d.OverShare || d.RetryAfter <= 0 {
			t.Errorf("beyond its share: %+v", d)
		}
		time.Sleep(time.Second)
		_, _ = f.Take(ctx, "0", 1)
		leaving, leave := context.WithCancel(ctx)
		time.AfterFunc(ms(10), leave)
		if d, err := f.Take(leaving, "1", 1); d.Allowed || !errors.Is(err, context.Canceled) {
			t.Errorf("canceled during the wait: %+v, %v", d, err)
		}
		short, cancel := context.WithTimeout(ctx, ms(50))
		defer cancel()
		if d, err := f.Take(short, "2", 1); d.Allowed || err != nil || d.RetryAfter <= 0 {
			t.Errorf("a turn after the deadline: %+v, %v", d, err)
		}
		start = time.Now()
		if d, err := f.Take(ctx, "3", 1); !d.Allowed || err != nil || time.Since(start) != ms(90) {
			t.Errorf("those who left gave their turns back: %+v, %v after %v", d, err, time.Since(start))
		}
	})
}

// TestAFloodOfKeysTakesNoMemory: keys beyond MaxKeys have no share, and the
// number of those that ask is still about right.
func TestAFloodOfKeysTakesNoMemory(t *testing.T) {
	f := mustFair(t, FairConfig{Limit: PerSecond(1000, 100), MaxKeys: 1000})
	keys := manyKeys(20_000)
	if n := testing.AllocsPerRun(10, func() {
		for _, key := range keys {
			_, _, _ = f.ReserveAt(f.base.Add(time.Second), key, 1)
		}
	}); n > 4 {
		t.Errorf("20,000 keys allocated %v times", n)
	}
	if n := f.active(f.now()); n > 2000 {
		t.Errorf("%d keys are kept, places are 2000", n)
	}
	for _, n := range []int{1, 50, 500, 1500} {
		f := mustFair(t, FairConfig{Limit: PerSecond(1000, 100), MaxKeys: 1000})
		for _, key := range keys[:n] {
			_, _, _ = f.ReserveAt(f.base, key, 1)
		}
		if got := int(f.asking.at(int64(time.Second / 2)).n); got < n*85/100 || got > n*115/100 {
			t.Errorf("%d keys ask, it counts %d", n, got)
		}
	}
}

func TestFairHoldsTheLawUnderRace(t *testing.T) {
	f := mustFair(t, FairConfig{Limit: PerSecond(1000, 20), MaxKeys: 100, Window: minWindow})
	var mu sync.Mutex
	units := 0
	start := time.Now()
	var wg sync.WaitGroup
	for g := range 32 {
		wg.Go(func() {
			mine := 0
			for i := range 3000 {
				d, err := f.Take(t.Context(), fmt.Sprint("key ", (g+i)%7), 1)
				if err != nil {
					t.Error(err)
					return
				}
				if d.Allowed {
					mine++
				}
				if d.Allowed && i%3 == 0 && f.Restore(t.Context(), "", 1) == nil {
					mine--
				}
			}
			mu.Lock()
			units += mine
			mu.Unlock()
		})
	}
	wg.Wait()
	if limit := 20 + int(time.Since(start)*1000/time.Second); units > limit || units < 20 {
		t.Errorf("%d units in %v, allowed are 20 to %d", units, time.Since(start), limit)
	}
}

func TestLimitsChangeWhileRunning(t *testing.T) {
	s, k := mustSingle(t, PerSecond(1, 1)), mustKeyed(t, PerSecond(1, 1), 10)
	f := mustFair(t, FairConfig{Limit: PerSecond(2, 2), MaxKeys: 10, ShareBurst: 2, MaxWait: NoWait})
	for name, l := range map[string]interface {
		Limiter
		SetLimit(Limit) error
	}{"Single": s, "Keyed": k, "Fair": f} {
		if err := l.SetLimit(Limit{}); err == nil {
			t.Errorf("%s takes a limit that is not valid", name)
		}
		if err := l.SetLimit(PerSecond(1000, 50)); err != nil || l.Limit() != PerSecond(1000, 50) {
			t.Errorf("%s: %v, %v", name, l.Limit(), err)
		}
		if d, err := l.Take(t.Context(), "a", 50); !d.Allowed || err != nil {
			t.Errorf("%s: the new burst: %+v, %v", name, d, err)
		}
	}
	if err := k.SetKeyLimit("vip", PerSecond(1000, 90)); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]int64{"vip": 90, "b": 50} {
		if d, err := k.Take(t.Context(), key, 1); d.Limit != want || err != nil {
			t.Errorf("%s: %+v, %v, want a burst of %d", key, d, err, want)
		}
	}
	if err := k.SetKeyLimit("vip", Limit{}); err != nil {
		t.Fatal(err)
	}
	if d, _ := k.Take(t.Context(), "vip", 1); d.Limit != 50 {
		t.Errorf("without a limit of its own: %+v", d)
	}
	if err := k.SetKeyLimit("vip", Limit{Count: 1}); err == nil {
		t.Error("a key takes a limit that is not valid")
	}
	if err := f.SetLimit(PerSecond(1, 1)); err == nil {
		t.Error("a burst of 1 without a wait is taken")
	}
}

func TestUnitsGivenBackCanBeTakenAgain(t *testing.T) {
	ctx := t.Context()
	for name, l := range map[string]Restorer{
		"Single": mustSingle(t, Limit{Count: 1, Per: time.Hour, Burst: 3}),
		"Keyed":  mustKeyed(t, Limit{Count: 1, Per: time.Hour, Burst: 3}, 10),
		"Fair":   mustFair(t, FairConfig{Limit: Limit{Count: 1, Per: time.Hour, Burst: 3}, MaxKeys: 10}),
	} {
		take := func(want bool) {
			t.Helper()
			if d, err := l.Take(ctx, "a", 1); d.Allowed != want || err != nil {
				t.Errorf("%s: %+v, %v, want %v", name, d, err, want)
			}
		}
		if err := l.Restore(ctx, "a", 3); err != nil { // nothing was taken
			t.Error(err)
		}
		for range 3 {
			take(true)
		}
		take(false)
		if err := l.Restore(ctx, "a", 2); err != nil {
			t.Error(err)
		}
		take(true)
		take(true)
		take(false)
		if err := l.Restore(ctx, "a", -1); !errors.Is(err, ErrCost) {
			t.Errorf("%s takes -1 back: %v", name, err)
		}
	}
}

func TestFairSettingsAreChecked(t *testing.T) {
	good := FairConfig{Limit: PerSecond(10, 5), MaxKeys: 10}
	for want, change := range map[string]func(*FairConfig){
		"Limit.Per is 0s":                      func(c *FairConfig) { c.Limit = Limit{} },
		"MaxKeys is 0":                         func(c *FairConfig) { c.MaxKeys = 0 },
		"ShareBurst is -1":                     func(c *FairConfig) { c.ShareBurst = -1 },
		"MaxWait is 2m0s":                      func(c *FairConfig) { c.MaxWait = 2 * time.Minute },
		"raise Limit.Burst to 2, or MaxWait t": func(c *FairConfig) { c.Limit.Burst, c.MaxWait = 1, NoWait },
		"Window is 1ns":                        func(c *FairConfig) { c.Window = 1 },
	} {
		cfg := good
		change(&cfg)
		if _, err := NewFair(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want it to say %q", cfg, err, want)
		}
	}
}
