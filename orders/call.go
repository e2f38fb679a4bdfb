package orders

import (
	"context"
	"fmt"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/resilience"
)

// call makes one call of the provider, within CallTimeout and under a lease
// that is renewed while it lasts. An outcome that nobody knows is
// OutcomeUnknown. An error means that the lease was lost or not renewed: the call was not made.
func (s *Service) call(ctx context.Context, o *Order, lease string,
	do action) (payment.PaymentStatus, payment.Result, error) {
	_, status, r, err := s.callPage(ctx, o, lease, do)
	return status, r, err
}

// callPage is call, with the page that it opened where the order is paid on one.
func (s *Service) callPage(ctx context.Context, o *Order, lease string,
	do action) (page payment.Page, status payment.PaymentStatus, r payment.Result, err error) {
	if o.Payment.Work.LeaseUntil.Sub(s.now()) < s.cfg.Lease/2 {
		renewed, err := s.renew(ctx, o.ID, lease)
		if err != nil {
			return page, "", r, err
		}
		*o = renewed
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CallTimeout)
	defer cancel()
	ctx, stop := s.keepLease(ctx, o, lease)
	defer stop()

	if o.Payment.OnPage() {
		page, status, r, err = s.pageCall(ctx, o, do)
	} else {
		status, r, err = s.chargeCall(ctx, o, do)
	}
	if err != nil {
		return page, "", r, err
	}
	r = r.Bounded()
	switch r.Outcome {
	case payment.OutcomeDone,
		payment.OutcomeDeclined,
		payment.OutcomeNoEffect,
		payment.OutcomePending,
		payment.OutcomeRequiresAction:
	default:
		r.Outcome = payment.OutcomeUnknown
	}
	if r.Outcome != payment.OutcomeDone {
		status = "" // only what was read is a state
	}
	return page, status, r, nil
}

// chargeCall makes the call of an action of an order that the shop charges.
func (s *Service) chargeCall(ctx context.Context, o *Order, do action) (
	status payment.PaymentStatus, r payment.Result, err error,
) {
	switch request, id := o.chargeRequest(), o.Payment.ProviderID; do {
	case actCreate:
		r = s.cfg.Gateway.CreatePayment(ctx, request)
	case actConfirm:
		r = s.cfg.Gateway.ConfirmPayment(ctx, request, id)
	case actLookUp:
		status, r = s.cfg.Gateway.FindPayment(ctx, id)
	case actCancel:
		status, r = s.cfg.Gateway.CancelPayment(ctx, request, id)
	default:
		err = fmt.Errorf("orders: %s is not a call of the provider", do)
	}
	return status, r, err
}

// renew makes the lease last from now.
func (s *Service) renew(ctx context.Context, id, lease string) (Order, error) {
	until := s.now().Add(s.cfg.Lease)
	return s.store.Update(ctx, id, func(o *Order) error {
		if err := o.checkLease(lease); err != nil {
			return err
		}
		o.Payment.Work.Lease(lease, until)
		return nil
	})
}

// keepLease renews the lease until stop is called or ctx ends, whichever is first, and
// ends the context that it returns when another worker has taken the payment over. stop
// notes in o until when the lease is good, so that the next call need not renew it.
func (s *Service) keepLease(ctx context.Context, o *Order, lease string) (leased context.Context, stop func()) {
	id, until := o.ID, o.Payment.Work.LeaseUntil
	leased, end := resilience.KeepLease(ctx, s.cfg.Lease, func(ctx context.Context) (held bool, err error) {
		renewed, err := s.renew(ctx, id, lease)
		if err == nil {
			until = renewed.Payment.Work.LeaseUntil
		}
		if CodeOf(err) == CodeLeaseLost {
			return false, nil
		}
		return err == nil, err
	})
	return leased, func() { end(); o.Payment.Work.LeaseUntil = until }
}
