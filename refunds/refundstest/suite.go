package refundstest

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// TestStore is the conformance suite of refunds.Store. newStore returns a
// fresh, empty one for each subtest.
func TestStore(t *testing.T, newStore func(t *testing.T) refunds.Store) {
	for _, c := range []struct {
		name string
		run  func(b *bench)
	}{
		{"a refund comes back as it was opened", testOpen},
		{"a refused opening saves nothing", testOpenRefused},
		{"a reference is refunded once", testOpenAgain},
		{"a reference belongs to its payment", testOpenOtherPayment},
		{"100 openings of one reference at once are one refund", testOpenRace},
		{"100 openings on one payment at once stay within what was captured", testOpenManyReferences},
		{"100 openings on 100 payments at once all go through", testOpenManyPayments},
		{"one reference on two payments at once is refunded on one", testOpenRaceOfPayments},
		{"a changed refund is saved whole or not at all", testUpdate},
		{"a stale or foreign save is refused", testStale},
		{"a refund by no method, in no state or of no currency is not saved", testRules},
		{"the balance follows the status", testBalance},
		{"a failed refund is tried again with another quote", testRetry},
		{"what was given counts refunds that hold, without the one at hand", testGiven},
		{"what a refund carries over is there for the next one", testCarried},
		{"a refund of units that were given back before is kept", testGivenBefore},
		{"a reversed refund makes room for another of its reference", testReversed},
		{"store credit is granted in the same step as the success", testStoreCredit},
		{"store credit that was spent can't be withdrawn", testStoreCreditSpent},
		{"a hold stops the payment's open refunds", testHold},
		{"a refused change of a payment saves nothing", testHoldRefused},
		{"a payment can be held before any refund", testHoldBeforeAnyRefund},
		{"a refund opened while a hold is placed is held", testHoldRace},
		{"outside money is booked once, and follows the provider's word", testOutside},
		{"outside money stands against what is available", testOutsideBalance},
		{"refunds that no longer fit are put on hold with it", testOutsideHolds},
		{"our own refunds are not outside money", testOutsideOurs},
		{"a refused booking saves nothing", testOutsideRefused},
		{"outside money booked by many at once is booked once", testOutsideRace},
		{"outside money is listed oldest first, by what is requested", testOutsideList},
		{"the sweep is one row for all", testSweep},
		{"card attempts are read by time, page by page, and by id", testLegs},
		{"due refunds are claimed in order", testClaim},
		{"a refund is claimed by one worker at a time", testClaimRace},
		{"a worker that lost its lease saves nothing", testFencing},
		{"a late refusal ends no attempt but its own", testLateRefusal},
		{"a late word that nothing happened does not make an old key new", testLateNothing},
		{"a late answer does not end another worker's lease", testLateUnknown},
		{"a claim is not undone by an update at the same time", testClaimAgainstUpdate},
		{"refunds are listed newest first, by page", testListPages},
		{"refunds are found by what is requested", testListFilters},
		{"refunds are found by reference", testByReference},
		{"events fold to the stored refund", testFold},
		{"manual references are never given twice", testManualReferences},
		{"store credit is a ledger", testCredit},
		{"store credit never goes below zero, spent by many at once", testCreditRace},
		{"what is not there is not found", testNotFound},
		{"a context that has ended does nothing", testContext},
		{"100 pairs of simultaneous refunds are 100 refunds", testPairs},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.run(&bench{T: t, ctx: t.Context(), store: newStore(t), now: time.Date(2026, 5, 4, 10, 0, 0,
				123_456_000, time.UTC)})
		})
	}
}

