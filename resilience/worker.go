package resilience

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// WorkerRun is one call of the job of a [Worker].
type WorkerRun struct {
	Job  string
	Done int // how much was done, as the job counts
	Took time.Duration
	Err  error
}

// Worker calls a job again and again, as the services of orders and refunds do with what is
// due. All fields are required but Wake.
type Worker struct {
	Job string
	// Every is about how long it waits after a call that left nothing to do, and at first
	// after one that failed. After more errors in a row it waits longer, up to 30 s or Every.
	Every time.Duration
	// Wake ends a wait, but none after an error.
	Wake <-chan struct{}
	// Work does what is due, and reports how much it did and whether there may be more at
	// once. A panic of it counts as an error.
	Work func(ctx context.Context) (done int, more bool, err error)
	// Worked hears of each call that has ended. The error of one that ctx stopped is left out.
	Worked func(ctx context.Context, run WorkerRun)
}

// longestRetry is the longest wait of a Worker after errors, unless Every is longer.
const longestRetry = 30 * time.Second

// Run works until ctx ends, and returns when the call under way has ended.
func (w Worker) Run(ctx context.Context) {
	look := Spread(20)
	retry := Backoff{Initial: w.Every, Max: max(longestRetry, w.Every)}
	for failures := 0; ctx.Err() == nil; {
		start := time.Now()
		n, more, err := w.recovered(ctx)
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			err = nil // it was stopped
		}
		w.Worked(ctx, WorkerRun{Job: w.Job, Done: n, Took: time.Since(start), Err: err})
		wait, woken := look(w.Every), w.Wake
		switch {
		case err != nil:
			wait, woken = retry.Wait(failures), nil
			failures++
		case more:
			wait, failures = 0, 0
		default:
			failures = 0
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-woken:
		}
		timer.Stop()
	}
}

// recovered is the job, whose panic is an error.
func (w Worker) recovered(ctx context.Context) (n int, more bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("resilience: panic in the worker of %q: %v\n%s", w.Job, p, debug.Stack())
		}
	}()
	return w.Work(ctx)
}
