package refundstest

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// testAmounts saves amounts that a float does not carry, and smallest ones.
func testAmounts(b *bench) {
	for _, c := range []money.Currency{"USD", "JPY", "KWD"} {
		for _, amount := range []int64{1, 57, 1<<53 + 1, math.MaxInt64 - 2} {
			what := fmt.Sprintf("%d minor units of %s: ", amount, c)
			p := newPlan(10)
			p.currency, p.paid = c, amount
			r := b.opened(p)
			b.equal(what+"amount", []any{r.Amount(), r.Quote.Currency, r.Attempt().Amount}, []any{amount, c, amount})
			b.stored(r)
			want := refunds.Balance{PaymentID: p.payment, Currency: c, Captured: amount, Reserved: amount}
			b.equal(what+"reserved", b.balance(p), want)
			b.stored(b.answer(r.ID, payment.OutcomeDone))
			want.Reserved, want.Refunded = 0, amount
			b.equal(what+"refunded", b.balance(p), want)
			attempts, err := b.store.ProviderAttempts(b.ctx, refunds.AttemptQuery{IDs: []string{r.Attempt().ID}})
			b.ok(err)
			if len(attempts) != 1 || attempts[0].Attempt.Amount != amount {
				b.Errorf("%slegs: %+v", what, attempts)
			}
			state, err := b.store.PaymentState(b.ctx, p.other().open())
			b.ok(err)
			b.equal(what+"refunded of the line", state.Refunded, map[string]refunds.Refunded{
				p.order + "-1": {Units: 10, Components: money.Components{Price: amount}}})

			did, err := b.store.Credit(b.ctx, refunds.CreditEntry{ID: newID(), CustomerID: newID() + string(c),
				Currency: c, Amount: amount, Ref: newID(), At: b.now})
			b.ok(err)
			b.equal(what+"credit", did, true)
			b.creditAmount(c, amount)
			b.outsideAmount(c, amount)
		}
	}
}

func (b *bench) creditAmount(c money.Currency, amount int64) {
	b.Helper()
	customer := newID()
	e := refunds.CreditEntry{ID: newID(), CustomerID: customer, Currency: c, Amount: amount, Ref: newID(), At: b.now}
	_, err := b.store.Credit(b.ctx, e)
	b.ok(err)
	b.creditIs(customer, c, amount)
	entries, err := b.store.CreditEntries(b.ctx, customer)
	b.ok(err)
	b.equal("entries of store credit", entries, []refunds.CreditEntry{e})
}

func (b *bench) outsideAmount(c money.Currency, amount int64) {
	b.Helper()
	p, id := newPlan(1), "re_"+newID()
	p.currency, p.paid = c, amount
	l := b.elsewhere(p, id, amount, payment.OutcomeDone)
	l.Currency = c
	ref := p.ref()
	ref.Captured, ref.Currency = amount, c
	_, err := b.store.Book(b.ctx, p.open(), id, refunds.Booking(b.stamp(), ref, l))
	b.ok(err)
	o := b.outside(id)
	if o == nil {
		b.Fatalf("%d minor units of outside money are not booked", amount)
	}
	b.equal("outside money", []int64{o.Amount, o.Counted, b.balance(p).Outside}, []int64{amount, amount, amount})
}

// history is a refund with two attempts and an entry of store credit, on a payment
// with a hold and outside money.
func (b *bench) history() (plan, refunds.Refund) {
	b.Helper()
	p := newPlan(3)
	b.answer(b.opened(p).ID, payment.OutcomeDeclined)
	b.opened(p)
	_, err := b.changePayment(p.open(), func(s *refunds.Balance, open []*refunds.Refund) error {
		s.Holds = append(s.Holds, refunds.HoldRecord{Hold: payment.Hold{Ref: "dp_1", Reason: "fraud", At: b.now}})
		return open[0].Hold(b.stamp(), "dp_1", "disputed")
	})
	b.ok(err)
	b.book(p, b.elsewhere(p, "re_"+p.payment, 100, payment.OutcomeDone))
	r, err := b.byReference(p.reference)
	b.ok(err)
	return p, r
}

// snapshot is all that a store returns of a payment, copied.
type snapshot struct {
	Refund  refunds.Refund
	State   refunds.PaymentState
	Events  []string
	Outside []refunds.Outside
	Credit  []refunds.CreditEntry
}

func (b *bench) snapshot(p plan, id string) snapshot {
	b.Helper()
	var s snapshot
	var err error
	s.Refund, err = b.store.Refund(b.ctx, id)
	b.ok(err)
	s.State, err = b.store.PaymentState(b.ctx, p.other().open())
	b.ok(err)
	s.Outside, err = b.store.Outside(b.ctx, refunds.OutsideQuery{PaymentID: p.payment})
	b.ok(err)
	s.Credit, err = b.store.CreditEntries(b.ctx, "ann")
	b.ok(err)
	for _, of := range []string{id, refunds.OutsideID("re_" + p.payment)} {
		events, err := b.store.Events(b.ctx, of)
		b.ok(err)
		for _, e := range events {
			s.Events = append(s.Events, fmt.Sprintf("%+v %s", e, e.Data))
		}
	}
	return suite.Copy(s)
}

