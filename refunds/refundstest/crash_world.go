package refundstest

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// Executor is what TestCrashes drives: *refunds.Service is one.
type Executor interface {
	Refund(ctx context.Context, r refunds.Request) (refunds.Intent, error)
	ResumeDue(ctx context.Context, limit int) (int, error)
	Check(ctx context.Context, id string, by event.Actor) (refunds.Refund, error)
	Resolve(ctx context.Context, id string, by event.Actor, p refunds.ResolveParams) (refunds.Refund, error)
}

var _ Executor = (*refunds.Service)(nil)

// world is one order whose one return is refunded, while processes die and
// the provider misbehaves. Its clock moves only when a case moves it.
type world struct {
	ctx      context.Context
	store    refunds.Store
	provider scripted
	make     func(refunds.Config) (Executor, error)
	now      atomic.Pointer[time.Time]
	called   atomic.Int64
	takes    time.Duration // what a provider call takes on the clock
	request  refunds.Request
	bad      []string
}

// worldAmount is what the world's return is refunded, minor units: two of three units
// that were paid with 30.00.
const worldAmount = 2000

var worldStart = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)

// callTimeout is far more than a call takes in real time: what is silent
// moves the world's clock.
const callTimeout = 2 * time.Second

// horizon is when everything must be over or visible: past the age of a key,
// the grace of an absence and the largest distance between look-ups.
const horizon = 40 * time.Hour

func newWorld(
	ctx context.Context, store refunds.Store, p scripted, make func(refunds.Config) (Executor,
		error), m payment.Method, paymentID string,
) *world {
	w := &world{ctx: ctx, store: store, provider: p, make: make}
	start := worldStart
	w.now.Store(&start)
	id := newID()
	w.request = refunds.Request{
		ClientReference: "return-" + id, OrderID: "order-" + id,
		Payments: []refunds.Payment{{ID: "payment-" + id, Method: payment.Card, ProviderID: paymentID, Captured: 3000}},
		Currency: "USD", Customer: "customer-" + id, Method: m,
		Quote: refunds.QuoteRequest{Currency: "USD", Lines: []refunds.QuoteRequestLine{{
			OrderLineID: "line-" + id, Bought: 3, Units: 2, Paid: money.Components{Price: 3000},
		}}},
		By: event.Actor{Kind: event.ActorStaff, ID: "kim", Name: "Kim"},
	}
	return w
}

// split has two payments pay the order. What was by card goes back the way each part
// was paid.
func (w *world) split() {
	r := &w.request
	card := r.Payments[0]
	card.Captured = 2000
	r.Payments = []refunds.Payment{{ID: card.ID + "-credit", Method: payment.StoreCredit, Captured: 1000}, card}
	if !r.Method.Manual() {
		r.Method = payment.OriginalMethod
	}
}

func (w *world) clock() time.Time { return *w.now.Load() }

func (w *world) pass(d time.Duration) { w.until(w.clock().Add(d)) }

func (w *world) until(t time.Time) { w.now.Store(&t) }

func (w *world) note(format string, args ...any) {
	w.bad = append(w.bad, fmt.Sprintf(format, args...))
}

// start is a new process. It tries three times before it answers, in
// microseconds of real time and none of the world's.
func (w *world) start(cut int, turn func()) (Executor, *process) {
	p := &process{Store: w.store, gateway: w.provider, cut: cut, turn: turn, world: w}
	e, err := w.make(refunds.Config{
		Store: p, Gateway: p, Parallel: 1, Now: w.clock,
		CallTimeout: callTimeout, LookupTimeout: callTimeout, FirstRetry: time.Microsecond,
		RetryFor: 3 * time.Microsecond, Wait: time.Millisecond,
		Jitter: func(d time.Duration) time.Duration { return d },
	})
	if err != nil {
		panic(fmt.Sprintf("refundstest: the executor can't be made: %v", err)) // a mistake in the test
	}
	return e, p
}

func (w *world) refunds() []refunds.Refund {
	all, _, err := w.store.List(w.ctx, refunds.Query{OrderID: w.request.OrderID})
	if err != nil {
		w.note("the store can't list: %v", err)
	}
	return all
}

// intent is what the reference is paid back.
func (w *world) intent() (refunds.Intent, error) {
	found, err := w.store.ByClientReferences(w.ctx, []string{w.request.ClientReference})
	return refunds.NewIntent(found[w.request.ClientReference]), err
}

