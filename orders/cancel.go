package orders

import "context"

// Cancel ends a queued order unpaid and puts its units back. An order that
// may be paid is withdrawn at the provider first; when that gives no answer,
// or the order is being charged at this moment, it is CodePaymentUncertain and
// the order stays queued. When the provider says it is paid, the order becomes
// completed and the answer is CodeTransition.
func (s *Service) Cancel(ctx context.Context, id string, by Actor, reason string) (Order, error) {
	if err := checkText("reason", reason, 500); err != nil {
		return Order{}, err
	}
	if !s.begin() {
		return Order{}, &Error{Code: CodePaymentUncertain, Field: "payment", Message: "the shop is closing down; try again in a minute"}
	}
	defer s.running.Done()
	st := s.stamp(ctx, by)
	lease := s.cfg.NewID()
	o, err := s.store.Update(ctx, id, func(o *Order) error {
		if !o.open() {
			return o.refuse("cancelled")
		}
		if o.Payment.Work.LeaseUntil.After(st.At) {
			return &Error{Code: CodePaymentUncertain, Field: "payment", Message: "order " + o.Number + " is being charged at this moment; try again in some seconds"}
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
func (s *Service) Retry(ctx context.Context, id string, by Actor, reason string) (Order, error) {
	if err := checkText("reason", reason, 500); err != nil {
		return Order{}, err
	}
	st := s.stamp(ctx, by)
	return s.store.Update(ctx, id, func(o *Order) error { return o.Retry(st, reason) })
}

// Resolve settles an order in the queue for a person (Query.NeedPerson): one
// whose provider names another amount than was asked for, or could not be
// asked until GiveUpAfter. captured is what the provider shows; the reason is
// required and stays in the audit trail. Only somebody who has seen at the
// provider that the payment is cancelled, or does not exist, may say that it is
// not captured.
func (s *Service) Resolve(ctx context.Context, id string, captured bool, by Actor, reason string) (Order, error) {
	if err := checkText("reason", reason, 500); err != nil {
		return Order{}, err
	}
	st := s.stamp(ctx, by)
	o, err := s.store.Update(ctx, id, func(o *Order) error { return o.Resolve(st, captured, reason) })
	if err != nil {
		return Order{}, err
	}
	s.cfg.Observer.Settled(o, st.At.Sub(o.PlacedAt))
	return o, nil
}
