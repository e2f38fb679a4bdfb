package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// TestWorkerWaits follows a worker through a script of calls: how long it waited before each.
func TestWorkerWaits(t *testing.T) {
	failed := errors.New("no database")
	type call struct {
		done  int
		more  bool
		err   error
		waits [2]time.Duration // before the next call, at least and at most
	}
	synctest.Test(t, func(t *testing.T) {
		script := []call{
			{done: 5, more: true},
			{done: 1, waits: [2]time.Duration{800 * time.Millisecond, 1200 * time.Millisecond}},
			{err: failed, waits: [2]time.Duration{500 * time.Millisecond, 1500 * time.Millisecond}},
			{err: failed, waits: [2]time.Duration{time.Second, 3 * time.Second}},
			{err: failed, waits: [2]time.Duration{2 * time.Second, 6 * time.Second}},
			{waits: [2]time.Duration{800 * time.Millisecond, 1200 * time.Millisecond}}, // from the start again
			{},
		}
		ctx, stop := context.WithCancel(t.Context())
		var runs []resilience.WorkerRun
		last, n := time.Now(), 0
		resilience.Worker{
			Job: "count", Every: time.Second,
			Work: func(context.Context) (int, bool, error) {
				c := script[n]
				if n > 0 {
					before, waited := script[n-1].waits, time.Since(last)
					if waited < before[0] || waited > before[1] {
						t.Errorf("%s before call %d, want %s to %s", waited, n, before[0], before[1])
					}
				}
				last = time.Now()
				if n++; n == len(script) {
					stop()
				}
				return c.done, c.more, c.err
			},
			Worked: func(_ context.Context, r resilience.WorkerRun) { runs = append(runs, r) },
		}.Run(ctx)
		for i, c := range script {
			if r := runs[i]; r.Job != "count" || r.Done != c.done || !errors.Is(r.Err, c.err) {
				t.Errorf("call %d is reported as %+v, want %+v", i, r, c)
			}
		}
	})
}

func TestWorkerIsWokenButNotAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		wake := make(chan struct{}, 1)
		var at []time.Duration
		start := time.Now()
		var errs []error
		go resilience.Worker{
			Job: "look", Every: time.Hour, Wake: wake,
			Work: func(context.Context) (int, bool, error) {
				if at = append(at, time.Since(start)); len(at) == 2 {
					panic("store")
				}
				return 0, false, nil
			},
			Worked: func(_ context.Context, r resilience.WorkerRun) { errs = append(errs, r.Err) },
		}.Run(ctx)
		synctest.Wait()
		time.Sleep(time.Minute)
		wake <- struct{}{}
		synctest.Wait()
		wake <- struct{}{} // after the panic: it waits all the same
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		stop()
		synctest.Wait()
		if len(at) != 2 || at[1] != time.Minute {
			t.Errorf("calls at %v, want the second when it was woken", at)
		}
		if len(errs) != 2 || errs[1] == nil || !strings.Contains(errs[1].Error(), `the worker of "look": store`) {
			t.Errorf("reported %v, want the panic as the error of the second", errs)
		}
	})
}

func TestWorkerThatIsStoppedReportsNoError(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var runs []resilience.WorkerRun
	resilience.Worker{
		Job: "stop", Every: time.Hour,
		Work: func(ctx context.Context) (int, bool, error) {
			stop()
			<-ctx.Done()
			return 3, true, ctx.Err()
		},
		Worked: func(_ context.Context, r resilience.WorkerRun) { runs = append(runs, r) },
	}.Run(ctx)
	if len(runs) != 1 || runs[0].Done != 3 || runs[0].Err != nil {
		t.Errorf("reported %+v, want one call of 3 without an error", runs)
	}
}

func ExampleWorker_Run() {
	ctx, stop := context.WithCancel(context.Background())
	due := []string{"a", "b"}
	resilience.Worker{
		Job: "mails", Every: time.Second,
		Work: func(context.Context) (done int, more bool, err error) {
			if len(due) == 0 {
				stop() // for the example alone: a process works until its context ends
				return 0, false, nil
			}
			due = due[1:]
			return 1, true, nil
		},
		Worked: func(_ context.Context, run resilience.WorkerRun) { fmt.Println(run.Job, run.Done, run.Err) },
	}.Run(ctx)
	// Output:
	// mails 1 <nil>
	// mails 1 <nil>
	// mails 0 <nil>
}
