package refundstest

import (
	"errors"
	"time"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// hold places a hold on the plan's payment and on its open refunds.
func (b *bench) hold(p plan, ref string) []refunds.Refund {
	b.Helper()
	open, err := b.changePayment(p.open(), func(balance *refunds.Balance, open []*refunds.Refund) error {
		balance.Holds = append(balance.Holds, refunds.HoldRecord{Hold: payment.Hold{Ref: ref,
			Reason: "it's \\ \"odd\"", At: b.now}, By: b.stamp().By})
		for _, r := range open {
			if err := r.Hold(b.stamp(), ref, "held"); err != nil {
				return err
			}
		}
		return nil
	})
	b.ok(err)
	return open
}

func testHold(b *bench) {
	p := newPlan(1)
	first, second := b.opened(p.other()), p.other()
	b.now = b.now.Add(time.Second)
	late := b.opened(second)
	done := b.answer(b.opened(p.other()).ID, payment.OutcomeDone)
	elsewhere := b.opened(newPlan(1))

	open := b.hold(p, "dp_1")
	b.equal("open refunds", len(open), 2)
	if len(open) == 2 {
		b.equal("their order", []string{open[0].ID, open[1].ID}, []string{first.ID, late.ID})
		b.equal("held", []any{open[0].HoldRef, open[0].Work.NeedsReview, open[0].Work.NextAt}, []any{"dp_1",
			true, time.Time{}})
		b.stored(open[0])
		b.stored(open[1])
	}
	b.stored(done)
	b.stored(elsewhere)
	hold, ok := b.balance(p).Hold()
	b.equal("hold", []any{hold, ok}, []any{refunds.HoldRecord{Hold: payment.Hold{Ref: "dp_1",
		Reason: "it's \\ \"odd\"", At: b.now}, By: b.stamp().By}, true})
	b.equal("claimed", len(b.claim("t", 10)), 1) // the one elsewhere
	queue, n, err := b.store.List(b.ctx, refunds.Query{NeedsReview: true})
	b.ok(err)
	b.equal("in the review queue", []int{n, len(queue)}, []int{2, 2})

	// Whoever decides next sees it, and money stays held.
	_, err = b.openBy(second.open(), func(book refunds.PaymentState, current *refunds.Refund) (*refunds.Refund, error) {
		b.equal("holds that the decision saw", len(book.Balance.Holds), 1)
		return current, nil
	})
	b.ok(err)
	balance := b.balance(p)
	b.equal("reserved", balance.Reserved, first.Amount()+late.Amount())

	released := b.update(first.ID, func(r *refunds.Refund) error { return r.Release(b.stamp(), "won") })
	b.equal("released", []any{released.HoldRef, released.Work.NeedsReview, released.Work.NextAt}, []any{"",
		false, b.now})
	b.stored(released)
	b.folds(first.ID)
	b.folds(late.ID)

	// One that was never answered stands in the queue while it is held.
	unanswered := b.opened(newPlan(1))
	b.update(unanswered.ID, func(r *refunds.Refund) error { return r.Submit(b.stamp()) })
	b.update(unanswered.ID, func(r *refunds.Refund) error { return r.Hold(b.stamp(), "dp_1", "held") })
	shown := b.update(unanswered.ID, func(r *refunds.Refund) error {
		return r.RecordResult(
			b.stamp(),
			refunds.AttemptUpdate{
				Result:       payment.Result{Outcome: payment.OutcomeUnknown},
				ReviewReason: "held back",
				NextAt:       b.now.Add(time.Hour),
				Doubt:        true,
			},
		)
	})
	b.equal("shown", []any{shown.HoldRef, shown.Work.NeedsReview, shown.Work.NextAt}, []any{"dp_1", true,
		b.now.Add(time.Hour)})
	b.stored(shown)
	shown = b.update(unanswered.ID, func(r *refunds.Refund) error { return r.Release(b.stamp(), "won") })
	b.equal("continues", []any{shown.HoldRef, shown.Work.NeedsReview, shown.Work.NextAt}, []any{"", false, b.now})
	b.stored(shown)
	b.folds(unanswered.ID)

	failed := b.update(late.ID, func(r *refunds.Refund) error {
		return r.Resolve(b.stamp(), refunds.ResolveParams{Reason: "the bank paid"})
	})
	b.equal("resolved", []any{failed.Status, failed.HoldRef}, []any{refunds.StatusFailed, ""})
	b.stored(failed)
	b.folds(late.ID)
	b.equal("reserved after", b.balance(p).Reserved, first.Amount())
}

// folds checks that the refund's events make the stored refund.
func (b *bench) folds(id string) {
	b.Helper()
	events, err := b.store.Events(b.ctx, id)
	b.ok(err)
	got, err := refunds.Fold(events)
	b.ok(err)
	want, err := b.store.Refund(b.ctx, id)
	b.ok(err)
	want.Lease("", time.Time{})
	want.Work.NextAt = time.Time{}
	b.equal("refund folded from its events", got, want)
}

func testHoldRefused(b *bench) {
	p := newPlan(1)
	r := b.opened(p)
	no := errors.New("no")
	_, err := b.changePayment(p.open(), func(balance *refunds.Balance, open []*refunds.Refund) error {
		balance.Holds = append(balance.Holds, refunds.HoldRecord{Hold: payment.Hold{Ref: "x", At: b.now}})
		b.ok(open[0].Hold(b.stamp(), "x", ""))
		return no
	})
	if !errors.Is(err, no) {
		b.Errorf("error %v, want that of the change", err)
	}
	_, err = b.changePayment(p.open(), func(_ *refunds.Balance, open []*refunds.Refund) error {
		b.ok(open[0].Submit(b.stamp()))
		return open[0].RecordResult(b.stamp(),
			refunds.AttemptUpdate{Result: payment.Result{Outcome: payment.OutcomeDone}})
	})
	if err == nil {
		b.Error("a refund was ended by the change of its payment")
	}
	b.stored(r)
	b.holds(p, r.Amount(), 0)

	// Only what is saved of the balance is its holds, and a payment has one order.
	_, err = b.changePayment(p.open(), func(balance *refunds.Balance, _ []*refunds.Refund) error {
		balance.Refunded, balance.Captured = 1, 1
		return nil
	})
	b.ok(err)
	b.holds(p, r.Amount(), 0)
	foreign := p.open()
	foreign.OrderID = newID()
	_, err = b.changePayment(foreign, func(*refunds.Balance, []*refunds.Refund) error { return nil })
	b.code(err, refunds.CodeInvalid)
}

func testHoldBeforeAnyRefund(b *bench) {
	p := newPlan(3)
	b.equal("open refunds", len(b.hold(p, "dp_1")), 0)
	_, err := b.openBy(p.open(), func(book refunds.PaymentState, current *refunds.Refund) (*refunds.Refund, error) {
		b.equal("captured", book.Balance.Captured, int64(captured))
		if _, ok := book.Balance.Hold(); !ok {
			b.Error("the decision did not see the hold")
		}
		return b.decide(p)(book, current)
	})
	b.ok(err)
}

func testHoldRace(b *bench) {
	// Whatever comes first, a refund that is opened while a hold is placed is
	// onHold by one of the two.
	for i := range 20 {
		p := newPlan(1)
		if i%2 == 0 {
			b.opened(p.other()) // the balance is there already
		}
		b.AtOnce(2, func(i int) {
			if i == 0 {
				b.hold(p, "dp_1")
				return
			}
			_, err := b.openBy(p.open(), func(book refunds.PaymentState,
				current *refunds.Refund) (*refunds.Refund, error) {
				r, err := b.decide(p)(book, current)
				if hold, ok := book.Balance.Hold(); ok && err == nil {
					err = r.Hold(b.stamp(), hold.Ref, hold.Reason)
				}
				return r, err
			})
			if err != nil {
				b.Error(err)
			}
		})
		got, err := b.byReference(p.reference)
		b.ok(err)
		b.equal("held by", got.HoldRef, "dp_1")
	}
}

func testProviderAttempts(b *bench) {
	start := b.now
	var ids []string
	for i := range 5 {
		b.now = start.Add(time.Duration(i/2) * time.Second) // some at the same instant
		r := b.opened(newPlan(1))
		ids = append(ids, r.Attempt().ID)
	}
	cash := newPlan(1)
	cash.method = payment.Cash
	b.opened(cash)
	// A new attempt of an old refund is one of its own time.
	b.now = start.Add(time.Hour)
	p := newPlan(1)
	r := b.answer(b.opened(p).ID, payment.OutcomeDeclined)
	b.now = b.now.Add(time.Hour)
	again := b.opened(p)
	b.equal("attempts", len(again.Attempts), 2)

	var got []string
	q := refunds.AttemptQuery{From: start, To: start.Add(2*time.Hour + time.Second), Limit: 2}
	for {
		attempts, err := b.store.ProviderAttempts(b.ctx, q)
		b.ok(err)
		if len(attempts) == 0 {
			break
		}
		for _, l := range attempts {
			got = append(got, l.Attempt.ID)
			b.equal("attempt", l.Attempt, l.Refund.Attempts[l.Attempt.Number-1])
			b.stored(l.Refund)
		}
		last := attempts[len(attempts)-1].Attempt
		q.AfterAt, q.AfterID = last.CreatedAt, last.ID
	}
	b.equal("attempts over all pages", got, append(ids, r.Attempt().ID, again.Attempt().ID))

	attempts, err := b.store.ProviderAttempts(b.ctx, refunds.AttemptQuery{From: start.Add(time.Second),
		To: start.Add(2 * time.Second), Limit: 10})
	b.ok(err)
	b.equal("attempts of one second", len(attempts), 2)
	attempts, err = b.store.ProviderAttempts(b.ctx, refunds.AttemptQuery{
		IDs: []string{ids[3], newID(), "nul\x00byte", again.Attempt().ID}})
	b.ok(err)
	b.equal("attempts by id", len(attempts), 2)
	attempts, err = b.store.ProviderAttempts(b.ctx, refunds.AttemptQuery{From: start, To: b.now})
	b.ok(err)
	b.equal("attempts without a limit", len(attempts), 0)
}
