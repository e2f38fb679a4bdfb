package refunds

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/returnkit/returnkit/orders/payment"
)

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
