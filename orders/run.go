package orders

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// The jobs of Run.
const (
	JobCharge = "charge queued orders"
	JobExpire = "expire reservations"
)

// WorkerRun is one call of a job of Run.
type WorkerRun struct {
	Job  string // JobCharge or JobExpire
	Done int    // payments that were attempted, or reservations that ended
	Took time.Duration
	Err  error
}

const (
	workBatch = 50               // of one call of a job
	maxIdle   = 30 * time.Second // the longest wait after errors
)

// Run is the whole worker of the package: until ctx ends it charges the orders
// that are due (see ChargeDue) and ends the reservations whose time is up (see
// ExpireReservations), every Config.WorkEvery. Any number of processes may run it
// on one store. An error is reported to Config.Worked, and the job continues after
// a wait that grows with each error in a row. Run returns nil when ctx has ended
// and the calls in flight are recorded, and payment.ErrInTransaction on a service
// of With.
func (s *Service) Run(ctx context.Context) error {
	if err := s.outside("run"); err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() { s.loop(ctx, JobCharge, s.wake, s.ChargeDue) })
	wg.Go(func() { s.loop(ctx, JobExpire, nil, s.ExpireReservations) })
	wg.Wait()
	return nil
}

// Wake makes Run look for due orders now, such as when the provider is back. It
// never blocks. After an error Run waits all the same.
func (s *Service) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// loop calls work until ctx ends: at once where a whole batch was done, else after
// the interval or when it is woken.
func (s *Service) loop(
	ctx context.Context, job string, wake <-chan struct{}, work func(context.Context, int) (int, error),
) {
	look := resilience.Spread(20)
	retry := resilience.Backoff{Initial: s.cfg.WorkEvery, Max: max(maxIdle, s.cfg.WorkEvery)}
	for failures := 0; ctx.Err() == nil; {
		start := time.Now()
		n, err := recovered(ctx, work)
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			err = nil // it was stopped
		}
		s.cfg.Worked(ctx, WorkerRun{Job: job, Done: n, Took: time.Since(start), Err: err})
		wait, woken := look(s.cfg.WorkEvery), wake
		switch {
		case err != nil:
			wait, woken = retry.Wait(failures), nil
			failures++
		case n == workBatch:
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

// recovered is a batch of work whose panic is an error.
func recovered(ctx context.Context, work func(context.Context, int) (int, error)) (n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			n, err = 0, fmt.Errorf("orders: panic in the worker: %v\n%s", p, debug.Stack())
		}
	}()
	return work(ctx, workBatch)
}
