package throttle

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func TestAClockThatJumpsBackAdmitsNothingTwice(t *testing.T) {
	l := PerSecond(10, 1)
	s, k := mustSingle(t, l), mustKeyed(t, l, 1)
	for i, step := range []struct {
		at   time.Duration
		want Decision
	}{
		{time.Hour, Decision{Allowed: true, Limit: 1, ResetAfter: ms(100)}},
		{time.Hour - time.Second, Decision{Limit: 1, RetryAfter: ms(1100), ResetAfter: ms(1100)}},
		{time.Hour + ms(100), Decision{Allowed: true, Limit: 1, ResetAfter: ms(100)}},
	} {
		if d, err := s.TakeAt(s.base.Add(step.at), 1); d != step.want || err != nil {
			t.Errorf("Single, step %d: %+v, %v, want %+v", i, d, err, step.want)
		}
		if d, err := k.TakeAt(k.base.Add(step.at), "a", 1); d != step.want || err != nil {
			t.Errorf("Keyed, step %d: %+v, %v, want %+v", i, d, err, step.want)
		}
	}
}

func TestACostAboveTheBurstIsARefusalOfItsOwn(t *testing.T) {
	ctx := context.Background()
	for name, l := range map[string]Limiter{
		"Single": mustSingle(t, PerSecond(10, 5)), "Keyed": mustKeyed(t, PerSecond(10, 5), 1),
	} {
		for _, cost := range []int64{6, -1, 1 << 62} {
			d, err := l.Take(ctx, "a", cost)
			var e *CostError
			if !errors.As(err, &e) || !errors.Is(err, ErrCost) || *e != (CostError{cost, 5}) || d.Allowed {
				t.Errorf("%s: a cost of %d gives %+v, %v", name, cost, d, err)
			}
		}
		if d, err := l.Take(ctx, "a", 5); !d.Allowed || err != nil {
			t.Errorf("%s: the refusals took something: %+v, %v", name, d, err)
		}
	}
}

func TestLimitsAreChecked(t *testing.T) {
	for _, tt := range []struct {
		limit Limit
		want  string
	}{
		{Limit{}, "Per is 0s"},
		{PerSecond(0, 1), "Count is 0"},
		{PerSecond(1_000_000_001, 1), "Count is 1000000001, allowed is 1 to 1000000000"},
		{PerSecond(1, 0), "Burst is 0"},
		{PerSecond(1, 1<<40), "Burst is 1099511627776"},
		{Limit{Count: 1, Per: 1000 * 24 * time.Hour, Burst: 1}, "Per is 24000h0m0s"},
	} {
		if _, err := NewSingle(tt.limit); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("NewSingle(%v): %v, want it to say %q", tt.limit, err, tt.want)
		}
		if _, err := NewKeyed(tt.limit, 1); err == nil {
			t.Errorf("NewKeyed(%v) gives no error", tt.limit)
		}
	}
	if got := PerSecond(100, 5).String(); got != "100 per 1s, burst 5" {
		t.Errorf("String gives %q", got)
	}
}

func TestWaitComesAtTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustSingle(t, PerSecond(10, 2))
		start := time.Now()
		for i, want := range []time.Duration{0, 0, ms(100), ms(200), ms(300)} {
			if err := s.Wait(context.Background(), 1); err != nil || time.Since(start) != want {
				t.Errorf("wait %d ended after %v (%v), want %v", i, time.Since(start), err, want)
			}
		}
	})
}

func TestWaitTakesNothingThatItCannotUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustSingle(t, PerSecond(10, 1))
		_ = s.Wait(context.Background(), 1)
		short, cancel := context.WithTimeout(context.Background(), ms(99))
		defer cancel()
		start := time.Now()
		if err := s.Wait(short, 1); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 0 {
			t.Errorf("a turn after the deadline: %v after %v", err, time.Since(start))
		}
		if err := s.Wait(context.Background(), 2); !errors.Is(err, ErrCost) {
			t.Errorf("a cost above the burst: %v", err)
		}
		if err := s.Wait(context.Background(), 1); err != nil || time.Since(start) != ms(100) {
			t.Errorf("the next turn came after %v (%v), want 100ms", time.Since(start), err)
		}
		ctx, stop := context.WithCancel(context.Background())
		time.AfterFunc(ms(10), stop)
		if err := s.Wait(ctx, 1); !errors.Is(err, context.Canceled) || time.Since(start) != ms(110) {
			t.Errorf("a cancelled wait: %v after %v", err, time.Since(start))
		}
		if err := s.Wait(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("an ended context: %v", err)
		}
	})
}
