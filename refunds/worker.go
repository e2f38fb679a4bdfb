package refunds

import (
	"context"
	"errors"
	"fmt"
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

const (
	resumeBatch = 64               // refunds of one call of ResumeDue
	sweepLook   = 30 * time.Second // how often Run looks whether a sweep is due
)

// Run is the whole worker of the package: until ctx ends it resumes the refunds
// that are due (see ResumeDue) and sweeps the provider's lists (see SweepDue). Any
// number of processes may run it on one store. An error is reported to Config.Worked,
// and the job continues after a wait that grows with each error in a row. Run
// returns when the calls in flight are recorded.
func (s *Service) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() {
		resilience.Worker{
			Job: JobResume, Every: s.cfg.ResumeEvery, Wake: s.wake, Worked: s.cfg.Worked,
			Work: func(ctx context.Context) (int, bool, error) {
				n, err := s.ResumeDue(ctx, resumeBatch)
				return n, n == resumeBatch, err
			},
		}.Run(ctx)
	})
	wg.Go(func() {
		resilience.Worker{
			Job: JobSweep, Every: sweepLook, Worked: s.cfg.Worked,
			Work: func(ctx context.Context) (int, bool, error) {
				done, err := s.SweepDue(ctx)
				if done {
					return 1, false, err
				}
				return 0, false, err
			},
		}.Run(ctx)
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

// ResumeDue continues up to limit refunds that are due, as a worker does every second or
// so, and returns how many it tried. Due are refunds whose process died at any point, whose
// outcome is unknown, that the provider decides later, or that could not be sent.
//
// Each is claimed under a lease, tried once, and recorded while the lease token
// still matches. Age alone never fails a refund: it ends with the provider's
// answer, or stays in the review queue (Work.NeedsReview).
//
// It stops early when the provider takes no calls, so that an outage costs a
// few probes and not the whole queue. When ctx ends, calls in flight
// finish and are recorded, and no new ones begin. Any number of processes may
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
