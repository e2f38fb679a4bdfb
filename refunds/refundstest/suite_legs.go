package refundstest

import (
	"errors"
	"sync/atomic"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// shared is a plan with a second payment of its order.
func (p plan) shared() (plan, plan) {
	q := p
	q.payment, q.method = newID(), payment.StoreCredit
	return p, q
}

// openParts opens a refund on each of two payments, of the amounts, in one step.
func (b *bench) openParts(p, q plan, amounts ...int64) ([]refunds.Refund, error) {
	all := []plan{p, q}
	requests := []refunds.OpenRequest{p.open(), q.open()}
	return b.store.Open(b.ctx, requests, refunds.Opening(requests,
		func(s refunds.OpenState, current []*refunds.Refund) ([]*refunds.Refund, error) {
			if current[0] != nil || current[1] != nil {
				return current, nil
			}
			out, intent := make([]*refunds.Refund, len(all)), newID()
			for i := range all {
				a, err := all[i].attempt(s.Payments[i].Refunded)
				if err != nil {
					return nil, err
				}
				a.Quote.Amount, a.Quote.Whole = amounts[i], amounts[0]+amounts[1]
				if i > 0 {
					a.Quote.Lines = nil
				}
				id := intent
				if i > 0 {
					id = newID()
				}
				out[i], err = refunds.NewRefund(refunds.Params{
					ID: id, IntentID: intent, Leg: i, ClientReference: p.reference, OrderID: p.order,
					PaymentID: all[i].payment, Customer: "customer-1", Attempt: a,
				}, b.stamp())
				if err != nil {
					return nil, err
				}
			}
			return out, nil
		}))
}

func testParts(b *bench) {
	p, q := newPlan(3).shared()
	opened, err := b.openParts(p, q, 2000, 1236)
	b.ok(err)
	b.equal("parts", len(opened), 2)
	for i, r := range opened {
		b.stored(r)
		b.equal("place", []any{r.Leg, r.IntentID, r.Quote.Part()}, []any{i, opened[0].ID, true})
	}
	b.holds(p, 2000, 0)
	b.holds(q, 1236, 0)
	again, err := b.openParts(p, q, 1, 1)
	b.ok(err)
	b.equal("opened again", again, opened)
	found, err := b.store.ByClientReferences(b.ctx, []string{p.reference})
	b.ok(err)
	b.equal("by reference", found, map[string][]refunds.Refund{p.reference: opened})

	// One payment gives it back, and what the other owes is left to it.
	first := b.answer(opened[0].ID, payment.OutcomeDeclined)
	b.review(first.ID)
	state, err := b.store.PaymentState(b.ctx, p.other().open())
	b.ok(err)
	b.equal("owed", state.Owed, int64(2000))
	b.equal("units", state.Refunded[p.order+"-1"].Units, 3)
	state, err = b.store.PaymentState(b.ctx, p.open())
	b.ok(err)
	b.equal("owed to itself", []any{state.Owed, len(state.Refunded)}, []any{int64(0), 0})

	// All have failed: nothing is owed, and nothing needs review.
	b.answer(opened[1].ID, payment.OutcomeDeclined)
	b.review()
	state, err = b.store.PaymentState(b.ctx, p.other().open())
	b.ok(err)
	b.equal("owed when all failed", []any{state.Owed, len(state.Refunded)}, []any{int64(0), 0})
	b.partTakenBack()
}

// partTakenBack: a part that was taken back is owed until its payment, or the others by
// their sum, replace it.
func (b *bench) partTakenBack() {
	p, q := newPlan(3).shared()
	opened, err := b.openParts(p, q, 2000, 1236)
	b.ok(err)
	b.answer(opened[0].ID, payment.OutcomeDone)
	_, err = b.store.Update(b.ctx, opened[0].ID, refunds.Changing(func(r *refunds.Refund) error {
		return r.Reverse(b.stamp(), refunds.ReverseParams{Reason: "the bank sent it back"})
	}))
	b.ok(err)
	owed := func(what string, p plan, amount int64, units int) {
		b.Helper()
		state, err := b.store.PaymentState(b.ctx, p.other().open())
		b.ok(err)
		b.equal("owed "+what, []any{state.Owed, state.Refunded[p.order+"-1"].Units}, []any{amount, units})
	}
	owed("by its payment", p, 2000, 3)
	owed("by the other", q, 0, 3)
	b.review(opened[0].ID)

	more := p
	more.payment = newID()
	var third refunds.Refund
	_, err = b.store.Open(b.ctx, []refunds.OpenRequest{more.open()}, refunds.Opening([]refunds.OpenRequest{more.open()},
		func(s refunds.OpenState, _ []*refunds.Refund) ([]*refunds.Refund, error) {
			a, err := more.attempt(s.Payments[0].Refunded)
			if err != nil {
				return nil, err
			}
			// It is of 20.00; others had given 5.00 of that.
			a.Quote.Amount, a.Quote.Whole = 1500, 3236
			a.Quote.Fees = []refunds.Fee{{Kind: refunds.PaidByOthers, Amount: 500}}
			r, err := refunds.NewRefund(refunds.Params{
				ID: newID(), Leg: 2, ClientReference: p.reference, OrderID: p.order, PaymentID: more.payment,
				Customer: "customer-1", Attempt: a,
			}, b.stamp())
			if err == nil {
				third = *r
			}
			return []*refunds.Refund{r}, err
		}))
	b.ok(err)
	owed("once another payment gives it", p, 0, 3)
	b.review()
	b.answer(third.ID, payment.OutcomeDeclined)
	owed("once that failed", p, 0, 3)
	b.review(third.ID)
}

// review checks which refunds need review.
func (b *bench) review(ids ...string) {
	b.Helper()
	all, n, err := b.store.List(b.ctx, refunds.Query{NeedsReview: true})
	b.ok(err)
	var got []string
	for _, r := range all {
		got = append(got, r.ID)
	}
	b.equal("needs review", got, ids)
	b.equal("count", n, len(ids))
}

func testPartsRefused(b *bench) {
	p, q := newPlan(3).shared()
	_, err := b.openParts(p, q, 2000, captured+1)
	b.code(err, refunds.CodeBalance)
	_, n, err := b.store.List(b.ctx, refunds.Query{OrderID: p.order})
	b.ok(err)
	b.equal("refunds of a refused opening", n, 0)
	b.holds(p, 0, 0)

	opened, err := b.openParts(p, q, 2000, 1236)
	b.ok(err)
	elsewhere, other := newPlan(1).shared()
	elsewhere.reference, other.reference = p.reference, p.reference
	_, err = b.openParts(elsewhere, other, 1, 1)
	b.code(err, refunds.CodeInvalid)
	alone := p
	alone.payment = newID()
	_, err = b.openBy(alone.open(), b.decide(alone))
	b.code(err, refunds.CodeInvalid)
	for _, r := range opened {
		b.stored(r)
	}
	no := errors.New("no")
	_, err = b.store.Open(b.ctx, []refunds.OpenRequest{p.open(), q.open()},
		func(s refunds.OpenState) ([]refunds.Change, error) {
			b.equal("refunds that the decision saw", s.Refunds, opened)
			b.equal("payments that it saw", []string{s.Payments[0].Balance.PaymentID, s.Payments[1].Balance.PaymentID},
				[]string{p.payment, q.payment})
			return nil, no
		})
	if !errors.Is(err, no) {
		b.Errorf("error %v, want that of the decision", err)
	}
}

// testPartsRace opens the parts of one reference at once, by payments in any order:
// nobody waits in a circle, and there is one refund of each payment.
func testPartsRace(b *bench) {
	p, q := newPlan(3).shared()
	var failed atomic.Int64
	b.AtOnce(40, func(i int) {
		var err error
		if i%2 == 0 {
			_, err = b.openParts(p, q, 2000, 1236)
		} else {
			_, err = b.openParts(q, p, 1236, 2000)
		}
		if err != nil {
			failed.Add(1)
			b.Error(err)
		}
	})
	_, n, err := b.store.List(b.ctx, refunds.Query{OrderID: p.order})
	b.ok(err)
	b.equal("refunds", n, 2)
	b.holds(p, 2000, 0)
	b.holds(q, 1236, 0)
}