// due is when the worker next finds something to do, zero for never.
func (w *world) due() (at time.Time) {
	for _, r := range w.refunds() {
		next := r.Work.NextAt
		if !r.Status.Open() || next.IsZero() {
			continue
		}
		if r.Work.LeaseToken != "" && r.Work.LeaseUntil.After(next) {
			next = r.Work.LeaseUntil
		}
		if at.IsZero() || next.Before(at) {
			at = next
		}
	}
	return at
}

// work runs a worker that dies after step cut (0: never) whenever something is due,
// until the instant. It reports whether the worker died, and its steps.
func (w *world) work(cut int, until time.Time) (died bool, steps int) {
	e, p := w.start(cut, nil)
	for range 300 {
		at := w.due()
		if at.IsZero() || at.After(until) {
			return false, p.steps
		}
		if at.After(w.clock()) {
			w.until(at)
		}
		if _, err := e.ResumeDue(w.ctx, 10); err != nil && !p.dead {
			w.note("the worker fails: %v", err)
			return false, p.steps
		}
		if p.dead {
			return true, p.steps
		}
	}
	w.note("I7: after 300 rounds of the worker something is still due at once: %+v", w.refunds())
	return false, p.steps
}

// recover runs a worker until nothing is due: one that dies after step cut (0: never),
// and after it one that lives. It reports the first.
func (w *world) recover(cut int, until time.Time) (died bool, steps int) {
	died, steps = w.work(cut, until)
	if died {
		w.work(0, until)
	}
	return died, steps
}

// live are the provider's refunds on the payment that did not fail.
func (w *world) live() (live []Paid) {
	card := w.request.Payments[len(w.request.Payments)-1] // see split
	for _, p := range w.provider.Ledger() {
		if p.Request.PaymentProviderID == card.ProviderID && p.Status != "failed" {
			live = append(live, p)
		}
	}
	return live
}

// check notes every invariant that does not hold now.
func (w *world) check(when string) {
	live := w.live()
	if len(live) > 1 {
		w.note("I6 %s: the provider paid %d times: %+v", when, len(live), live)
	}
	if n := w.called.Load(); w.request.Method.Manual() && n > 0 {
		w.note("I9 %s: %d provider calls for %s", when, n, w.request.Method)
	}
	reserved, refunded := map[string]int64{}, map[string]int64{} // by payment
	var credit int64
	known := map[string]refunds.Refund{}
	all := w.refunds()
	for _, r := range all {
		a := r.Attempt()
		known[a.ID] = r
		switch {
		case r.Status.Open():
			reserved[r.PaymentID] += r.Amount()
		case r.Status == refunds.StatusSucceeded:
			refunded[r.PaymentID] += r.Amount()
			if r.Method == payment.StoreCredit {
				credit += r.Amount()
			}
		}
		w.folds(when, r)
		if r.Method == payment.Card && r.Status == refunds.StatusSucceeded && len(live) == 0 && !w.sentBack(a.ID) {
			w.note("I7 %s: refund %s succeeded, and the provider has nothing", when, r.ID)
		}
	}
	for _, p := range live {
		switch r, ok := known[p.Request.AttemptID]; {
		case !ok:
			w.note("I7 %s: the provider paid %s, and no refund knows of it", when, p.Reference)
		case r.Status == refunds.StatusFailed:
			w.note("I7 %s: refund %s is failed, and the provider paid it", when, r.ID)
		}
	}
	w.within(when, reserved, refunded)
	for _, r := range all {
		book, err := w.store.PaymentState(w.ctx, refunds.OpenRequest{ClientReference: w.request.ClientReference,
			OrderID: w.request.OrderID, PaymentID: r.PaymentID})
		b, id := book.Balance, r.PaymentID
		if err != nil || b.Reserved != reserved[id] || b.Refunded != refunded[id] ||
			b.Reserved+b.Refunded > b.Captured {
			w.note("I1, I8, I23 %s: the balance is %+v (%v); open refunds hold %d and succeeded ones %d", when, b, err,
				reserved[id], refunded[id])
		}
	}
	have, err := w.store.CreditBalance(w.ctx, w.request.Customer, w.request.Currency)
	if err != nil || have != credit {
		w.note("I10 %s: the store credit is %d (%v), and refunds gave %d", when, have, err, credit)
	}
}

