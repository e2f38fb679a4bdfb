package refunds

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/resilience"
)

// The jobs of Run.
const (
	JobResume = "resume refunds"
	JobSweep  = "sweep the provider's lists"
)

// WorkerRun is one call of a job of Run.
type WorkerRun struct {
	Job  string // JobResume or JobSweep
	Done int    // refunds that were tried, or rounds that have ended
	Took time.Duration
	Err  error
}

const (
	resumeBatch = 64               // refunds of one call of ResumeDue
	sweepLook   = 30 * time.Second // how often Run looks whether a sweep is due
	maxIdle     = 30 * time.Second // the longest wait after errors
)

// Run is the whole worker of the package: until ctx ends it carries on the refunds
// that are due (see ResumeDue) and sweeps the provider's lists (see SweepDue). Any
// number of processes may run it on one store. An error is handed to Config.Worked,
// and the job continues after a wait that grows with each error in a row. Run
// returns when the calls in flight are recorded.
func (s *Service) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() {
		s.loop(ctx, JobResume, s.cfg.ResumeEvery, s.wake, func(ctx context.Context) (int, bool, error) {
			n, err := s.ResumeDue(ctx, resumeBatch)
			return n, n == resumeBatch, err
		})
	})
	wg.Go(func() {
		s.loop(ctx, JobSweep, sweepLook, nil, func(ctx context.Context) (int, bool, error) {
			done, err := s.SweepDue(ctx)
			if done {
				return 1, false, err
			}
			return 0, false, err
		})
	})
	wg.Wait()
}

// Wake makes Run look for due refunds now. It never blocks. After an error Run
// waits all the same.
func (s *Service) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// loop calls work until ctx ends: at once where there is more, else after the
// interval or when it is woken.
func (s *Service) loop(
	ctx context.Context, job string, every time.Duration, wake <-chan struct{},
	work func(context.Context) (n int, more bool, err error),
) {
	look := resilience.Spread(20)
	retry := resilience.Backoff{Initial: every, Max: max(maxIdle, every)}
	for failures := 0; ctx.Err() == nil; {
		start := time.Now()
		n, more, err := guarded(ctx, work)
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			err = nil // it was stopped
		}
		s.cfg.Worked(ctx, WorkerRun{Job: job, Done: n, Took: time.Since(start), Err: err})
		wait, woken := look(every), wake
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

// guarded is work whose panic is an error.
func guarded(
	ctx context.Context, work func(context.Context) (int, bool, error),
) (n int, more bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			n, more, err = 0, false, fmt.Errorf("refunds: panic in the worker: %v\n%s", p, debug.Stack())
		}
	}()
	return work(ctx)
}

// ResumeDue carries on up to limit refunds that are due, as a worker does
// every second or so: those whose caller died at any point, those of unknown
// outcome, those the provider decides later, and those where nothing
// happened. It returns how many it tried.
//
// Each is claimed for a lease, tried once, and recorded while the lease token
// still matches. Age alone never fails a refund: it ends by the provider's
// answer, or stands in the review queue (Work.NeedsReview).
//
// It stops early when the provider takes no calls, so that an outage costs a
// few probes and not the whole queue. When ctx ends, calls in flight are
// answered and recorded, and no new ones begin. Any number of processes may
// call it at once.
func (s *Service) ResumeDue(ctx context.Context, limit int) (n int, err error) {
	if err := s.noTx("resume due refunds"); err != nil {
		return 0, err
	}
	for n < limit && ctx.Err() == nil {
		token := s.cfg.NewID()
		due, err := s.store.Claim(ctx, s.now(), s.cfg.Lease, token, min(s.cfg.Parallel, limit-n))
		if err != nil {
			return n, fmt.Errorf("refunds: claim due refunds: %w", err)
		}
		if len(due) == 0 {
			break
		}
		n += len(due)
		outcomes, errs := make([]payment.Outcome, len(due)), make([]error, len(due))
		var wg sync.WaitGroup
		for i, r := range due {
			wg.Go(func() {
				t := &execution{s: s, r: r, token: token, progress: progress{doubt: !r.Attempt().FirstSentAt.IsZero()}}
				_, outcomes[i], errs[i] = t.run(context.WithoutCancel(ctx), 0)
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return n, err
		}
		for _, o := range outcomes {
			if o == payment.OutcomeNoEffect {
				return n, nil
			}
		}
	}
	return n, nil
}