// bench is what each test of the suite works with.
type bench struct {
	*testing.T
	ctx   context.Context
	store refunds.Store
	now   time.Time
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func (b *bench) stamp() event.Stamp {
	return event.Stamp{
		At: b.now, By: event.Actor{Kind: event.ActorStaff, ID: "7", Name: "Mo O'Brien \\ \"?\""},
		Source: event.Source{Address: "2001:db8::1", Request: "req-7"},
	}
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) equal(what string, got, want any) {
	b.Helper()
	if !reflect.DeepEqual(got, want) {
		b.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func (b *bench) code(err error, want refunds.Code) {
	b.Helper()
	if refunds.CodeOf(err) != want {
		b.Errorf("error %v has code %q, want %q", err, refunds.CodeOf(err), want)
	}
}

func (b *bench) missing(what string, err error) {
	b.Helper()
	if !errors.Is(err, refunds.ErrNotFound) {
		b.Errorf("%s: error %v, want ErrNotFound", what, err)
	}
}

// together runs f n times at once and waits.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

// plan is a refund of units of an order with one line of 10 units that cost
// 100.03, 5.01 duty and 3.00 shipping.
type plan struct {
	reference, order, payment string
	method                    payment.Method
	units                     int
}

const captured = 10_804

func newPlan(units int) plan {
	return plan{reference: newID(), order: newID(), payment: newID(), method: payment.Card, units: units}
}

// other is another reference on the same payment.
func (p plan) other() plan {
	p.reference = newID()
	return p
}

func (p plan) open() refunds.OpenRequest {
	return refunds.OpenRequest{ClientReference: p.reference, OrderID: p.order, PaymentID: p.payment,
		Captured: captured, Currency: "USD"}
}

func (p plan) request() refunds.QuoteRequest {
	return refunds.QuoteRequest{
		Currency: "USD",
		Lines: []refunds.QuoteRequestLine{{
			OrderLineID: p.order + "-1", Bought: 10, Units: p.units,
			Paid: money.Components{Price: 10_003, Duty: 501, Shipping: 300},
		}},
		Fees: []refunds.FeeRule{{Kind: refunds.ReturnShippingFee, Fixed: 4}},
	}
}

func (p plan) attempt(given map[string]refunds.Refunded) (refunds.AttemptParams, error) {
	q, err := refunds.NewQuote(p.request(), given)
	return refunds.AttemptParams{
		ID: newID(), Method: p.method, PaymentProviderID: "pi_" + p.payment, Request: p.request(), Quote: q,
		PaidBy: event.Actor{Kind: event.ActorStaff, ID: "9", Name: "Kim"},
	}, err
}

// decide opens the plan's refund, or leaves the one there is.
func (b *bench) decide(p plan) func(refunds.PaymentState, *refunds.Refund) (*refunds.Refund, error) {
	return func(book refunds.PaymentState, current *refunds.Refund) (*refunds.Refund, error) {
		if current != nil && current.Status != refunds.StatusFailed {
			return current, nil
		}
		a, err := p.attempt(book.Refunded)
		if err != nil {
			return nil, err
		}
		r := current
		if r != nil {
			return r, r.Retry(a, b.stamp())
		}
		return refunds.NewRefund(refunds.Params{
			ID: newID(), ClientReference: p.reference, OrderID: p.order, PaymentID: p.payment, Customer: "customer-1",
			Attempt: a,
		}, b.stamp())
	}
}

// opened is the plan's refund, created.
func (b *bench) opened(p plan) refunds.Refund {
	b.Helper()
	r, err := b.openBy(p.open(), b.decide(p))
	b.ok(err)
	return r
}

// openBy opens a refund as decide says.
func (b *bench) openBy(
	r refunds.OpenRequest, decide func(refunds.PaymentState, *refunds.Refund) (*refunds.Refund, error),
) (refunds.Refund, error) {
	return b.store.Open(b.ctx, r, refunds.Opening(r, decide))
}

// change changes the refund by f.
func (b *bench) change(id string, f func(*refunds.Refund) error) (refunds.Refund, error) {
	return b.store.Update(b.ctx, id, refunds.Changing(f))
}

// changePayment changes the payment and its open refunds by f.
func (b *bench) changePayment(
	r refunds.OpenRequest, f func(*refunds.Balance, []*refunds.Refund) error,
) ([]refunds.Refund, error) {
	return b.store.UpdatePayment(b.ctx, r, refunds.ChangingPayment(f))
}

// update changes the refund.
func (b *bench) update(id string, change func(r *refunds.Refund) error) refunds.Refund {
	b.Helper()
	r, err := b.change(id, func(r *refunds.Refund) error { return change(r) })
	b.ok(err)
	return r
}

// answer submits the refund and records an answer of the provider.
func (b *bench) answer(id string, outcome payment.Outcome) refunds.Refund {
	b.Helper()
	return b.update(id, func(r *refunds.Refund) error {
		if r.Status == refunds.StatusCreated {
			if err := r.Submit(b.stamp()); err != nil {
				return err
			}
		}
		return r.RecordResult(b.stamp(), refunds.AttemptUpdate{
			Result: payment.Result{Outcome: outcome, ProviderID: "re_" + r.Attempt().ID, Code: "a code",
				Message: "a message"},
			Calls: 1, Tries: 1, Doubt: outcome == payment.OutcomeUnknown, NextAt: b.now.Add(time.Minute),
		})
	})
}

// succeeded submits and ends a manual refund.
func (b *bench) succeeded(id string) (refunds.Refund, error) {
	ref, err := b.store.NextManualReference(b.ctx, payment.StoreCredit)
	b.ok(err)
	return b.change(id, func(r *refunds.Refund) error {
		if err := r.Submit(b.stamp()); err != nil {
			return err
		}
		return r.Succeed(b.stamp(), ref)
	})
}

// balance is the payment's balance as the store has it.
func (b *bench) balance(p plan) refunds.Balance {
	b.Helper()
	book, err := b.store.PaymentState(b.ctx, p.open())
	b.ok(err)
	return book.Balance
}

func (b *bench) holds(p plan, reserved, refunded int64) {
	b.Helper()
	b.equal("balance", b.balance(p), refunds.Balance{PaymentID: p.payment, Currency: "USD", Captured: captured,
		Reserved: reserved, Refunded: refunded})
}

// stored checks that the refund is kept as it was returned.
func (b *bench) stored(want refunds.Refund) {
	b.Helper()
	got, err := b.store.Refund(b.ctx, want.ID)
	b.ok(err)
	b.equal("stored refund", got, want)
}
