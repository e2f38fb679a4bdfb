package refundstest

import (
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

func testPairs(b *bench) {
	gateway := &Gateway{}
	s, err := refunds.New(refunds.Config{Store: b.store, Gateway: gateway})
	b.ok(err)
	plans := make([]plan, 100)
	for i := range plans {
		plans[i] = newPlan(10)
	}
	b.AtOnce(200, func(i int) {
		p := plans[i/2]
		_, err := s.Refund(b.ctx, refunds.Request{
			ClientReference: p.reference, OrderID: p.order,
			Payments: []refunds.Payment{
				{ID: p.payment, Method: payment.Card, ProviderID: "pi_" + p.payment, Captured: captured},
			},
			Currency: "USD", Customer: "customer-1", Quote: p.request(), By: b.stamp().By,
		})
		if err != nil {
			b.Error(err)
		}
	})
	b.settled(s)
	b.equal("refunds at the provider", len(gateway.Ledger()), 100)
	for _, p := range plans {
		b.equal("paid back", gateway.PaidOut("pi_"+p.payment), int64(captured-4))
		b.holds(p, 0, captured-4)
	}
	_, n, err := b.store.List(b.ctx, refunds.Query{Status: []refunds.Status{refunds.StatusSucceeded}})
	b.ok(err)
	b.equal("succeeded", n, 100)
}

// settled lets the worker run until no refund is open: on a busy machine a
// caller may be held up for longer than its lease.
func (b *bench) settled(s *refunds.Service) {
	b.Helper()
	open := refunds.Query{Status: []refunds.Status{refunds.StatusCreated, refunds.StatusSubmitted,
		refunds.StatusUnknown}}
	for deadline := time.Now().Add(time.Minute); ; <-time.After(20 * time.Millisecond) {
		_, n, err := b.store.List(b.ctx, open)
		b.ok(err)
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("%d refunds are open still", n)
		}
		_, err = s.ResumeDue(b.ctx, 1000)
		b.ok(err)
	}
}
