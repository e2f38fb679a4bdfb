package refundstest

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

func testOpen(b *bench) {
	p := newPlan(3)
	var seen refunds.PaymentState
	decide := b.decide(p)
	r, err := b.openBy(p.open(), func(book refunds.PaymentState, current *refunds.Refund) (*refunds.Refund, error) {
		seen = book
		if current != nil {
			b.Errorf("there is a refund before there is one: %+v", current)
		}
		r, err := decide(book, current)
		r.Lease("token", b.now.Add(time.Second))
		return r, err
	})
	b.ok(err)
	b.equal("balance that the decision saw", seen.Balance, refunds.Balance{PaymentID: p.payment,
		Currency: "USD", Captured: captured})
	b.equal("given that the decision saw", seen.Refunded, map[string]refunds.Refunded{})
	if len(r.PendingEvents()) != 0 {
		b.Error("the saved refund still has changes")
	}
	// floor of 30 % of each component, less the fee.
	b.equal("amount", r.Amount(), int64(3000+150+90-4))
	b.equal("attempts", len(r.Attempts), 1)
	b.equal("lease", r.Work, payment.Work{NextAt: b.now, LeaseToken: "token", LeaseUntil: b.now.Add(time.Second)})
	b.stored(r)
	b.holds(p, r.Amount(), 0)
}

func testOpenRefused(b *bench) {
	p := newPlan(3)
	no := errors.New("no")
	_, err := b.openBy(p.open(), func(book refunds.PaymentState, current *refunds.Refund) (*refunds.Refund, error) {
		_, _ = b.decide(p)(book, current)
		return nil, no
	})
	if !errors.Is(err, no) {
		b.Errorf("error %v, want that of the decision", err)
	}
	_, err = b.byReference(p.reference)
	b.missing("refund", err)

	// The store guards the balance itself, whatever the decision overlooks.
	full := newPlan(10)
	small := full.open()
	small.Captured = 100
	_, err = b.openBy(small, b.decide(full))
	b.code(err, refunds.CodeBalance)
	_, err = b.byReference(full.reference)
	b.missing("refund beyond the balance", err)
}

func testOpenAgain(b *bench) {
	p := newPlan(3)
	r := b.opened(p)
	again, err := b.openBy(p.open(), func(_ refunds.PaymentState, current *refunds.Refund) (*refunds.Refund, error) {
		b.equal("refund that the decision saw", *current, r)
		return current, nil
	})
	b.ok(err)
	b.equal("refund opened again", again, r)
	events, err := b.store.Events(b.ctx, r.ID)
	b.ok(err)
	b.equal("events", len(events), 1)
	b.equal("event actor", events[0].Actor, b.stamp().By)
	b.equal("event origin", events[0].Source, b.stamp().Source)

	// A change without an event, of the work alone, is saved.
	lease := func(_ refunds.PaymentState, current *refunds.Refund) (*refunds.Refund, error) {
		current.Lease("t", b.now.Add(time.Second))
		return current, nil
	}
	expedited, err := b.openBy(p.open(), lease)
	b.ok(err)
	b.stored(expedited)
	b.equal("lease", expedited.CheckLease("t"), nil)

	if _, err := b.openBy(p.open(), func(book refunds.PaymentState, _ *refunds.Refund) (*refunds.Refund, error) {
		return b.decide(p)(book, nil)
	}); err == nil {
		b.Error("a second refund of one reference was saved")
	}
	b.holds(p, r.Amount(), 0)
}

func testOpenOtherPayment(b *bench) {
	p := newPlan(3)
	r := b.opened(p)
	q := newPlan(1)
	q.reference = p.reference
	_, err := b.openBy(q.open(), b.decide(q))
	b.code(err, refunds.CodeInvalid)
	b.stored(r)
}

func testOpenRace(b *bench) {
	p := newPlan(3)
	var ids [100]string
	b.AtOnce(len(ids), func(i int) {
		r, err := b.openBy(p.open(), b.decide(p))
		if err != nil {
			b.Error(err)
		}
		ids[i] = r.ID
	})
	for _, id := range ids {
		b.equal("id", id, ids[0])
	}
	b.holds(p, 3236, 0)
}

