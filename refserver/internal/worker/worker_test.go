package worker_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/worker"
)

// run starts the loop and returns what stops it and waits for its end.
func run(t *testing.T, l *worker.Loop) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

func newLoop(t *testing.T, c worker.Config) *worker.Loop {
	t.Helper()
	c.Name = "test"
	if c.Interval == 0 {
		c.Interval = 10 * time.Second
	}
	l, err := worker.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestALoopLooksEachIntervalAndWhenWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		l := newLoop(t, worker.Config{Work: func(context.Context) (bool, error) { calls.Add(1); return false, nil }})
		stop := run(t, l)
		synctest.Wait()
		if n := calls.Load(); n != 1 {
			t.Fatalf("%d calls at the start", n)
		}
		time.Sleep(100 * time.Second)
		if n := calls.Load(); n < 9 || n > 13 {
			t.Errorf("%d calls in ten intervals", n)
		}
		before := calls.Load()
		l.Wake()
		synctest.Wait()
		if n := calls.Load() - before; n != 1 {
			t.Errorf("woken, it was called %d times", n)
		}
		stop()
	})
}

func TestALoopGoesOnWhileThereIsMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := 5
		l := newLoop(t, worker.Config{Work: func(context.Context) (bool, error) { left--; return left > 0, nil }})
		stop := run(t, l)
		synctest.Wait()
		if left != 0 {
			t.Errorf("%d left", left)
		}
		stop()
	})
}

func TestErrorsAndPanicsAreLoggedAndBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		calls, observed := 0, 0
		l := newLoop(t, worker.Config{
			Interval: time.Second, MaxBackoff: 30 * time.Second,
			Log: slog.New(slog.NewTextHandler(&log, nil)),
			Observe: func(name string, _ time.Duration, err error) {
				if name == "test" && err != nil {
					observed++
				}
			},
			Work: func(context.Context) (bool, error) {
				calls++
				if calls%2 == 0 {
					panic("out of order")
				}
				return true, errors.New("no database")
			},
		})
		stop := run(t, l)
		for range 300 { // waking all the time changes nothing
			l.Wake()
			time.Sleep(time.Second)
		}
		stop()
		if calls < 12 || calls > 20 { // 1, 2, 4, 8, 16 s, then every 30 s
			t.Errorf("%d calls in 300 s", calls)
		}
		if observed != calls {
			t.Errorf("%d of %d failures observed", observed, calls)
		}
		if out := log.String(); !strings.Contains(out, "no database") ||
			!strings.Contains(out, "panic: out of order") ||
			!strings.Contains(out, "worker_test.go") {
			t.Errorf("log: %s", out)
		}
	})
}

func TestCheckReportsWorkThatDoesNotSucceed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		noDatabase := errors.New("no database")
		var fail atomic.Bool
		hang := make(chan struct{})
		l := newLoop(t, worker.Config{Interval: time.Second, Work: func(ctx context.Context) (bool, error) {
			select {
			case <-hang:
				<-ctx.Done()
			default:
			}
			if fail.Load() {
				return false, noDatabase
			}
			return false, nil
		}})
		if err := l.Check(t.Context()); err != nil || !l.LastSuccess().IsZero() {
			t.Errorf("before the start: %v, %v", err, l.LastSuccess())
		}
		stop := run(t, l)
		time.Sleep(time.Hour)
		if err := l.Check(t.Context()); err != nil {
			t.Errorf("working: %v", err)
		}
		fail.Store(true)
		time.Sleep(2 * time.Minute)
		if err := l.Check(t.Context()); !errors.Is(err, noDatabase) {
			t.Errorf("failing: %v", err)
		}
		fail.Store(false)
		time.Sleep(2 * time.Minute)
		if err := l.Check(t.Context()); err != nil {
			t.Errorf("working again: %v", err)
		}
		close(hang)
		time.Sleep(2 * time.Minute)
		if err := l.Check(t.Context()); err == nil {
			t.Error("a call that hangs is healthy")
		}
		stop()
	})
}

func TestAGroupStopsTogetherWithinItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		quick := newLoop(t, worker.Config{Work: func(context.Context) (bool, error) { return false, nil }})
		slow := newLoop(t, worker.Config{Work: func(context.Context) (bool, error) { <-stuck; return false, nil }})
		late := worker.Group{Drain: 5 * time.Second}
		late.Add("quick", quick)
		late.Add("slow", slow)
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan error)
		go func() { got <- late.Run(ctx) }()
		synctest.Wait()
		cancel()
		begin := time.Now()
		err := <-got
		if err == nil || !strings.HasSuffix(err.Error(), ": slow") || time.Since(begin) != 5*time.Second {
			t.Errorf("Run = %v after %v", err, time.Since(begin))
		}
		close(stuck)
		synctest.Wait()

		var g worker.Group
		g.Add("quick", quick)
		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		if err := g.Run(ctx); err != nil {
			t.Errorf("all stopped: %v", err)
		}
	})
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	work := func(context.Context) (bool, error) { return false, nil }
	for field, c := range map[string]worker.Config{
		"Name":     {Interval: 1, Work: work},
		"Interval": {Name: "x", Work: work},
		"Work":     {Name: "x", Interval: 1},
	} {
		if _, err := worker.New(c); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("without %s: %v", field, err)
		}
	}
}
