package orders

import (
	"context"
	"errors"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
)

// Retry takes an order out of the review queue and has the worker ask the
// provider again, at once. For another order it returns CodeTransition; the
// reason is required and stays in the audit trail.
func (s *Service) Retry(ctx context.Context, id string, by event.Actor, reason string) (Order, error) {
	if err := checkText("reason", reason, 500); err != nil {
		return Order{}, err
	}
	st := s.stamp(ctx, by)
	return s.store.Update(ctx, id, func(o *Order) error { return o.retry(st, reason) })
}

// Resolution is what staff say of a payment in the review queue.
type Resolution struct {
	Captured bool   // what the provider shows
	Reason   string // required
}

// Resolve settles an order in the review queue (Query.NeedsReview): one whose
// provider names another amount than was asked for, or could not be asked until
// GiveUpAfter. The reason is required and stays in the audit trail.
//
// A payment that exists is looked up first, and one that is not captured is
// canceled at the provider. Where the provider says the opposite, or the order
// is being charged at this moment, Resolve returns CodePaymentUncertain and
// changes nothing. What staff say stands where the provider names another
// amount, and where it gives no answer: only someone who has seen there that
// the payment is canceled, or does not exist, may say that it is not captured.
// On a service of With it is payment.ErrInTransaction.
func (s *Service) Resolve(ctx context.Context, id string, by event.Actor, r Resolution) (Order, error) {
	captured, reason := r.Captured, r.Reason
	if err := s.beginEnding("resolve", reason); err != nil {
		return Order{}, err
	}
	defer s.running.Done()
	st := s.stamp(ctx, by)
	lease := s.cfg.NewID()
	o, err := s.store.Update(ctx, id, func(o *Order) error {
		if err := o.checkInReview(reason); err != nil {
			return err
		}
		if err := o.atRest(st); err != nil {
			return err
		}
		if !o.Payment.atProvider() {
			return o.resolve(st, captured, reason)
		}
		o.Payment.Work.Lease(lease, st.At.Add(s.cfg.Lease))
		return nil
	})
	if err != nil {
		return Order{}, err
	}
	if !o.open() {
		s.cfg.Observer.Settled(ctx, o, st.At.Sub(o.PlacedAt))
		return o, nil
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.contradicted(ctx, &o, lease, captured); err != nil {
		released, releaseErr := s.store.Update(ctx, id, func(o *Order) error {
			if o.checkLease(lease) == nil {
				o.Payment.Work.Lease("", time.Time{})
			}
			return nil
		})
		return released, errors.Join(err, releaseErr)
	}
	reference := o.Payment.ProviderID
	return s.save(ctx, o, lease, func(o *Order) error {
		o.Payment.ProviderID = reference
		return o.resolve(st, captured, reason)
	})
}

// contradicted asks the provider about what staff say of a payment, and cancels
// one that is said not to be captured and still can be.
func (s *Service) contradicted(ctx context.Context, o *Order, lease string, captured bool) error {
	status, found, err := s.call(ctx, o, lease, actLookUp)
	if err != nil {
		return err
	}
	o.paidBy(status, found)
	switch {
	case status == payment.Processing:
		return o.uncertain("is still being processed by the provider; try again later")
	case captured && status == payment.Canceled:
		return o.uncertain("has a payment that the provider says is canceled: it can't count as paid")
	case captured && status == payment.Open:
		return o.uncertain(
			"has a payment that the provider says is not captured: it can't count as paid; " +
				"ask the provider again, or cancel the order")
	case !captured && status == payment.Captured && (found.Amount == 0 || found.Amount == o.Payment.Amount):
		return o.uncertain("has a payment that the provider says is captured: it can't count as not paid")
	case !captured && status == payment.Open:
		if status, _, err = s.call(ctx, o, lease, actCancel); err != nil {
			return err
		}
		if status != payment.Canceled {
			return o.uncertain(
				"has a payment that could still be captured, and the provider did not cancel it; try again")
		}
	}
	return nil
}
