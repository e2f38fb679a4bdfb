package refundstest

import (
	"cmp"
	"slices"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// testCarried keeps what a refund carries over, for the next one of the payment.
func testCarried(b *bench) {
	p := newPlan(1)
	carry := func(s refunds.PaymentState, current *refunds.Refund) (*refunds.Refund, error) {
		a, err := p.attempt(s.Refunded)
		if err != nil || current != nil {
			return current, err
		}
		a.Quote.Carried = 3
		a.Quote.Fees = append(a.Quote.Fees, refunds.Fee{Kind: refunds.PaidByOthers, Amount: 5})
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
	b.equal("carried, and what others had given back", state.Carried, int64(3+5))
}

// testCarriedRests lists what payments carried over, without what a refund has paid of it,
// failed or was taken back.
func testCarriedRests(b *bench) {
	open := func(p plan, carried int64) refunds.Refund {
		r, err := b.openBy(p.open(), func(s refunds.PaymentState, _ *refunds.Refund) (*refunds.Refund, error) {
			a, err := p.attempt(s.Refunded)
			if err != nil {
				return nil, err
			}
			if a.Quote.Carried = carried; carried < 0 { // of no line: it pays what was carried alone
				a.Method, a.Request.Lines = payment.StoreCredit, nil
				a.Quote = refunds.Quote{Currency: p.currency, Amount: -carried, Carried: carried, ByTerms: -carried}
			}
			if carried == 5 { // and others had given back 2 more
				a.Quote.Fees = append(a.Quote.Fees, refunds.Fee{Kind: refunds.PaidByOthers, Amount: 2})
			}
			return refunds.NewRefund(refunds.Params{
				ID: newID(), ClientReference: p.reference, OrderID: p.order, PaymentID: p.payment,
				Customer: "customer-1", Attempt: a,
			}, b.stamp())
		})
		b.ok(err)
		b.stored(r)
		return r
	}
	p, q, failed, none := newPlan(1), newPlan(2), newPlan(1), newPlan(1)
	open(p, 3)
	open(p.other(), 4)
	open(q, 5)
	open(none, 0)
	b.answer(open(failed, 9).ID, payment.OutcomeDeclined)
	rest := func(p plan, amount int64) refunds.CarriedRest {
		return refunds.CarriedRest{OrderID: p.order, PaymentID: p.payment, CustomerID: "customer-1",
			Currency: p.currency, Amount: amount}
	}
	rests := func(what, after string, limit int, want ...refunds.CarriedRest) {
		b.Helper()
		slices.SortFunc(want, func(a, b refunds.CarriedRest) int { return cmp.Compare(a.PaymentID, b.PaymentID) })
		got, err := b.store.CarriedRests(b.ctx, after, limit)
		b.ok(err)
		b.equal(what, got, want)
	}
	rests("what was carried", "", 10, rest(p, 7), rest(q, 5+2))
	first, second := rest(p, 7), rest(q, 5+2)
	if second.PaymentID < first.PaymentID {
		first, second = second, first
	}
	rests("the first page", "", 1, first)
	rests("the second page", first.PaymentID, 1, second)
	rests("no page", "", 0)
	paid := open(p.other(), -7)
	rests("once one was paid", "", 10, rest(q, 5+2))
	state, err := b.store.PaymentState(b.ctx, p.other().open())
	b.ok(err)
	b.equal("carried in the end", []any{state.Carried, state.Refunded[p.order+"-1"].Units}, []any{int64(0), 2})
	own, err := b.store.PaymentState(b.ctx, refunds.OpenRequest{ClientReference: paid.ClientReference,
		OrderID: p.order, PaymentID: p.payment})
	b.ok(err)
	b.equal("carried beside the refund that paid it", own.Carried, int64(7))
}
