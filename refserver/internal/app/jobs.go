package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// jobs follows the jobs that a domain service runs on its own. The zero value is
// ready.
type jobs struct {
	Log     *slog.Logger
	Observe func(name string, took time.Duration, err error)

	mu      sync.Mutex
	success map[string]time.Time // when each was first called, or last succeeded
	failed  map[string]error     // of the last call of each
}

// jobStaleAfter is how long a job may go without success.
const jobStaleAfter = time.Minute

// worked notes one call of a job.
func (j *jobs) worked(ctx context.Context, name string, took time.Duration, err error) {
	if j.Observe != nil {
		j.Observe(name, took, err)
	}
	if err != nil && j.Log != nil {
		j.Log.ErrorContext(ctx, "worker failed, will try again", "worker", name, "error", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.success == nil {
		j.success, j.failed = map[string]time.Time{}, map[string]error{}
	}
	if _, known := j.success[name]; err == nil || !known {
		j.success[name] = time.Now()
	}
	j.failed[name] = err
}

// Check reports each job that goes without success for too long, be it for errors
// or because a call does not end. One that has not been called yet is no fault.
func (j *jobs) Check(context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(j.success)) {
		if age := time.Since(j.success[name]); age > jobStaleAfter {
			errs = append(
				errs, fmt.Errorf("worker %s: no success for %v", name, age.Round(time.Second)), j.failed[name],
			)
		}
	}
	return errors.Join(errs...)
}

// runner is a function that a group runs.
type runner func(context.Context)

// Run implements worker.Runner.
func (r runner) Run(ctx context.Context) { r(ctx) }
