package refundstest

import (
	"cmp"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// TestStore is the conformance suite of refunds.Store: each promise of the interface's
// documentation is a subtest. newStore returns a fresh, empty store for each case.
//
// A case fails when nothing happens for 200 times as long as a call of the store takes,
// and when a call panics; what differs is printed field by field.
func TestStore(t *testing.T, newStore func(t *testing.T) refunds.Store) {
	suite.Run(t, storePromises, suite.Options[*bench]{
		Start: func(t *suite.T) *bench { return newBench(t, newStore) },
		Calibrate: func(b *bench) int {
			for range 3 {
				b.answer(b.opened(newPlan(1)).ID, payment.OutcomeDone)
			}
			return 6
		},
	})
}

// bench is what each case works with.
type bench struct {
	*suite.T
	ctx   context.Context
	store refunds.Store
	now   time.Time
}

func newBench(t *suite.T, newStore func(t *testing.T) refunds.Store) *bench {
	return &bench{T: t, ctx: t.Context(), store: watched{newStore(t.Testing()), t},
		now: time.Date(2026, 5, 4, 10, 0, 0, 123_456_000, time.UTC)}
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
	b.OK(err)
}

func (b *bench) equal(what string, got, want any) {
	b.Helper()
	b.Equal(what, got, want)
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

// plan is a refund of units of an order with one line of 10 units that cost
// 100.03, 5.01 duty and 3.00 shipping.
type plan struct {
	reference, order, payment string
	method                    payment.Method
	units                     int
	currency                  money.Currency
	paid                      int64 // of the whole line, without duty, shipping and fee; 0: as above
}

const captured = 10_804

func newPlan(units int) plan {
	return plan{reference: newID(), order: newID(), payment: newID(), method: payment.Card, units: units,
		currency: "USD"}
}

// other is another reference on the same payment.
func (p plan) other() plan {
	p.reference = newID()
	return p
}

func (p plan) open() refunds.OpenRequest {
	return refunds.OpenRequest{ClientReference: p.reference, OrderID: p.order, PaymentID: p.payment,
		Captured: cmp.Or(p.paid, captured), Currency: p.currency}
}

func (p plan) request() refunds.QuoteRequest {
	if p.paid != 0 {
		return refunds.QuoteRequest{Currency: p.currency, Lines: []refunds.QuoteRequestLine{{
			OrderLineID: p.order + "-1", Bought: 10, Units: p.units, Paid: money.Components{Price: p.paid},
		}}}
	}
	return refunds.QuoteRequest{
		Currency: p.currency,
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
	return openOne(b.ctx, b.store, r, refunds.OpeningOne(r, decide))
}

// openOne opens a refund of one payment.
func openOne(
	ctx context.Context, store refunds.Store, r refunds.OpenRequest,
	decide func(refunds.OpenState) ([]refunds.Change, error),
) (refunds.Refund, error) {
	saved, err := store.Open(ctx, []refunds.OpenRequest{r}, decide)
	if err != nil || len(saved) == 0 {
		return refunds.Refund{}, err
	}
	return saved[0], nil
}

// byReference is the refund of a reference that was paid by one payment.
func (b *bench) byReference(reference string) (refunds.Refund, error) {
	found, err := b.store.ByClientReferences(b.ctx, []string{reference})
	switch {
	case err != nil:
		return refunds.Refund{}, err
	case len(found[reference]) == 0:
		return refunds.Refund{}, notFound("refund of", reference)
	case len(found[reference]) > 1:
		b.Errorf("reference %s has %d refunds, want 1", reference, len(found[reference]))
	}
	return found[reference][0], nil
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

// balance is the payment's balance in the store.
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
