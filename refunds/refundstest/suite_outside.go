package refundstest

import (
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

func (p plan) ref() refunds.PaymentRef {
	return refunds.PaymentRef{OrderID: p.order, PaymentID: p.payment, ProviderID: "pi_" + p.payment,
		Captured: captured, Currency: "USD"}
}

// elsewhere is a refund in the provider's list that others made.
func (b *bench) elsewhere(p plan, id string, amount int64, o payment.Outcome) payment.ProviderRefund {
	return payment.ProviderRefund{ProviderID: id, PaymentProviderID: "pi_" + p.payment, Amount: amount, Currency: "USD",
		Outcome: o, Status: string(o), CreatedAt: b.now.Add(-time.Hour)}
}

// book books a refund of the provider's list.
func (b *bench) book(p plan, l payment.ProviderRefund) refunds.OutsideChange {
	b.Helper()
	c, err := b.store.Book(b.ctx, p.open(), l.ProviderID, refunds.Booking(b.stamp(), p.ref(), l))
	b.ok(err)
	return c
}

// outside is what the store has of the provider's id, nil for nothing.
func (b *bench) outside(id string) *refunds.Outside {
	b.Helper()
	found, err := b.store.Outside(b.ctx, refunds.OutsideQuery{IDs: []string{id}})
	b.ok(err)
	if len(found) == 0 {
		return nil
	}
	events, err := b.store.Events(b.ctx, refunds.OutsideID(id))
	b.ok(err)
	folded, err := refunds.FoldOutside(events)
	b.ok(err)
	b.equal("outside money folded from its events", folded, found[0])
	return &found[0]
}

func testOutside(b *bench) {
	p, id := newPlan(1), "re_"+newID()
	c := b.book(p, b.elsewhere(p, id, 1000, payment.OutcomePending)) // before any refund
	b.equal("booked", b.outside(id), &c.After)
	b.equal("state", []any{c.After.State, c.After.Counted, c.After.Version}, []any{refunds.OutsideOpen, int64(1000), 1})
	b.equal("outside", b.balance(p).Outside, int64(1000))

	start := b.now
	b.now = b.now.Add(time.Minute)
	l := b.elsewhere(p, id, 1000, payment.OutcomePending)
	l.CreatedAt = start.Add(-time.Hour)
	again := b.book(p, l)
	b.equal("booked again", []any{again.Empty(), *b.outside(id)}, []any{true, c.After})

	l.Outcome = payment.OutcomeDone
	paid := b.book(p, l).After
	b.equal("paid", *b.outside(id), paid)
	b.equal("version", []any{paid.Version, paid.BookedAt, paid.UpdatedAt}, []any{2, c.After.BookedAt, b.now})
	b.equal("outside", b.balance(p).Outside, int64(1000))
	b.book(p, b.elsewhere(p, id, 1000, payment.OutcomeDeclined))
	b.equal("outside once it came back", b.balance(p).Outside, int64(0))
	b.book(p, b.elsewhere(p, id, 1000, payment.OutcomeDone))
	b.equal("outside after an older look-up", b.balance(p).Outside, int64(0))
}

// What others gave back is booked whatever it comes to, and what we start is
// judged by it.
func testOutsideBalance(b *bench) {
	p := newPlan(2)
	r := b.opened(p)
	b.answer(r.ID, payment.OutcomeDone)
	b.book(p, b.elsewhere(p, "re_"+newID(), captured, payment.OutcomeDone))
	balance := b.balance(p)
	b.equal("balance", []int64{balance.Refunded, balance.Outside, balance.Available(), balance.Overpaid()},
		[]int64{r.Amount(), captured, 0, r.Amount()})
	_, err := b.openBy(p.other().open(), b.decide(p.other()))
	b.equal("one more refund", refunds.CodeOf(err), refunds.CodeBalance)
	b.update(r.ID, func(r *refunds.Refund) error { return r.Reverse(b.stamp(), refunds.ReverseParams{}) })
	balance = b.balance(p)
	b.equal("after a reversal", []int64{balance.Refunded, balance.Outside, balance.Overpaid()}, []int64{0, captured, 0})
}

func testOutsideHolds(b *bench) {
	p := newPlan(1)
	first := b.opened(p)
	b.now = b.now.Add(time.Second)
	late := b.opened(p.other())
	id := "re_" + newID()
	c := b.book(p, b.elsewhere(p, id, captured-first.Amount(), payment.OutcomeDone))
	b.equal("refunds of the change", len(c.Refunds), 1)
	b.stored(first)
	held, err := b.store.Refund(b.ctx, late.ID)
	b.ok(err)
	b.equal("the late one", []any{held.HoldRef, held.OnHold(), held.Work.NeedsReview},
		[]any{refunds.PaidOutside, true, true})
	b.folds(late.ID)
	b.equal("reserved", b.balance(p).Reserved, first.Amount()+late.Amount())

	b.book(p, b.elsewhere(p, id, captured-first.Amount(), payment.OutcomeDeclined))
	released, err := b.store.Refund(b.ctx, late.ID)
	b.ok(err)
	b.equal(
		"released",
		[]any{released.HoldRef, released.Work.NeedsReview, released.Work.NextAt},
		[]any{"", false, b.now},
	)
	b.folds(late.ID)
}

// A refund of ours is not booked, though the list was read before its answer was
// saved; one that failed here and was paid there is.
func testOutsideOurs(b *bench) {
	p := newPlan(1)
	r := b.opened(p)
	l := b.elsewhere(p, "re_"+newID(), r.Amount(), payment.OutcomeDone)
	l.AttemptID = r.Attempt().ID
	b.equal("booked while it is open", []any{b.book(p, l).Empty(), b.outside(l.ProviderID)},
		[]any{true, (*refunds.Outside)(nil)})
	b.answer(r.ID, payment.OutcomeDeclined)
	b.equal("booked when it failed", b.book(p, l).After.Counted, r.Amount())
	b.equal("outside", b.balance(p).Outside, r.Amount())
}

func testOutsideRefused(b *bench) {
	p, no := newPlan(1), errors.New("no")
	r := b.opened(p)
	_, err := b.store.Book(b.ctx, p.open(), "re_x",
		func(refunds.Balance, *refunds.Outside, []refunds.Refund) (refunds.OutsideChange, error) {
			return refunds.OutsideChange{}, no
		})
	b.equal("refused", errors.Is(err, no), true)
	b.equal("booked", b.outside("re_x"), (*refunds.Outside)(nil))
	foreign := p.open()
	foreign.OrderID = newID()
	_, err = b.store.Book(b.ctx, foreign, "re_x", refunds.Booking(b.stamp(), p.ref(),
		b.elsewhere(p, "re_x", 5, payment.OutcomeDone)))
	b.equal("a payment of another order", refunds.CodeOf(err), refunds.CodeInvalid)
	other := newPlan(1)
	first := b.book(other, b.elsewhere(other, "re_of_"+other.payment, 5, payment.OutcomeDone)).After
	_, err = b.store.Book(b.ctx, p.open(), first.ProviderID, refunds.Booking(b.stamp(), p.ref(),
		b.elsewhere(p, first.ProviderID, 9, payment.OutcomeDone)))
	b.equal("money of another payment", refunds.CodeOf(err), refunds.CodeInvalid)
	b.equal("money of another payment, as it was", *b.outside(first.ProviderID), first)
	b.stored(r)
	b.holds(p, r.Amount(), 0)
}

func testOutsideRace(b *bench) {
	p, id := newPlan(1), "re_"+newID()
	b.AtOnce(20, func(i int) {
		b.book(p, b.elsewhere(p, id, 1000, payment.OutcomeDone))
		if i%2 == 0 {
			return
		}
		_, err := b.openBy(p.other().open(), b.decide(p.other()))
		if code := refunds.CodeOf(err); err != nil && code != refunds.CodeBalance && code != refunds.CodeInvalid {
			b.Error(err)
		}
	})
	balance := b.balance(p)
	b.equal("outside", []any{balance.Outside, b.outside(id).Version}, []any{int64(1000), 1})
	if balance.Reserved+balance.Outside > balance.Captured {
		b.Errorf("%d are reserved and %d given by others of %d", balance.Reserved, balance.Outside, balance.Captured)
	}
}

// A second reference requests units that the first gave back: it is of nothing.
func testGivenBefore(b *bench) {
	p := newPlan(10)
	first := b.opened(p)
	second := b.opened(p.other())
	b.equal("the second one", []any{second.Amount(), second.Quote.Lines[0].Units}, []any{int64(0), 0})
	b.stored(second)
	b.folds(second.ID)
	b.holds(p, first.Amount(), 0)
	state, err := b.store.PaymentState(b.ctx, p.other().open())
	b.ok(err)
	b.equal("units given back", state.Refunded[p.order+"-1"].Units, 10)
}

func testOutsideList(b *bench) {
	p, q := newPlan(1), newPlan(1)
	var ids []string
	for i := range 5 {
		of, o := p, payment.OutcomeDone
		if i == 3 {
			of = q
		}
		if i == 4 {
			o = payment.OutcomePending
		}
		b.now = b.now.Add(time.Minute)
		id := fmt.Sprintf("re_%d_%s", 9-i, newID())
		b.book(of, b.elsewhere(of, id, int64(100+i), o))
		ids = append(ids, id)
	}
	list := func(q refunds.OutsideQuery) (found []string) {
		b.Helper()
		all, err := b.store.Outside(b.ctx, q)
		b.ok(err)
		for _, o := range all {
			found = append(found, o.ProviderID)
		}
		return found
	}
	b.equal("of the order", list(refunds.OutsideQuery{OrderID: p.order}), []string{ids[0], ids[1], ids[2], ids[4]})
	b.equal("of the payment", list(refunds.OutsideQuery{PaymentID: q.payment}), []string{ids[3]})
	b.equal("open", list(refunds.OutsideQuery{State: refunds.OutsideOpen}), []string{ids[4]})
	b.equal("by id", list(refunds.OutsideQuery{IDs: []string{ids[2], "no", "a\x00b"}}), []string{ids[2]})
	b.equal("by no id", list(refunds.OutsideQuery{IDs: []string{}}), []string(nil))
	first, err := b.store.Outside(b.ctx, refunds.OutsideQuery{Limit: 2})
	b.ok(err)
	b.equal("first page", len(first), 2)
	rest := refunds.OutsideQuery{AfterAt: first[1].CreatedAt, AfterID: first[1].ProviderID}
	b.equal("after it", list(rest), ids[2:])
}

func testSweep(b *bench) {
	no := errors.New("no")
	_, err := b.store.UpdateSweep(b.ctx, func(w refunds.Sweep) (refunds.Sweep, error) {
		b.equal("before the first", w, refunds.Sweep{})
		return refunds.Sweep{Failures: 7}, no
	})
	b.equal("refused", errors.Is(err, no), true)
	_, err = b.store.UpdateSweep(b.ctx, func(w refunds.Sweep) (refunds.Sweep, error) {
		b.equal("after one that was refused", w, refunds.Sweep{})
		return w, no
	})
	b.equal("refused again", errors.Is(err, no), true)
	want := refunds.Sweep{
		From: b.now.Add(-time.Hour), To: b.now, Left: b.now.Add(-time.Minute), DoneAt: b.now.Add(-2 * time.Hour),
		NextAt: b.now.Add(time.Hour), LastError: "it's \"odd\"", LeaseToken: "t", LeaseUntil: b.now.Add(time.Second),
	}
	got, err := b.store.UpdateSweep(b.ctx, func(refunds.Sweep) (refunds.Sweep, error) { return want, nil })
	b.ok(err)
	b.equal("saved", got, want)
	b.AtOnce(20, func(int) {
		_, err := b.store.UpdateSweep(b.ctx, func(w refunds.Sweep) (refunds.Sweep, error) {
			w.Failures++
			return w, nil
		})
		if err != nil {
			b.Error(err)
		}
	})
	want.Failures = 20
	got, err = b.store.UpdateSweep(b.ctx, func(w refunds.Sweep) (refunds.Sweep, error) { return w, nil })
	b.ok(err)
	b.equal("after 20 at once", got, want)
}
