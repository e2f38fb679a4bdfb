package orders

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/returnkit/returnkit/orders/payment"
)

// begin counts the caller among those Close waits for; false after Close.
func (s *Service) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	return true
}

func (s *Service) closing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// ChargeDue settles up to limit payments that are due: queued orders, and
// submitted ones whose charger was lost. It returns how many it attempted. It
// stops early when the provider takes no calls (an open breaker), so that an
// outage costs one probe and not the whole queue. A payment that fails to be
// recorded is reported, and due again when its lease runs out.
//
// Orders older than QueueLimit are withdrawn at the provider and canceled,
// only when it is certain that they are unpaid. Those whose payment is still
// unknown after GiveUpAfter stay queued and go to the review queue. When ctx
// ends, calls in flight are answered and recorded, and no new ones begin.
func (s *Service) ChargeDue(ctx context.Context, limit int) (int, error) {
	if err := s.outside("charge due payments"); err != nil {
		return 0, err
	}
	if !s.begin() {
		return 0, nil
	}
	defer s.running.Done()
	n := 0
	for n < limit && ctx.Err() == nil && !s.closing() {
		lease := s.cfg.NewID()
		due, err := s.store.Claim(ctx, s.now(), s.cfg.Lease, lease, min(s.cfg.Parallel, limit-n))
		if err != nil {
			return n, fmt.Errorf("orders: charge due payments: %w", err)
		}
		if len(due) == 0 {
			break
		}
		n += len(due)
		if refused, err := s.chargeAll(context.WithoutCancel(ctx), due, lease); err != nil || refused {
			return n, err
		}
	}
	return n, nil
}

// chargeAll attempts the payments at the same time. refused reports that the
// provider took no call for one of them.
func (s *Service) chargeAll(ctx context.Context, due []Order, lease string) (refused bool, err error) {
	outcomes, errs := make([]payment.Outcome, len(due)), make([]error, len(due))
	var wg sync.WaitGroup
	for i, o := range due {
		wg.Go(func() {
			saved, outcome, err := s.attempt(ctx, o, lease)
			outcomes[i] = outcome
			if err != nil && CodeOf(err) != CodeLeaseLost {
				errs[i] = fmt.Errorf("orders: charge order %s: %w", o.Number, err)
			}
			// One that was queued is reported by save.
			if err == nil && o.Status == StatusSubmitted && !saved.open() {
				s.cfg.Observer.Settled(ctx, saved, s.now().Sub(saved.PlacedAt))
			}
		})
	}
	wg.Wait()
	for _, outcome := range outcomes {
		refused = refused || outcome == payment.OutcomeNoEffect
	}
	return refused, errors.Join(errs...)
}

// Expedite brings the next attempt to charge an order to now, for when the
// provider says that its payment has moved. An order that is settled, being
// charged at this moment, or in the review queue stays as it is.
func (s *Service) Expedite(ctx context.Context, id string) (Order, error) {
	return s.store.Update(ctx, id, func(o *Order) error {
		if w := &o.Payment.Work; o.open() && !w.NeedsReview && !w.NextAt.IsZero() && w.NextAt.After(s.now()) {
			w.NextAt = s.now()
		}
		return nil
	})
}
