package orders_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/payment"
)

// counted counts the updates of orders.
type counted struct {
	orders.Store
	updates atomic.Int64
}

func (c *counted) Update(ctx context.Context, id string, change func(*orders.Order) error) (orders.Order, error) {
	c.updates.Add(1)
	return c.Store.Update(ctx, id, change)
}

// The lease was renewed during the confirm: the cancel after it, in the same attempt,
// finds it long enough.
func TestALeaseThatWasKeptDuringACallIsNotRenewedBeforeTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		s.fill(1)
		store := &counted{Store: s.store}
		confirms, answered, canceled := 0, int64(0), int64(-1)
		svc, err := orders.New(orders.Config{
			Store: store, Currency: "USD", Lease: 10 * time.Second, CallTimeout: 10 * time.Second,
			Gateway: &scripted{
				ChargeGateway: s.gateway,
				confirm: func(payment.ChargeRequest, string) payment.Result {
					if confirms++; confirms == 1 {
						return payment.Result{Outcome: payment.OutcomeUnknown}
					}
					time.Sleep(7 * time.Second)
					answered = store.updates.Load()
					return payment.Result{Outcome: payment.OutcomeDeclined, Code: "card_declined"}
				},
				before: func(payment.ChargeRequest) { // of a cancel, once a confirm was declined
					if answered > 0 {
						canceled = store.updates.Load()
					}
				},
			},
		})
		must(t, err)
		o, err := svc.Checkout(t.Context(), card(""))
		must(t, err)
		time.Sleep(time.Second)
		_, err = svc.ChargeDue(t.Context(), 1)
		must(t, err)
		s.expect("order", s.order(o.ID).Status, orders.StatusCanceled)
		s.expect("updates from the confirm to the cancel", canceled-answered, 0)
	})
}