func testOpenManyReferences(b *bench) {
	// Each requests 2 of 10 units: five get them, the others' refunds are of nothing.
	p := newPlan(2)
	var paying, empty atomic.Int64
	b.AtOnce(100, func(int) {
		mine := p.other()
		r, err := b.openBy(mine.open(), b.decide(mine))
		switch {
		case err != nil:
			b.Error(err)
		case r.Amount() > 0:
			paying.Add(1)
		default:
			empty.Add(1)
		}
	})
	b.equal("refunds", paying.Load(), int64(5))
	b.equal("of nothing", empty.Load(), int64(95))
	b.holds(p, captured-5*4, 0)
}

func testOpenManyPayments(b *bench) {
	b.AtOnce(100, func(int) {
		p := newPlan(1)
		if _, err := b.openBy(p.open(), b.decide(p)); err != nil {
			b.Error(err)
		}
	})
	_, n, err := b.store.List(b.ctx, refunds.Query{})
	b.ok(err)
	b.equal("refunds", n, 100)
}

func testOpenRaceOfPayments(b *bench) {
	for range 10 {
		reference := newID()
		var opened, refused atomic.Int64
		b.AtOnce(4, func(int) {
			p := newPlan(1)
			p.reference = reference
			switch _, err := b.openBy(p.open(), b.decide(p)); {
			case err == nil:
				opened.Add(1)
			case refunds.CodeOf(err) == refunds.CodeInvalid:
				refused.Add(1)
			default:
				b.Error(err)
			}
		})
		b.equal("refunds and refusals", []int64{opened.Load(), refused.Load()}, []int64{1, 3})
	}
}

func testUpdate(b *bench) {
	p := newPlan(3)
	r := b.opened(p)
	no := errors.New("no")
	_, err := b.change(r.ID, func(r *refunds.Refund) error {
		if err := r.Submit(b.stamp()); err != nil {
			return err
		}
		return no
	})
	if !errors.Is(err, no) {
		b.Errorf("error %v, want that of the change", err)
	}
	b.stored(r)

	for _, step := range []payment.Outcome{payment.OutcomeNoEffect, payment.OutcomeUnknown,
		payment.OutcomePending, payment.OutcomeRequiresAction, payment.OutcomeDone} {
		b.now = b.now.Add(time.Second)
		r = b.update(r.ID, func(r *refunds.Refund) error {
			if r.Status == refunds.StatusSubmitted || r.Status == refunds.StatusCreated {
				if err := r.Submit(b.stamp()); err != nil {
					return err
				}
			}
			return r.RecordResult(b.stamp(), refunds.AttemptUpdate{
				Result: payment.Result{Outcome: step, ProviderID: "re_1",
					Message: "it's \\ \"odd\""}, Calls: 2, Tries: 1,
				Doubt: step == payment.OutcomeUnknown, StoredError: step == payment.OutcomeUnknown,
				NextAt: b.now.Add(time.Hour),
			})
		})
		b.stored(r)
	}
	b.equal("status", r.Status, refunds.StatusSucceeded)
	b.equal("calls", r.Attempt().Sent, 10)
	b.holds(p, 0, r.Amount())
	b.folds(r.ID)
}

func testStale(b *bench) {
	r := b.opened(newPlan(3))
	var kept refunds.Refund
	b.update(r.ID, func(r *refunds.Refund) error {
		kept = *r
		return r.Submit(b.stamp())
	})
	if _, err := b.change(r.ID, func(r *refunds.Refund) error {
		if err := kept.Submit(b.stamp()); err != nil {
			return err
		}
		*r = kept
		return nil
	}); err == nil {
		b.Error("a refund loaded before the last change was saved")
	}
	if _, err := b.change(r.ID, func(r *refunds.Refund) error {
		r.PaymentID = newID()
		return nil
	}); err == nil {
		b.Error("a refund was moved to another payment")
	}
}