// within notes a payment that gives back more than it captured, or than its part of the
// refund, by what the request says of it and not by the balance that is kept.
func (w *world) within(when string, reserved, refunded map[string]int64) {
	for id, part := range w.parts() {
		if sum := reserved[id] + refunded[id]; sum > part {
			w.note("I1, I23 %s: payment %s gives back %d, and its part is %d", when, id, sum, part)
		}
	}
}

// parts are what each payment gives back of the request, in minor units.
func (w *world) parts() map[string]int64 {
	r := w.request
	pays := make([]refunds.SplitPayment, len(r.Payments))
	for i, p := range r.Payments {
		pays[i] = refunds.SplitPayment{Method: p.Method, Captured: p.Captured, Available: p.Captured}
	}
	amounts, err := refunds.Split(r.Split, pays, worldAmount)
	if err != nil {
		w.note("the request can't be split: %v", err)
		return nil
	}
	parts := map[string]int64{}
	for i, p := range r.Payments {
		parts[p.ID] = amounts[i]
	}
	return parts
}

// paidWhole notes a payment that has not given back just its part, and a provider that
// paid another amount than the refund says.
func (w *world) paidWhole(when string) {
	refunded := map[string]int64{}
	for _, r := range w.refunds() {
		if r.Status == refunds.StatusSucceeded {
			refunded[r.PaymentID] += r.Amount()
		}
	}
	if parts := w.parts(); !maps.Equal(refunded, parts) {
		w.note("I1, I3, I23 %s: the payments gave back %v, want %v", when, refunded, parts)
	}
}

// sentBack reports whether the ledger has the attempt as failed.
func (w *world) sentBack(attempt string) bool {
	for _, p := range w.provider.Ledger() {
		if p.Request.AttemptID == attempt && p.Status == "failed" {
			return true
		}
	}
	return false
}

func (w *world) folds(when string, r refunds.Refund) {
	events, err := w.store.Events(w.ctx, r.ID)
	if err != nil {
		w.note("I11 %s: the events of %s: %v", when, r.ID, err)
		return
	}
	got, err := refunds.Fold(events)
	r = r.Clone()
	r.Lease("", time.Time{})
	r.Work.NextAt = time.Time{}
	if err != nil || !reflect.DeepEqual(got, r) {
		w.note("I11 %s: events fold to %+v (%v), stored is %+v", when, got, err, r)
	}
}

// visible notes what is open and neither followed at the provider nor in the
// review queue.
func (w *world) visible(when string) {
	for _, r := range w.refunds() {
		following := r.Status == refunds.StatusPending || r.Status == refunds.StatusRequiresAction
		if r.Status.Open() && !r.Work.NeedsReview && !(following && !r.Work.NextAt.IsZero()) {
			w.note("I7 %s: refund %s is %s and nobody sees it: %+v", when, r.ID, r.Status, r.Work)
		}
	}
}

// resolve is staff who look at the provider's page and say what it shows.
// Two refusals are right: while a process, which may have died, is asking the
// provider, and they come back when its lease has run out; and while the
// provider still decides, and the refund goes by its word.
func (w *world) resolve() {
	e, _ := w.start(0, nil)
	for _, r := range w.refunds() {
		if !r.Status.Open() || !r.Work.NeedsReview || r.OnHold() {
			continue
		}
		paid, undecided, reference := false, false, ""
		for _, p := range w.live() {
			if p.Request.AttemptID == r.Attempt().ID {
				paid, undecided, reference = true, p.Status != "succeeded", p.Reference
			}
		}
		p := refunds.ResolveParams{Paid: paid, Reason: "looked at the provider's page", ProviderID: reference}
		say := func() error {
			_, err := e.Resolve(w.ctx, r.ID, w.request.By, p)
			return err
		}
		err := say()
		if refunds.CodeOf(err) == refunds.CodeTransition && r.Leased(w.clock()) {
			w.until(r.Work.LeaseUntil)
			err = say()
		}
		if refunds.CodeOf(err) == refunds.CodeUnconfirmed {
			p.Confirmed = money.New(r.Amount(), r.Quote.Currency)
			err = say()
		}
		if err != nil && !(undecided && refunds.CodeOf(err) == refunds.CodeContradiction) {
			w.note("staff can't resolve %s: %v", r.ID, err)
		}
	}
}
