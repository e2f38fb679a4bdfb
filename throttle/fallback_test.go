package throttle

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// flaky is a shared limiter that can be made to fail.
type flaky struct {
	*Single
	fails, hangs atomic.Bool
	asked        atomic.Int64
}

func (f *flaky) Take(ctx context.Context, key string, cost int64) (Decision, error) {
	f.asked.Add(1)
	if f.hangs.Load() {
		<-ctx.Done()
		return Decision{}, ctx.Err()
	}
	if f.fails.Load() {
		return Decision{}, errLost
	}
	return f.Single.Take(ctx, key, cost)
}

func (f *flaky) Ping(ctx context.Context) error {
	_, err := f.Take(ctx, "", 0)
	return err
}

// fallbackTo makes a limiter of 1,000 a second that is 2 without the shared one,
// and notes its changes.
func fallbackTo(t *testing.T, shared Limiter, changes *[]error) *Fallback {
	t.Helper()
	f, err := NewFallback(FallbackConfig{
		Shared:   shared,
		Local:    mustSingle(t, PerSecond(1000, 1000).Share(500)),
		OnChange: func(err error) { *changes = append(*changes, err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// offer asks n times and counts what passes.
func offer(t *testing.T, l Limiter, n int) (passed int) {
	t.Helper()
	for range n {
		d, err := l.Take(t.Context(), "", 1)
		if err != nil {
			t.Fatal(err)
		}
		if d.Allowed {
			passed++
		}
	}
	return passed
}

func TestFallbackLimitsByItselfWhileTheSharedLimiterFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []error
		shared := &flaky{Single: mustSingle(t, PerSecond(1000, 1000))}
		f := fallbackTo(t, shared, &changes)
		if n := offer(t, f, 100); n != 100 || f.Degraded() != nil {
			t.Errorf("%d of 100 pass, %v", n, f.Degraded())
		}
		shared.fails.Store(true)
		if n := offer(t, f, 100); n != 2 || !errors.Is(f.Degraded(), errLost) {
			t.Errorf("without the shared limiter %d of 100 pass, want its share of 2; %v", n, f.Degraded())
		}
		if n := shared.asked.Load(); n != 103 {
			t.Errorf("it was asked %d times, want 3 after the first 100", n)
		}
		for range 40 { // ten seconds, in which it is asked each 250 ms
			time.Sleep(defaultRetryEvery)
			offer(t, f, 10)
		}
		if n := shared.asked.Load(); n != 143 {
			t.Errorf("it was asked %d times, want 40 more", n)
		}
		shared.fails.Store(false)
		time.Sleep(defaultRetryEvery)
		if n := offer(t, f, 100); n != 100 || f.Degraded() != nil {
			t.Errorf("after the repair %d of 100 pass, %v", n, f.Degraded())
		}
		if want := []error{errLost, nil}; !slices.EqualFunc(changes, want, errors.Is) {
			t.Errorf("changes %v, want %v", changes, want)
		}
	})
}

func TestAStoreThatHangsCostsThreeBudgetsAndAHealthCheckEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []error
		shared := &flaky{Single: mustSingle(t, PerSecond(1000, 1000))}
		f := fallbackTo(t, shared, &changes)
		shared.hangs.Store(true)
		start := time.Now()
		offer(t, f, 100)
		if took := time.Since(start); took != degradedAfter*defaultBudget {
			t.Errorf("a store that hangs costs %v, want three budgets", took)
		}
		shared.hangs.Store(false)
		if err := f.Check(t.Context()); err != nil || f.Degraded() != nil {
			t.Errorf("the health check: %v, %v", err, f.Degraded())
		}
		shared.fails.Store(true)
		if err := f.Check(t.Context()); !errors.Is(err, errLost) || f.Degraded() == nil {
			t.Errorf("the health check of a lost store: %v, %v", err, f.Degraded())
		}
		if want := []error{context.DeadlineExceeded, nil, errLost}; !slices.EqualFunc(changes, want, errors.Is) {
			t.Errorf("changes %v, want %v", changes, want)
		}
	})
}

func TestOneLateDecisionDegradesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &flaky{Single: mustSingle(t, PerSecond(10, 10))}
		f, err := NewFallback(FallbackConfig{Shared: shared, Local: mustSingle(t, PerSecond(1, 1))})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			shared.hangs.Store(true)
			_, _ = f.Take(t.Context(), "", 1)
			shared.hangs.Store(false)
			if d, err := f.Take(t.Context(), "", 1); !d.Allowed || err != nil {
				t.Errorf("%+v, %v", d, err)
			}
		}
		if f.Degraded() != nil {
			t.Errorf("degraded: %v", f.Degraded())
		}
		if err := f.Restore(t.Context(), "", 5); err != nil {
			t.Error(err)
		}
		if d, _ := f.Take(t.Context(), "", 0); d.Remaining != 10 {
			t.Errorf("%+v, want what was given back", d)
		}
		if _, err := f.Take(t.Context(), "", 11); !errors.Is(err, ErrCost) {
			t.Errorf("a cost above the burst: %v", err)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		shared.hangs.Store(true)
		for range 5 {
			if _, err := f.Take(ended, "", 1); !errors.Is(err, context.Canceled) || f.Degraded() != nil {
				t.Errorf("a caller that left: %v, %v", err, f.Degraded())
			}
		}
	})
}

func TestFallbackSettingsAreChecked(t *testing.T) {
	l := mustSingle(t, PerSecond(1, 1))
	for want, cfg := range map[string]FallbackConfig{
		"Shared is nil":             {Local: l},
		"Local is nil":              {Shared: l},
		"Budget is -1ns":            {Shared: l, Local: l, Budget: -1},
		"RetryEvery is -1ns":        {Shared: l, Local: l, RetryEvery: -1},
		"Local has no valid limit":  {Shared: l, Local: new(Single)},
		"Shared has no valid limit": {Shared: new(Keyed), Local: l},
	} {
		if _, err := NewFallback(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to say %q", err, want)
		}
	}
}

// TestZeroValuesRefuse is fault L12: var s throttle.Single let everything pass.
func TestZeroValuesRefuse(t *testing.T) {
	ctx := t.Context()
	take := func(l Restorer) func() error {
		return func() error {
			for _, cost := range []int64{0, 1} {
				d, err := l.Take(ctx, "a", cost)
				if d.Allowed || err == nil {
					t.Errorf("%T admits a cost of %d", l, cost)
				}
				if err := l.Restore(ctx, "a", cost); !errors.Is(err, ErrZeroValue) {
					t.Errorf("%T takes units back: %v", l, err)
				}
			}
			if l.Limit() != (Limit{}) {
				t.Errorf("%T has a limit of %v", l, l.Limit())
			}
			_, err := l.Take(ctx, "a", 1)
			return err
		}
	}
	var s Single
	var k Keyed
	var f Fair
	for name, use := range map[string]func() error{
		"NewSingle": take(&s), "NewKeyed": take(&k), "NewFair": take(&f), "NewFallback": take(&Fallback{}),
		"NewSingle ":   func() error { return s.Wait(ctx, 1) },
		"NewSingle  ":  func() error { return s.SetLimit(PerSecond(1, 1)) },
		"NewKeyed ":    func() error { return k.SetLimit(PerSecond(1, 1)) },
		"NewKeyed  ":   func() error { return k.SetKeyLimit("a", PerSecond(1, 1)) },
		"NewFair ":     func() error { return f.SetLimit(PerSecond(2, 2)) },
		"NewFair  ":    func() error { _, _, err := f.Reserve(ctx, "a", 1); return err },
		"NewFallback ": func() error { return new(Fallback).Check(ctx) },
		"NewGuard": func() error {
			if v := new(Guard).Check(ctx, "a", 1); !v.Pass {
				return v.Err
			}
			return nil
		},
		"NewGuard ": func() error { return new(Guard).Reserve(ctx, "a", 1).Err },
		"NewQueue":  func() error { _, err := new(Queue).Acquire(ctx); return err },
	} {
		if err := use(); !errors.Is(err, ErrZeroValue) || !strings.Contains(err.Error(), strings.TrimSpace(name)) {
			t.Errorf("%s: %v, want an error that names the constructor", name, err)
		}
	}
}

func TestZeroValuesPassAndCountNothing(t *testing.T) {
	var s Single
	var k Keyed
	var f Fair
	if s.Allow() || s.AllowAt(time.Now()) || k.Active() != 0 || f.Asking() != 0 {
		t.Error("a zero value passes or counts something")
	}
	new(Place).Release()
	if d, err := (Limit{}).Decide(0, 0); err == nil || d.Allowed || (Limit{}).Interval() != 0 ||
		(Limit{}).Tolerance() != 0 {
		t.Errorf("the zero limit decides: %+v, %v", d, err)
	}
	if (&Reservation{}).Pass || (Verdict{}).Pass || (Decision{}).Allowed {
		t.Error("a zero verdict passes")
	}
}
