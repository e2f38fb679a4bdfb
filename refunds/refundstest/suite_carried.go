package refundstest

import "github.com/returnkit/returnkit/refunds"

// testCarried keeps what a refund carries over, for the next one of the payment.
func testCarried(b *bench) {
	p := newPlan(1)
	carry := func(s refunds.PaymentState, current *refunds.Refund) (*refunds.Refund, error) {
		a, err := p.attempt(s.Refunded)
		if err != nil || current != nil {
			return current, err
		}
		a.Quote.Carried = 3
		return refunds.NewRefund(refunds.Params{
			ID: newID(), ClientReference: p.reference, OrderID: p.order, PaymentID: p.payment, Customer: "customer-1",
			Attempt: a,
		}, b.stamp())
	}
	first, err := b.openBy(p.open(), carry)
	b.ok(err)
	b.stored(first)
	own, err := b.store.PaymentState(b.ctx, p.open())
	b.ok(err)
	b.equal("carried beside the refund itself", own.Carried, int64(0))
	next := p.other()
	state, err := b.store.PaymentState(b.ctx, next.open())
	b.ok(err)
	b.equal("carried", state.Carried, int64(3))
}
