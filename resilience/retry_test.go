package resilience

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func mustRetrier(tb testing.TB, cfg RetryConfig) *Retrier {
	tb.Helper()
	if cfg.Name == "" {
		cfg.Name = "charge"
	}
	r, err := NewRetrier(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestRetryWaitsLongerEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []RetryEvent
		r := mustRetrier(t, RetryConfig{Attempts: 5, Backoff: Backoff{Max: ms(300), Jitter: Spread(0)},
			OnRetry: func(_ context.Context, e RetryEvent) { events = append(events, e) }})
		start := time.Now()
		var at []time.Duration
		_, err := Retry(context.Background(), r, Idempotent, func(context.Context) (int, error) {
			at = append(at, time.Since(start))
			return 0, errDown
		})
		if want := []time.Duration{0, ms(100), ms(300), ms(600), ms(900)}; !slices.Equal(at, want) {
			t.Errorf("attempts at %v, want %v", at, want)
		}
		var gave *GaveUpError
		if !errors.As(err, &gave) || gave.Attempts != 5 || gave.Reason != GaveUpAttempts || !errors.Is(err, errDown) {
			t.Errorf("error %v", err)
		}
		if len(events) != 4 || events[1] != (RetryEvent{"charge", 2, ms(200), errDown}) {
			t.Errorf("events %v", events)
		}
	})
}

func TestRetryMakesOneCallWhereMoreWouldBeWrong(t *testing.T) {
	declined := errors.New("declined")
	tests := []struct {
		name   string
		effect Effect
		err    error
		want   error
	}{
		{"a call with an effect is never repeated", Once, errDown, errDown},
		{"nor is one that succeeded", Idempotent, nil, nil},
		{"nor one that is marked", Idempotent, Permanent(declined), declined},
		{"nor one whose mark is wrapped", Idempotent, fmt.Errorf("charge: %w", Permanent(declined)), declined},
		{"nor one that a breaker refused", Idempotent, &OpenError{Name: "p"}, ErrOpen},
		{"nor one that was canceled", Idempotent, context.Canceled, context.Canceled},
		{"nor one that a zero value refused", Idempotent, errZeroBreaker, ErrZeroValue},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			calls := 0
			r := mustRetrier(t, RetryConfig{})
			n, err := Retry(context.Background(), r, tt.effect, func(context.Context) (int, error) {
				calls++
				return 7, tt.err
			})
			if calls != 1 || n != 7 || !errors.Is(err, tt.want) {
				t.Errorf("%d calls, result %d, %v", calls, n, err)
			}
			if gave := (*GaveUpError)(nil); errors.As(err, &gave) {
				t.Errorf("it says to have given up: %v", err)
			}
		})
	}
	if Permanent(nil) != nil {
		t.Error("Permanent(nil) is an error")
	}
}

func TestRetryReturnsTheFirstSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		r := mustRetrier(t, RetryConfig{})
		n, err := Retry(context.Background(), r, Idempotent, func(context.Context) (int, error) {
			if calls++; calls < 3 {
				return 0, errDown
			}
			return 7, nil
		})
		if n != 7 || err != nil || calls != 3 {
			t.Errorf("%d, %v after %d calls", n, err, calls)
		}
	})
}

func TestRetryMindsTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := mustRetrier(t, RetryConfig{Backoff: Backoff{Initial: time.Second, Jitter: Spread(0)}})
		failing := func(context.Context) (int, error) { return 0, errDown }

		start := time.Now()
		short, cancel := context.WithTimeout(context.Background(), ms(900))
		defer cancel()
		var gave *GaveUpError
		_, err := Retry(short, r, Idempotent, failing)
		if !errors.As(err, &gave) || gave.Reason != GaveUpDeadline || gave.Attempts != 1 || time.Since(start) != 0 {
			t.Errorf("a wait beyond the deadline: %v after %v", err, time.Since(start))
		}

		ctx, cancel2 := context.WithCancel(context.Background())
		time.AfterFunc(ms(300), cancel2)
		_, err = Retry(ctx, r, Idempotent, failing)
		if !errors.As(err, &gave) || gave.Reason != GaveUpContext ||
			!errors.Is(err, errDown) || !errors.Is(err, context.Canceled) {
			t.Errorf("a cancel during the wait: %v", err)
		}
		if d := time.Since(start); d != ms(300) {
			t.Errorf("the cancel took effect after %v", d)
		}
		if _, err = Retry(ctx, r, Idempotent, failing); !errors.Is(err, context.Canceled) || errors.Is(err, errDown) {
			t.Errorf("an ended context: %v", err)
		}
	})
}

