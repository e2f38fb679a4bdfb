package orders_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
)

// scripted answers some calls itself.
type scripted struct {
	payment.ChargeGateway
	create  func(payment.ChargeRequest) payment.Result
	confirm func(payment.ChargeRequest, string) payment.Result
	before  func(payment.ChargeRequest)
}

func (g *scripted) CreatePayment(ctx context.Context, r payment.ChargeRequest) payment.Result {
	if g.create != nil {
		return g.create(r)
	}
	return g.ChargeGateway.CreatePayment(ctx, r)
}

func (g *scripted) ConfirmPayment(ctx context.Context, r payment.ChargeRequest, reference string) payment.Result {
	if g.before != nil {
		g.before(r)
	}
	if g.confirm != nil {
		return g.confirm(r, reference)
	}
	return g.ChargeGateway.ConfirmPayment(ctx, r, reference)
}

func (g *scripted) CancelPayment(ctx context.Context, r payment.ChargeRequest,
	reference string) (payment.PaymentStatus, payment.Result) {
	if g.before != nil {
		g.before(r)
	}
	return g.ChargeGateway.CancelPayment(ctx, r, reference)
}

// TestALateWorkerHidesNothing: what a worker without a lease learned of an
// earlier call must not cover that a later confirm may have captured.
func TestALateWorkerHidesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		s.fill(3)
		wake := make(chan struct{})
		paused, err := orders.New(orders.Config{
			Store:       s.store,
			Currency:    "USD",
			CallTimeout: time.Second,
			Gateway: &scripted{ChargeGateway: s.gateway, create: func(payment.ChargeRequest) payment.Result {
				<-wake
				return payment.Result{Outcome: payment.OutcomeUnknown}
			}},
		})
		must(t, err)
		o, err := paused.Checkout(t.Context(), card(""))
		must(t, err)
		time.Sleep(15 * time.Second)
		s.gateway.Script(orderstest.CallConfirm, orderstest.FaultLostAfter)
		_, err = s.ChargeDue(t.Context(), 1)
		must(t, err)
		before := s.order(o.ID)
		s.expect("payment", before.Payment.Status, orders.PaymentUnknown)
		close(wake)
		must(t, paused.Close(t.Context()))
		s.expect("order", s.order(o.ID), before)
	})
}

// TestADeclineAfterAnUnansweredConfirmIsWithdrawnFirst: the confirm without an
// answer may still be on its way, and must find the payment closed.
func TestADeclineAfterAnUnansweredConfirmIsWithdrawnFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		s.fill(3)
		confirms := 0
		var late func()
		svc, err := orders.New(orders.Config{
			Store:    s.store,
			Currency: "USD",
			Gateway: &scripted{
				ChargeGateway: s.gateway,
				confirm: func(r payment.ChargeRequest, ref string) payment.Result {
					if confirms++; confirms == 1 {
						late = func() { s.gateway.ConfirmPayment(t.Context(), r, ref) }
						return payment.Result{Outcome: payment.OutcomeUnknown}
					}
					return payment.Result{Outcome: payment.OutcomeDeclined, Code: "card_declined"}
				},
			},
		})
		must(t, err)
		o, err := svc.Checkout(t.Context(), card(""))
		must(t, err)
		time.Sleep(time.Second)
		_, err = svc.ChargeDue(t.Context(), 1)
		must(t, err)
		o = s.order(o.ID)
		s.expect("order", []any{o.Status, o.Payment.Status, o.Payment.DeclineCode},
			"[cancelled declined card_declined]")
		late()
		s.expect("charges", len(s.gateway.Charges()), 0)
	})
}

// TestACallIsMadeUnderALeaseThatOutlastsIt: a provider that takes its time is
// waited for, and no other worker takes the payment over meanwhile.
func TestACallIsMadeUnderALeaseThatOutlastsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		s.fill(3)
		calls := 0
		slow := func(r payment.ChargeRequest) {
			calls++
			for range 35 {
				time.Sleep(time.Second)
				if left := time.Until(s.order(r.OrderID).Payment.Work.LeaseUntil); left < 3*time.Second {
					t.Errorf("call %d: the lease lasts %s", calls, left)
				}
				if n, err := s.ChargeDue(t.Context(), 1); n != 0 || err != nil {
					t.Errorf("call %d: another worker took over: %d, %v", calls, n, err)
				}
			}
		}
		svc, err := orders.New(orders.Config{
			Store:       s.store,
			Currency:    "USD",
			CallTimeout: 40 * time.Second,
			PaymentWait: time.Minute,
			Gateway: &scripted{
				ChargeGateway: s.gateway,
				create: func(r payment.ChargeRequest) payment.Result {
					slow(r)
					return s.gateway.CreatePayment(t.Context(), r)
				},
				before: slow,
			},
		})
		must(t, err)
		o, err := svc.Checkout(t.Context(), card(""))
		must(t, err)
		s.expect("after PaymentWait", o.Status, orders.StatusQueued)
		time.Sleep(time.Minute)
		o = s.order(o.ID)
		s.expect("in the end", []any{o.Status, calls, len(s.gateway.Charges())}, []any{orders.StatusCompleted, 2, 1})
	})
}

// TestACallEndsWhenItsLeaseIsLost: another worker has taken over, so that the
// answer counts for nothing.
func TestACallEndsWhenItsLeaseIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		s.fill(3)
		s.gateway.Script(orderstest.CallConfirm, orderstest.FaultHangBefore)
		svc, err := orders.New(
			orders.Config{Store: s.store, Gateway: s.gateway, Currency: "USD", CallTimeout: 80 * time.Second})
		must(t, err)
		o, err := svc.Checkout(t.Context(), card(""))
		must(t, err)
		_, err = s.store.Update(t.Context(), o.ID, func(o *orders.Order) error {
			o.Payment.Work.Lease("another", time.Now().Add(time.Minute))
			return nil
		})
		must(t, err)
		begun := time.Now()
		must(t, svc.Close(t.Context()))
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("the call lasted %s", took)
		}
		s.expect("lease", s.order(o.ID).Payment.Work.LeaseToken, "another")
	})
}
