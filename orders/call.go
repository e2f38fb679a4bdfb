package orders

import (
	"context"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
)

// call makes one call of the provider, within CallTimeout and under a lease
// that is renewed while it lasts. An outcome that nobody knows is
// OutcomeUnknown. The error is that of the lease: the call was not made then.
func (s *Service) call(ctx context.Context, o *Order, lease string,
	do action) (payment.PaymentStatus, payment.Result, error) {
	if o.Payment.Work.LeaseUntil.Sub(s.now()) < s.cfg.Lease/2 {
		renewed, err := s.renew(ctx, o.ID, lease)
		if err != nil {
			return "", payment.Result{}, err
		}
		*o = renewed
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CallTimeout)
	defer cancel()
	defer s.keepLease(ctx, cancel, o.ID, lease)()

	var status payment.PaymentStatus
	var r payment.Result
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
		return "", payment.Result{}, fmt.Errorf("orders: %s is not a call of the provider", do)
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
	return status, r, nil
}

// renew makes the lease last from now.
func (s *Service) renew(ctx context.Context, id, lease string) (Order, error) {
	until := s.now().Add(s.cfg.Lease)
	return s.store.Update(ctx, id, func(o *Order) error {
		if err := o.CheckLease(lease); err != nil {
			return err
		}
		o.Lease(lease, until)
		return nil
	})
}

// keepLease renews the lease until the function it returns is called or ctx
// ends, whichever is first, and ends the call when another worker has taken the
// payment over.
func (s *Service) keepLease(ctx context.Context, end context.CancelFunc, id, lease string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(s.cfg.Lease / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if _, err := s.renew(ctx, id, lease); CodeOf(err) == CodeLeaseLost {
				end()
				return
			}
		}
	}()
	return func() {
		cancel()
		<-stopped
	}
}
