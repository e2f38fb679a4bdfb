package orders

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
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
	// Confirmed is the amount of the payment, as whoever resolves it has entered it again. It is
	// needed where the provider's answer is against Captured; see CodeUnconfirmed.
	Confirmed money.Money
}

// Resolve settles an order in the review queue (Query.NeedsReview): one whose
// provider names another amount than was asked for, or could not be asked until
// GiveUpAfter. The reason is required and stays in the audit trail.
//
// A payment that exists is looked up first, and one that is not captured is
// canceled at the provider. Where the provider says the opposite, or the order
// is being charged at this moment, Resolve returns CodePaymentUncertain and
// changes nothing. Where the provider has captured another amount, or does not know a payment that
// staff say is captured, what they say stands only with the amount of the payment in r.Confirmed:
// without it Resolve returns CodeUnconfirmed, with another one CodeInvalid. The provider's answer
// is then kept beside the reason. What they say stands also where the provider gives no answer:
// only someone who has seen there that the payment is canceled, or does not exist, may say that it
// is not captured.
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
	against, err := s.contradicted(ctx, &o, lease, r)
	if err != nil {
		released, releaseErr := s.store.Update(ctx, id, func(o *Order) error {
			if o.checkLease(lease) == nil {
				o.Payment.Work.Lease("", time.Time{})
			}
			return nil
		})
		return released, errors.Join(err, releaseErr)
	}
	if against != "" {
		reason += " (against the provider's answer: " + against + ")"
	}
	reference := o.Payment.ProviderID
	return s.save(ctx, o, lease, func(o *Order) error {
		o.Payment.ProviderID = reference
		return o.resolve(st, captured, reason)
	})
}

// contradicted asks the provider about what staff say of a payment, and cancels
// one that is said not to be captured and still can be. It returns the provider's answer where the
// amount that they entered overrules it.
func (s *Service) contradicted(ctx context.Context, o *Order, lease string, r Resolution) (against string, err error) {
	status, found, err := s.call(ctx, o, lease, actLookUp)
	if err != nil {
		return "", err
	}
	o.paidBy(status, found)
	captured := r.Captured
	against = o.overruled(status, found, captured)
	switch {
	case status == payment.Processing:
		return "", o.uncertain("is still being processed by the provider; try again later")
	case captured && status == payment.Canceled:
		return "", o.uncertain("has a payment that the provider says is canceled: it can't count as paid")
	case captured && status == payment.Open:
		return "", o.uncertain(
			"has a payment that the provider says is not captured: it can't count as paid; " +
				"ask the provider again, or cancel the order")
	case against != "":
		return against, r.confirmed(against, money.New(o.Payment.Amount, o.Currency))
	case !captured && status == payment.Captured:
		return "", o.uncertain("has a payment that the provider says is captured: it can't count as not paid")
	case !captured && status == payment.Open:
		return "", s.cancelThere(ctx, o, lease)
	}
	return "", nil
}

// overruled is the provider's answer that what staff say of a payment is against, and that the amount
// overrules; empty where there is none.
func (o *Order) overruled(status payment.PaymentStatus, found payment.Result, captured bool) string {
	switch {
	case status == payment.Captured && found.Amount != 0 && found.Amount != o.Payment.Amount:
		return "the provider has captured " + money.New(found.Amount, o.Currency).String()
	case captured && found.Why() == payment.UnknownAtProvider:
		return "the provider has no such payment"
	}
	return ""
}

// cancelThere cancels a payment at the provider that could still be captured.
func (s *Service) cancelThere(ctx context.Context, o *Order, lease string) error {
	status, _, err := s.call(ctx, o, lease, actCancel)
	if err == nil && status != payment.Canceled {
		err = o.uncertain("has a payment that could still be captured, and the provider did not cancel it; try again")
	}
	return err
}

// confirmed refuses to overrule the provider unless the amount was entered again.
func (r Resolution) confirmed(against string, amount money.Money) error {
	switch r.Confirmed {
	case amount:
		return nil
	case money.Money{}:
		outcome := "captured"
		if !r.Captured {
			outcome = "not captured"
		}
		return &Error{Code: CodeUnconfirmed, Field: "confirm_amount", Message: fmt.Sprintf(
			"%s; to record the payment as %s all the same, enter its amount, %s, to confirm", against, outcome, amount)}
	}
	return &Error{Code: CodeInvalid, Field: "confirm_amount", Message: fmt.Sprintf(
		"it is %s, and the payment is of %s", r.Confirmed, amount)}
}
