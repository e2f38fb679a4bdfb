package orders

import (
	"context"
	"errors"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
)

// errClosing refuses what would ask the provider, when the service is closing.
var errClosing = &Error{Code: CodePaymentUncertain, Field: "payment", Message: "the shop is closing down; try again in a minute"}

// Cancel ends a queued order unpaid and puts its units back. An order that
// may be paid is withdrawn at the provider first; when that gives no answer,
// or the order is being charged at this moment, it is CodePaymentUncertain and
// the order stays queued. When the provider says it is paid, the order becomes
// completed and the answer is CodeTransition.
func (s *Service) Cancel(ctx context.Context, id string, by event.Actor, reason string) (Order, error) {
	if err := checkText("reason", reason, 500); err != nil {
		return Order{}, err
	}
	if !s.begin() {
		return Order{}, errClosing
	}
	defer s.running.Done()
	st := s.stamp(ctx, by)
	lease := s.cfg.NewID()
	o, err := s.store.Update(ctx, id, func(o *Order) error {
		if !o.open() {
			return o.refuse("cancelled")
		}
		if err := o.atRest(st); err != nil {
			return err
		}
		if o.CertainlyUnpaid() {
			return o.Cancel(st, reason)
		}
		o.Lease(lease, st.At.Add(s.cfg.Lease))
		return nil
	})
	if err != nil {
		return Order{}, err
	}
	if o.Status == StatusCancelled {
		s.cfg.Observer.Settled(o, st.At.Sub(o.PlacedAt))
		return o, nil
	}
	o, _, err = s.withdraw(context.WithoutCancel(ctx), o, lease, st, reason, nil)
	switch {
	case err != nil:
		return o, err
	case o.Status == StatusCompleted:
		return o, &Error{Code: CodeTransition, Field: "status", Message: "order " + o.Number + " turned out to be paid; it is completed and can't be cancelled"}
	case o.Status != StatusCancelled:
		return o, &Error{Code: CodePaymentUncertain, Field: "payment", Message: "the provider does not say whether order " + o.Number + " is paid; it is looked up again, try later"}
	}
	return o, nil
}

// Retry takes an order out of the queue for a person and has the worker ask
// the provider again, at once. For another order it is CodeTransition; the
// reason is required and stays in the audit trail.
func (s *Service) Retry(ctx context.Context, id string, by event.Actor, reason string) (Order, error) {
	if err := checkText("reason", reason, 500); err != nil {
		return Order{}, err
	}
	st := s.stamp(ctx, by)
	return s.store.Update(ctx, id, func(o *Order) error { return o.Retry(st, reason) })
}

// Resolve settles an order in the queue for a person (Query.NeedsReview): one
// whose provider names another amount than was asked for, or could not be
// asked until GiveUpAfter. captured is what the provider shows; the reason is
// required and stays in the audit trail.
//
// A payment that exists is looked up before, and one that is not captured is
// cancelled at the provider. Where the provider says the opposite, or the order
// is being charged at this moment, it is CodePaymentUncertain and nothing is
// changed. The person's word stands where the provider names another amount, and
// where it gives no answer: then only somebody who has seen there that the
// payment is cancelled, or does not exist, may say that it is not captured.
func (s *Service) Resolve(ctx context.Context, id string, captured bool, by event.Actor, reason string) (Order, error) {
	if err := checkText("reason", reason, 500); err != nil {
		return Order{}, err
	}
	if !s.begin() {
		return Order{}, errClosing
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
		if o.Payment.ProviderID == "" {
			return o.Resolve(st, captured, reason)
		}
		o.Lease(lease, st.At.Add(s.cfg.Lease))
		return nil
	})
	if err != nil {
		return Order{}, err
	}
	if !o.open() {
		s.cfg.Observer.Settled(o, st.At.Sub(o.PlacedAt))
		return o, nil
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.contradicted(ctx, &o, lease, captured); err != nil {
		released, releaseErr := s.store.Update(ctx, id, func(o *Order) error {
			if o.CheckLease(lease) == nil {
				o.Lease("", time.Time{})
			}
			return nil
		})
		return released, errors.Join(err, releaseErr)
	}
	o, _, err = s.settle(ctx, o, lease, payment.OutcomeDone, func(o *Order) error { return o.Resolve(st, captured, reason) })
	return o, err
}

// contradicted asks the provider about what a person says of a payment, and
// cancels one that is said not to be captured and still can be.
func (s *Service) contradicted(ctx context.Context, o *Order, lease string, captured bool) error {
	a, err := s.find(ctx, o, lease)
	if err != nil {
		return err
	}
	switch {
	case a.Outcome == payment.OutcomePending, a.Outcome == payment.OutcomeRequiresAction:
		return o.uncertain("is still being decided by the provider; have it asked again later")
	case captured && a.Outcome == payment.OutcomeDeclined:
		return o.uncertain("has a payment that the provider says is cancelled: it can't count as paid")
	case captured && a.Outcome == payment.OutcomeNoEffect:
		return o.uncertain("has a payment that the provider says is not captured: it can't count as paid; have it asked again, or cancel the order")
	case !captured && a.Outcome == payment.OutcomeDone && (a.Amount == 0 || a.Amount == o.Payment.Amount):
		return o.uncertain("has a payment that the provider says is captured: it can't count as not paid")
	case !captured && a.Outcome == payment.OutcomeNoEffect:
		a, err := s.call(ctx, o, lease, func(ctx context.Context, r payment.ChargeRequest) payment.Result {
			return s.cfg.Gateway.CancelPayment(ctx, r, o.Payment.ProviderID)
		})
		if err != nil {
			return err
		}
		if a.Outcome != payment.OutcomeDone {
			return o.uncertain("has a payment that could still be captured, and the provider did not cancel it; try again")
		}
	}
	return nil
}

// atRest refuses to settle an order that somebody charges or settles.
func (o *Order) atRest(s event.Stamp) error {
	if o.Payment.Work.LeaseUntil.After(s.At) {
		return o.uncertain("is being charged at this moment; try again in some seconds")
	}
	return nil
}

// uncertain is the refusal to settle an order whose payment may be otherwise.
func (o *Order) uncertain(why string) error {
	return &Error{Code: CodePaymentUncertain, Field: "payment", Message: "order " + o.Number + " " + why}
}
