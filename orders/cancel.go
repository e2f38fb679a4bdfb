package orders

import (
	"context"

	"github.com/returnkit/returnkit/orders/event"
)

// errClosing refuses what would ask the provider, when the service is closing.
var errClosing = &Error{
	Code:    CodePaymentUncertain,
	Field:   "payment",
	Message: "the shop is closing down; try again in a minute",
}

// beginEnding is begin for a call that ends a charge for a reason.
func (s *Service) beginEnding(call, reason string) error {
	if err := checkText("reason", reason, 500); err != nil {
		return err
	}
	if err := s.outside(call); err != nil {
		return err
	}
	if !s.begin() {
		return errClosing
	}
	return nil
}

// Cancel ends a queued order unpaid and puts its units back. An order that
// may be paid is withdrawn at the provider first; when that gives no answer,
// or the order is being charged at this moment, it is CodePaymentUncertain and
// the order stays queued. When the provider says it is paid, the order becomes
// completed and the answer is CodeTransition. On a service of With it is
// payment.ErrInTransaction.
func (s *Service) Cancel(ctx context.Context, id string, by event.Actor, reason string) (Order, error) {
	if err := s.beginEnding("cancel", reason); err != nil {
		return Order{}, err
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
		if o.certainlyUnpaid() {
			return o.Cancel(st, reason)
		}
		o.Payment.Work.Lease(lease, st.At.Add(s.cfg.Lease))
		return nil
	})
	if err != nil {
		return Order{}, err
	}
	if o.Status == StatusCanceled {
		s.cfg.Observer.Settled(ctx, o, st.At.Sub(o.PlacedAt))
		return o, nil
	}
	o, _, err = s.withdraw(context.WithoutCancel(ctx), o, lease, st, reason)
	switch {
	case err != nil:
		return o, err
	case o.Status == StatusCompleted:
		return o, &Error{
			Code:    CodeTransition,
			Field:   "status",
			Message: "order " + o.Number + " turned out to be paid; it is completed and can't be cancelled",
		}
	case o.Status != StatusCanceled:
		return o, &Error{
			Code:  CodePaymentUncertain,
			Field: "payment",
			Message: "the provider does not say whether order " + o.Number +
				" is paid; it is looked up again, try later",
		}
	}
	return o, nil
}

// atRest refuses to settle an order that is being charged or settled.
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
