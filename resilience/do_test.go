package resilience

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var errDown = errors.New("provider is down")

func TestDoReportsHowTheCallEnded(t *testing.T) {
	canceled, cancel := context.WithCancel(context.Background())
	result := func(n int, err error) func(context.Context) (int, error) {
		return func(context.Context) (int, error) { return n, err }
	}
	hang := func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }
	tests := []struct {
		name string
		ctx  context.Context
		fn   func(context.Context) (int, error)
		want Outcome
	}{
		{"no error is a success", context.Background(), result(7, nil), Success},
		{"an error is a failure", context.Background(), result(0, errDown), Failure},
		{"the caller's cancel is neutral, whatever error it leads to", canceled,
			func(context.Context) (int, error) { cancel(); return 0, errDown }, Neutral},
		{"a deadline is a failure", context.Background(), func(ctx context.Context) (int, error) {
			return Timeout(ctx, time.Nanosecond, hang)
		}, Failure},
		{"the callee's own cancel is a failure", context.Background(), result(0, context.Canceled), Failure},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Outcome(99)
			b := mustNew(t, Config{Classify: func(ctx context.Context, err error) Outcome {
				got = ClassifyError(ctx, err)
				return got
			}})
			n, err := Do(tt.ctx, b, tt.fn)
			if got != tt.want || (err == nil) != (n == 7) {
				t.Errorf("outcome %v, want %v; result %d, %v", got, tt.want, n, err)
			}
		})
	}
}

func TestDoReleasesThePermitOfAPanicAndOfAGoexit(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("x") }, "Goexit": runtime.Goexit} {
		b := mustNew(t, Config{ConsecutiveFailures: 1, OpenFor: time.Millisecond, ProbeLease: time.Hour})
		b.ForceOpen(time.Now().Add(-time.Second))
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() { _ = recover() }()
			_, _ = Do(context.Background(), b, func(context.Context) (int, error) { end(); return 0, nil })
		})
		wg.Wait()
		if s := b.Snapshot(); s.Openings != 1 {
			t.Errorf("%s: a probe that ended so did not count as a failure: %+v", name, s)
		}
	}
}

func TestDoCallsNothingWhenItNeedNot(t *testing.T) {
	b := mustNew(t, Config{ConsecutiveFailures: 1})
	called := false
	fn := func(context.Context) (int, error) { called = true; return 0, nil }
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Do(ended, b, fn); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	b.ForceOpen(time.Time{})
	if _, err := Do(context.Background(), b, fn); !errors.Is(err, ErrOpen) {
		t.Errorf("while forced open: %v", err)
	}
	if called {
		t.Error("the call was made")
	}
}

func TestTimeoutTellsItsOwnDeadlineFromOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait := func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }
		var ours *TimeoutError
		_, err := Timeout(context.Background(), time.Second, wait)
		if !errors.As(err, &ours) || ours.After != time.Second || !ours.Timeout() ||
			!errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("our deadline: %v", err)
		}
		earlier, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		_, err = Timeout(earlier, time.Second, wait)
		if errors.As(err, &ours) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller's earlier deadline: %v", err)
		}
		late := func(err error) func(context.Context) (int, error) {
			return func(context.Context) (int, error) { time.Sleep(2 * time.Second); return 7, err }
		}
		if n, err := Timeout(context.Background(), time.Second, late(nil)); n != 7 || err != nil {
			t.Errorf("a late result: %d, %v", n, err)
		}
		if _, err := Timeout(context.Background(), time.Second, late(errDown)); err != errDown {
			t.Errorf("a late definite error: %v", err)
		}
		nested := func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, context.Cause(ctx) }
		_, err = Timeout(context.Background(), time.Second, nested)
		if want := "no answer within 1s: context deadline exceeded"; err == nil || err.Error() != want {
			t.Errorf("a callee that returns the cause of its context: %v, want %s", err, want)
		}
		if _, err := Timeout(context.Background(), 0, late(nil)); !errors.As(err, &ours) {
			t.Errorf("no time at all: %v", err)
		}
	})
}

func TestTheStackStopsWhenTheBreakerOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := mustNew(t, Config{ConsecutiveFailures: 2})
		r := mustRetrier(t, RetryConfig{Attempts: 10})
		calls := 0
		_, err := Retry(context.Background(), r, Idempotent, func(ctx context.Context) (int, error) {
			return Do(ctx, b, func(ctx context.Context) (int, error) {
				return Timeout(ctx, time.Second, func(ctx context.Context) (int, error) {
					calls++
					<-ctx.Done()
					return 0, fmt.Errorf("read: %w", ctx.Err())
				})
			})
		})
		if calls != 2 || !errors.Is(err, ErrOpen) {
			t.Errorf("%d calls, then %v; want 2 and an open breaker", calls, err)
		}
	})
}
