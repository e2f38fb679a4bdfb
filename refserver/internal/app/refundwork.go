package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/resilience"
)

// staleRefunds is how long refunds may go without a look that worked before the
// shop is degraded.
const staleRefunds = time.Minute

// refundWork follows the worker of refunds, for metrics, logs and health.
type refundWork struct {
	s   *App
	log *slog.Logger

	mu      sync.Mutex
	success time.Time // of the last look for due refunds
	failed  error     // of the last one
}

func newRefundWork(s *App) *refundWork {
	return &refundWork{s: s, log: observability.Named(s.Log, "worker")}
}

// note is refunds.Config.Worked.
func (w *refundWork) note(ctx context.Context, run resilience.WorkerRun) {
	w.s.Metrics.WorkerJob(run.Job, run.Took, run.Err)
	if run.Err != nil {
		w.log.ErrorContext(ctx, "worker failed, will try again", "worker", run.Job, "error", run.Err)
	}
	if run.Done > 0 {
		w.s.Events.Wake() // their returns have something to follow
	}
	if run.Job != refunds.JobResume {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed = run.Err; run.Err == nil {
		w.success = time.Now()
	}
}

// check reports work that has failed for too long.
func (w *refundWork) check(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed == nil || time.Since(w.success) < staleRefunds {
		return nil
	}
	return errors.Join(
		fmt.Errorf("%s: no success since %s", refunds.JobResume, w.success.Format(time.RFC3339)),
		w.failed,
	)
}
