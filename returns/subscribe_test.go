package returns_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/returns"
)

// following has svc follow the shop's refunds.
func (s *shop) following(svc *returns.Service) *outbox.Dispatcher {
	s.Helper()
	d, err := outbox.New(outbox.Config{Now: func() time.Time { return s.now }}, s.refundLog, s.returnLog)
	s.ok(err)
	s.ok(returns.Subscribe(d, svc))
	return d
}

// pending is how many deliveries are left.
func (s *shop) pending(d *outbox.Dispatcher) int {
	s.Helper()
	n, _, err := d.Pending(s.ctx)
	s.ok(err)
	return n
}

// TestARefundThatEndsLaterIsFollowed without a database: L2. A provider decides
// after the answer, and nobody asks for the case again.
func TestARefundThatEndsLaterIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, policy())
		d, err := outbox.New(outbox.Config{}, s.refundLog, s.returnLog)
		s.ok(err)
		s.ok(returns.Subscribe(d, s.svc))
		ctx, stop := context.WithCancel(s.ctx)
		defer stop()
		go d.Run(ctx)
		r := s.inspected(s.received(s.bought(2), 2).ID, 2)
		refund := s.refund(r.ID, refundstest.FaultPending)
		s.equal("refund", refund.Status, refunds.StatusPending)
		synctest.Wait()
		s.equal("case meanwhile", s.get(r.ID).Status, returns.StatusApproved)

		s.equal("settled", s.gateway.Settle(refund.Attempt().ProviderID, "succeeded"), true)
		s.now = s.now.Add(24 * time.Hour)
		_, err = s.payer.ResumeDue(s.ctx, 10)
		s.ok(err)
		time.Sleep(2 * time.Second) // of the bubble: the dispatcher polls
		synctest.Wait()
		after := s.get(r.ID)
		s.equal("case, restocked", []any{after.Status, after.Restocked}, []any{returns.StatusRefunded, true})
		s.equal("stock", s.stock(), 2)
		s.equal("left to deliver", s.pending(d), 0)
	})
}

func TestAReversalIsFollowed(t *testing.T) {
	s := newShop(t, policy())
	d := s.following(s.svc)
	r := s.inspected(s.received(s.bought(2), 2).ID, 2)
	refund := s.refund(r.ID, refundstest.FaultNone)
	s.ok(d.DeliverSync(s.ctx, "refunds", refund.ID))
	s.reversed(refund)
	for range 2 {
		s.ok(d.DeliverSync(s.ctx, "refunds", refund.ID))
	}
	open := s.tasks(r.ID)
	s.equal("tasks", []any{len(open), open[0].Kind, open[0].Ref}, []any{1, returns.TaskRefundReversed, refund.ID})
	s.equal("reversed", s.get(r.ID).Reversed(), true)
}

// dying is a restocker that fails so many times.
type dying struct {
	returns.Restocker
	fails atomic.Int64
}

func (d *dying) Restock(ctx context.Context, r purchase.Restock, by event.Actor) (bool, error) {
	if d.fails.Add(-1) >= 0 {
		return false, errors.New("the shelf is locked")
	}
	return d.Restocker.Restock(ctx, r, by)
}

func TestARestockThatWasCutOffIsFinishedByItsDelivery(t *testing.T) {
	for _, at := range []returns.RestockPoint{returns.RestockAtRefund, returns.RestockAtInspection} {
		t.Run(string(at), func(t *testing.T) {
			p := policy()
			p.RestockAt = at
			s := newShop(t, p)
			shelf := &dying{Restocker: s.orders}
			var err error
			s.svc, err = returns.New(returns.Config{
				Store: s.store, Orders: s.orders, Refunder: s.payer, Restocker: shelf,
				Now: func() time.Time { return s.now },
			})
			s.ok(err)
			d := s.following(s.svc)
			r := s.received(s.bought(2), 2)
			shelf.fails.Store(1)
			_, err = s.svc.Inspect(s.ctx, r.ID, kim, returns.InspectionInput{
				Result: returns.InspectionApproved, InspectedBy: "Kim",
			})
			if at == returns.RestockAtRefund {
				s.ok(err)
				_, _, err = s.svc.Refund(s.ctx, r.ID, kim, returns.RefundParams{})
			}
			if err == nil || s.stock() != 0 {
				t.Fatalf("stock %d, %v", s.stock(), err)
			}
			shelf.fails.Store(1) // and the first delivery is cut off too
			if err := d.DeliverSync(s.ctx, "returns", r.ID); err == nil {
				t.Error("the delivery hid the failure")
			}
			for range 2 {
				s.ok(d.DeliverSync(s.ctx, "returns", r.ID))
			}
			s.equal("stock", s.stock(), 2)
			s.equal("restocked", s.get(r.ID).Restocked, true)
		})
	}
}

func TestARefundOfNoCaseIsLeftAlone(t *testing.T) {
	s := newShop(t, policy())
	d := s.following(s.svc)
	refund, err := s.payer.Refund(s.ctx, refunds.Request{
		ClientReference: "goodwill-1", OrderID: "o",
		Payments: []refunds.Payment{{ID: "p", Method: payment.Cash, Captured: 500}},
		Method:   payment.Cash, Currency: "USD", Customer: "ann", By: kim,
		Quote: refunds.QuoteRequest{Currency: "USD", Lines: []refunds.QuoteRequestLine{
			{OrderLineID: "l", Bought: 1, Units: 1, Paid: money.Components{Price: 500}},
		}},
	})
	s.ok(err)
	s.equal("refund", refund.Status, refunds.StatusSucceeded)
	s.ok(d.DeliverSync(s.ctx, "refunds", refund.ID))
	s.equal("left to deliver", s.pending(d), 0)
}

func TestSubscribeNeedsBothLogs(t *testing.T) {
	s := newShop(t, policy())
	for _, log := range []*outbox.Memory{s.refundLog, s.returnLog} {
		d, err := outbox.New(outbox.Config{}, log)
		s.ok(err)
		if err := returns.Subscribe(d, s.svc); err == nil {
			t.Errorf("it follows the log %q alone", log.Stream())
		}
	}
}
