package orders

import (
	"context"
	"fmt"
	"sync"

	"github.com/returnkit/returnkit/orders/payment"
)

// With returns the service on a store in a transaction of the caller's, such as
// ordersdb's (*Store).WithTx(tx) returns. What it creates or changes commits or
// rolls back with the caller's own rows:
//
//	err := db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
//		if _, err := tx.NewInsert().Model(&loyaltyPoints).Exec(ctx); err != nil {
//			return err
//		}
//		order, err = service.With(store.WithTx(tx)).Checkout(ctx, request)
//		return err
//	})
//
// An order that is paid at the provider is queued by Checkout and not charged:
// the provider's answer can't be rolled back. Run charges it after the commit.
// ChargeDue, Cancel, Resolve and Run, which call the provider, return
// payment.ErrInTransaction.
//
// The observer is not called, since the commit is the caller's. The returned
// service is for the one transaction, and is not closed.
func (s *Service) With(store Store) *Service {
	c := s.cfg
	c.Store, c.Observer = store, NopObserver{}
	in := &Service{
		cfg: c, store: c.store(), inTx: true, life: s.life, end: func() {}, inFlight: map[string]*charge{},
		wake: s.wake, running: &sync.WaitGroup{},
	}
	return in
}

// outside returns ErrInTransaction on a service that With returned.
func (s *Service) outside(verb string) error {
	if s.inTx {
		return fmt.Errorf("orders: %s: %w", verb, payment.ErrInTransaction)
	}
	return nil
}

// placeOnly answers a checkout in a transaction of the caller's, where nothing is
// charged.
func (s *Service) placeOnly(ctx context.Context, r CheckoutRequest) (Order, error) {
	o, placed, err := s.place(ctx, r, "")
	if err != nil {
		return Order{}, err
	}
	if !placed {
		if err := r.checkSame(o); err != nil {
			return Order{}, err
		}
		return o, declined(o)
	}
	return o, nil
}