// testShared overwrites all that the store was given, or gave.
func testShared(b *bench) {
	_, err := b.credit(500, "a")
	b.ok(err)
	p, r := b.history()
	id := r.ID
	for _, c := range []struct {
		name string
		run  func() any
	}{
		{"Open", func() any {
			r, err := b.openBy(p.open(), func(s refunds.PaymentState, r *refunds.Refund) (*refunds.Refund, error) {
				return r, nil
			})
			b.ok(err)
			return &r
		}},
		{"Update", func() any { return b.updatedFrom(id) }},
		{"Refund", func() any { return b.got(b.store.Refund(b.ctx, id)) }},
		{"ByProviderID", func() any { return b.got(b.store.ByProviderID(b.ctx, "re_"+r.Attempts[0].ID)) }},
		{"ByClientReferences", func() any {
			found, err := b.store.ByClientReferences(b.ctx, []string{p.reference})
			b.ok(err)
			one := found[p.reference]
			return &one
		}},
		{"List", func() any {
			list, _, err := b.store.List(b.ctx, refunds.Query{})
			b.ok(err)
			return &list
		}},
		{"UpdatePayment", func() any {
			list, err := b.changePayment(p.open(), func(*refunds.Balance, []*refunds.Refund) error { return nil })
			b.ok(err)
			return &list
		}},
		{"PaymentState", func() any {
			state, err := b.store.PaymentState(b.ctx, p.other().open())
			b.ok(err)
			return &state
		}},
		{"ProviderAttempts", func() any {
			attempts, err := b.store.ProviderAttempts(b.ctx, refunds.AttemptQuery{IDs: []string{r.Attempt().ID}})
			b.ok(err)
			return &attempts
		}},
		{"Events", func() any { return b.eventsOf(id) }},
		{"Events of outside money", func() any { return b.eventsOf(refunds.OutsideID("re_" + p.payment)) }},
		{"Outside", func() any {
			list, err := b.store.Outside(b.ctx, refunds.OutsideQuery{})
			b.ok(err)
			return &list
		}},
		{"CreditEntries", func() any {
			list, err := b.store.CreditEntries(b.ctx, "ann")
			b.ok(err)
			return &list
		}},
	} {
		before := b.snapshot(p, id)
		suite.Scramble(c.run())
		b.equal("the stored refund after what "+c.name+" returned was overwritten", b.snapshot(p, id), before)
	}
	b.claimedIsOwn()
}

func (b *bench) got(r refunds.Refund, err error) *refunds.Refund {
	b.Helper()
	b.ok(err)
	return &r
}

func (b *bench) eventsOf(id string) *[]event.Event {
	b.Helper()
	events, err := b.store.Events(b.ctx, id)
	b.ok(err)
	return &events
}

// updatedFrom saves a change, and the caller keeps everything of it.
func (b *bench) updatedFrom(id string) any {
	b.Helper()
	var all struct {
		Balance refunds.Balance
		Before  refunds.Refund
		Change  refunds.Change
		Saved   refunds.Refund
	}
	r, err := b.store.Update(b.ctx, id, func(s refunds.Balance, r refunds.Refund) (refunds.Change, error) {
		all.Balance, all.Before = s, r
		var err error
		all.Change, err = refunds.NewChange(s, &r, &r)
		return all.Change, err
	})
	b.ok(err)
	all.Saved = r
	return &all
}

func (b *bench) claimedIsOwn() {
	b.Helper()
	b.opened(newPlan(2))
	list := b.claim("own", 10)
	if len(list) != 1 {
		b.Fatalf("%d refunds are claimed, want 1", len(list))
	}
	want := suite.Copy(b.got(b.store.Refund(b.ctx, list[0].ID)))
	suite.Scramble(&list)
	b.stored(*want)
}

// testInPlace changes what a callback gets, and refuses.
func testInPlace(b *bench) {
	_, err := b.credit(500, "a")
	b.ok(err)
	p, r := b.history()
	no := errors.New("no")
	before := b.snapshot(p, r.ID)
	check := func(what string, err error) {
		b.Helper()
		if !errors.Is(err, no) {
			b.Errorf("%s: error %v, want that of the callback", what, err)
		}
		b.equal("after a refused "+what, b.snapshot(p, r.ID), before)
	}
	opens := []refunds.OpenRequest{p.open()}
	_, err = b.store.Open(b.ctx, opens, func(s refunds.OpenState) ([]refunds.Change, error) {
		suite.Scramble(&s)
		s.Refunds[0] = refunds.Refund{}
		return nil, no
	})
	check("Open", err)
	_, err = b.store.Update(b.ctx, r.ID, func(s refunds.Balance, r refunds.Refund) (refunds.Change, error) {
		suite.Scramble(&s)
		suite.Scramble(&r)
		return refunds.Change{}, no
	})
	check("Update", err)
	_, err = b.store.UpdatePayment(b.ctx, p.open(),
		func(s refunds.Balance, open []refunds.Refund) (refunds.PaymentChange, error) {
			suite.Scramble(&s)
			suite.Scramble(&open)
			return refunds.PaymentChange{}, no
		})
	check("UpdatePayment", err)
	_, err = b.store.Book(b.ctx, p.open(), "re_"+p.payment,
		func(s refunds.Balance, o *refunds.Outside, all []refunds.Refund) (refunds.OutsideChange, error) {
			suite.Scramble(&s)
			suite.Scramble(&all)
			*o = refunds.Outside{}
			return refunds.OutsideChange{}, no
		})
	check("Book", err)
	b.now = b.now.Add(time.Second)
	b.stored(*b.got(b.store.Refund(b.ctx, r.ID)))
}