func TestRetryHonorsTheWaitThatTheDependencyAsksFor(t *testing.T) {
	errBusy := errors.New("busy")
	tests := []struct {
		name  string
		err   error
		limit time.Duration // of the context, 0: none
		at    []time.Duration
		why   GaveUpReason
	}{
		{"a longer wait than ours, and ours on top", RetryAfter(errBusy, 5*time.Second), 0,
			[]time.Duration{0, ms(5100), ms(10200)}, GaveUpAttempts},
		{"wrapped", fmt.Errorf("charge: %w", RetryAfter(errBusy, time.Second)), 0,
			[]time.Duration{0, ms(1100), ms(2200)}, GaveUpAttempts},
		{"none", RetryAfter(errBusy, 0), 0, []time.Duration{0, ms(100), ms(300)}, GaveUpAttempts},
		{"one in the past", RetryAfter(errBusy, -time.Hour), 0, []time.Duration{0, ms(100), ms(300)}, GaveUpAttempts},
		{"one too long", RetryAfter(errBusy, 10*time.Second+1), 0, []time.Duration{0}, GaveUpWait},
		{"one past the deadline", RetryAfter(errBusy, 5*time.Second), 5 * time.Second,
			[]time.Duration{0}, GaveUpDeadline},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if tt.limit > 0 {
					var cancel func()
					ctx, cancel = context.WithTimeout(ctx, tt.limit)
					defer cancel()
				}
				r := mustRetrier(t, RetryConfig{MaxRetryAfter: 10 * time.Second, Backoff: Backoff{Jitter: Spread(0)}})
				start := time.Now()
				var at []time.Duration
				_, err := Retry(ctx, r, Idempotent, func(context.Context) (int, error) {
					at = append(at, time.Since(start))
					return 0, tt.err
				})
				var gave *GaveUpError
				if !slices.Equal(at, tt.at) || !errors.As(err, &gave) || gave.Reason != tt.why ||
					!errors.Is(err, errBusy) {
					t.Errorf("attempts at %v, then %v; want %v", at, err, tt.at)
				}
			})
		})
	}
	if RetryAfter(nil, time.Second) != nil {
		t.Error("RetryAfter(nil) is an error")
	}
}

func TestRetriesOfOtherCodeCountAgainstTheBudget(t *testing.T) {
	b, err := NewBudget(0, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, true, false} {
		if got := b.Withdraw(); got != want {
			t.Errorf("retry %d of a budget of 2: %v, want %v", i+1, got, want)
		}
	}
	if b.Left() != 0 {
		t.Errorf("a budget of 2 retries has %d left", b.Left())
	}
}

func TestABudgetBoundsRetriesToItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget, err := NewBudget(10, 5)
		if err != nil {
			t.Fatal(err)
		}
		r := mustRetrier(t, RetryConfig{Attempts: 3, Budget: budget})
		var calls atomic.Int64
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for range 100 {
					_, _ = Retry(context.Background(), r, Idempotent, func(context.Context) (int, error) {
						calls.Add(1)
						return 0, errDown
					})
				}
			})
		}
		wg.Wait()
		// 1000 calls pay in 100 retries, and 5 were there.
		if n := calls.Load(); n > 1000+100+5 || n < 1000+90 {
			t.Errorf("%d calls, want about 1100 and at most 1105", n)
		}
		_, err = Retry(context.Background(), r, Idempotent, func(context.Context) (int, error) { return 0, errDown })
		var gave *GaveUpError
		if !errors.As(err, &gave) || gave.Reason != GaveUpBudget || budget.Left() != 0 {
			t.Errorf("with the budget spent: %v, left %d", err, budget.Left())
		}
	})
}

func TestRetryAndBudgetSettingsAreChecked(t *testing.T) {
	for _, tt := range []struct {
		cfg  RetryConfig
		want string
	}{
		{RetryConfig{}, "Name is empty"},
		{RetryConfig{Name: "x", Attempts: 101}, "Attempts is 101"},
		{RetryConfig{Name: "x", Backoff: Backoff{Initial: -1}}, "Backoff.Initial is -1ns"},
		{RetryConfig{Name: "x", Backoff: Backoff{Initial: time.Second, Max: 1}}, "Backoff.Max is 1ns"},
		{RetryConfig{Name: "x", MaxRetryAfter: -1}, "MaxRetryAfter is -1ns"},
		{RetryConfig{Name: "x", Budget: new(Budget)}, "Budget grants no retry: it is a zero value; make it with"},
	} {
		if _, err := NewRetrier(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want it to say %q", tt.cfg, err, tt.want)
		}
	}
	for _, bad := range [][2]int{{-1, 1}, {101, 1}, {10, 0}} {
		if _, err := NewBudget(bad[0], bad[1]); err == nil {
			t.Errorf("NewBudget(%d, %d) gives no error", bad[0], bad[1])
		}
	}
}