func testBalance(b *bench) {
	p := newPlan(4)
	for _, c := range []struct {
		outcome            payment.Outcome
		reserved, refunded bool
	}{
		{payment.OutcomeUnknown, true, false},
		{payment.OutcomePending, true, false},
		{payment.OutcomeDeclined, false, false},
	} {
		r := b.opened(p)
		r = b.answer(r.ID, c.outcome)
		reserved := int64(0)
		if c.reserved {
			reserved = r.Amount()
		}
		b.holds(p, reserved, 0)
	}
	r := b.opened(p)
	b.equal("attempts", len(r.Attempts), 2)
	b.holds(p, r.Amount(), 0)
	r = b.update(r.ID, func(r *refunds.Refund) error {
		if err := r.Submit(b.stamp()); err != nil {
			return err
		}
		return r.RecordResult(
			b.stamp(),
			refunds.AttemptUpdate{Result: payment.Result{Outcome: payment.OutcomeDone, ProviderID: "re_9"}},
		)
	})
	b.holds(p, 0, r.Amount())
	b.update(r.ID, func(r *refunds.Refund) error {
		return r.Reverse(b.stamp(), refunds.ReverseParams{ProviderID: "re_late", Code: "lost",
			Reason: "the bank sent it back"})
	})
	b.holds(p, 0, 0)
}

func testRetry(b *bench) {
	p := newPlan(4)
	r := b.answer(b.opened(p).ID, payment.OutcomeDeclined)
	p.units, p.method = 6, payment.Cash
	again := b.opened(p)
	b.equal("id", again.ID, r.ID)
	b.equal("status", again.Status, refunds.StatusSubmitted)
	b.equal("attempts", []refunds.Status{again.Attempts[0].Status, again.Attempts[1].Status},
		[]refunds.Status{refunds.StatusFailed, refunds.StatusSubmitted})
	b.stored(again)
	b.holds(p, again.Amount(), 0)

	// What counts for others is what it gives now.
	q := p.other()
	_, err := b.openBy(q.open(), func(book refunds.PaymentState, _ *refunds.Refund) (*refunds.Refund, error) {
		b.equal("given", book.Refunded[p.order+"-1"], refunds.Refunded{Units: 6,
			Components: again.Quote.Lines[0].Refunded})
		return nil, errors.New("enough")
	})
	if err == nil {
		b.Error("no error of the decision")
	}
}

func testGiven(b *bench) {
	p := newPlan(2)
	open, done, failed, mine := p.other(), p.other(), p.other(), p.other()
	first := b.opened(open)
	second := b.answer(b.opened(done).ID, payment.OutcomeDone)
	b.answer(b.opened(failed).ID, payment.OutcomeDeclined)
	own := b.opened(mine)
	want := refunds.Refunded{Units: 4, Components: first.Quote.Lines[0].Refunded.Add(second.Quote.Lines[0].Refunded)}
	b.update(own.ID, func(*refunds.Refund) error { return nil })
	_, err := b.openBy(mine.open(), func(book refunds.PaymentState, r *refunds.Refund) (*refunds.Refund, error) {
		b.equal("given in Open", book.Refunded, map[string]refunds.Refunded{p.order + "-1": want})
		return r, nil
	})
	b.ok(err)
	book, err := b.store.PaymentState(b.ctx, mine.open())
	b.ok(err)
	b.equal("given in Book", book.Refunded, map[string]refunds.Refunded{p.order + "-1": want})
	b.equal("balance in Book", book.Balance, b.balance(open))

	// Nothing is seeded by looking.
	unseen := newPlan(1)
	b.holds(unseen, 0, 0)
	looked := unseen.open()
	looked.Captured = 5
	book, err = b.store.PaymentState(b.ctx, looked)
	b.ok(err)
	b.equal("balance before first use", book.Balance.Captured, int64(5))
}

func testReversed(b *bench) {
	p := newPlan(10)
	first := b.answer(b.opened(p).ID, payment.OutcomeDone)
	b.now = b.now.Add(time.Second)
	first = b.update(first.ID, func(r *refunds.Refund) error { return r.Reverse(b.stamp(), refunds.ReverseParams{}) })
	got, err := b.byReference(p.reference)
	b.ok(err)
	b.equal("reversed refund by reference", got, first)
	second := b.opened(p)
	if second.ID == first.ID {
		b.Fatal("the reversed refund was opened again")
	}
	got, err = b.byReference(p.reference)
	b.ok(err)
	b.equal("refund by reference", got.ID, second.ID)
	b.stored(first)
	b.holds(p, second.Amount(), 0)
}
