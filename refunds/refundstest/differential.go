package refundstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/differ"
	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// TestDifferential drives the store and one in memory with the same random calls, with
// the ids of strangers, and fails if they answer differently. The calls are shrunk to
// those that matter, and printed with the seed. newStore is called once; 100 programs of
// up to 40 calls take a second or two on SQLite.
func TestDifferential(t *testing.T, newStore func(t *testing.T) refunds.Store, programs int) {
	suite.Run(t, []suite.Promise[*bench]{
		suite.Says("the same calls are answered alike",
			suite.By("by this store and one in memory", func(b *bench) {
				memory := NewStore()
				differ.Search(b.T, differ.Random(calls), func(run string) (x, y differ.Object) {
					return newCaller(b, memory, run), newCaller(b, b.store, run)
				}, programs)
			}),
		),
	}, suite.Options[*bench]{Start: func(t *suite.T) *bench { return newBench(t, newStore) }})
}

// calls are the verbs, with how often each comes.
var calls = []string{
	"open", "open", "open", "open", "done", "fail", "unknown", "reverse", "hold", "book", "claim", "manual", "credit",
	"credit", "refund", "reference", "provider", "state", "list", "attempts", "events", "outside", "balance", "entries",
	"carried", "sweep", "release",
}

// caller makes the calls on one of the stores.
type caller struct {
	*bench
	differ.Names
	store refunds.Store
	at    time.Time
	who   event.Stamp       // of the call at hand, by strangers
	last  map[string]string // client reference -> id of its refund
}

func newCaller(b *bench, s refunds.Store, run string) *caller {
	return &caller{bench: b, Names: differ.NewNames(run), store: s, at: b.now, last: map[string]string{}}
}

// stamp is by the caller's clock: one of the two stores is ahead of the other.
func (c *caller) stamp() event.Stamp {
	s := c.who
	s.At = c.at
	return s
}

// Do implements differ.Object.
func (c *caller) Do(ctx context.Context, op string) string {
	verb, i, j, n := differ.Parts(op)
	c.at = c.at.Add(time.Second)
	c.who = c.Stamp(j, n)
	v, err := c.call(ctx, verb, c.IDs[i], c.IDs[j], n)
	if err != nil {
		v = nil
	}
	return fmt.Sprintf("%+v, %s", v, kind(err))
}

// kind is the error in a few words.
func kind(err error) string {
	var e *refunds.Error
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, refunds.ErrNotFound):
		return "not found"
	case errors.As(err, &e):
		return fmt.Sprintf("%s %s", e.Code, e.Field)
	}
	return "error"
}

// plan is a refund of an order under a reference. An order has one payment.
func (c *caller) plan(order, reference string, n int) plan {
	currency := []money.Currency{"USD", "JPY", "KWD"}[len(order)%3]
	return plan{reference: reference, order: order, payment: order, method: []payment.Method{payment.Card,
		payment.Cash, payment.StoreCredit}[n%3], units: 1 + n%4, currency: currency, paid: 1<<53 + 1}
}

func (c *caller) call(ctx context.Context, verb, x, y string, n int) (any, error) {
	p := c.plan(x, y, n)
	switch verb {
	case "open":
		r, err := c.opens(ctx, p, n)
		if err == nil {
			c.last[y] = r.ID
		}
		return r, err
	case "done", "fail", "unknown", "reverse":
		return c.store.Update(ctx, c.known(y), refunds.Changing(func(r *refunds.Refund) error {
			return c.changes(r, verb)
		}))
	case "hold":
		return c.store.UpdatePayment(ctx, p.open(), refunds.ChangingPayment(
			func(b *refunds.Balance, open []*refunds.Refund) error {
				b.Holds = append(b.Holds, refunds.HoldRecord{Hold: payment.Hold{Ref: y, At: c.at}, By: c.stamp().By})
				return nil
			}))
	case "release":
		return c.store.UpdatePayment(ctx, p.open(), refunds.ChangingPayment(
			func(b *refunds.Balance, open []*refunds.Refund) error {
				for i := range b.Holds {
					b.Holds[i].ReleasedAt, b.Holds[i].ReleasedBy = c.at, c.stamp().By
				}
				return nil
			}))
	case "sweep":
		return c.store.UpdateSweep(ctx, func(s refunds.Sweep) (refunds.Sweep, error) {
			if n == 7 {
				return s, &refunds.Error{Code: refunds.CodeInvalid, Field: s.LeaseToken}
			}
			s.From, s.To, s.Failures, s.LastError = c.at, c.at.Add(time.Hour), s.Failures+n, y
			s.LeaseToken = x
			return s, nil
		})
	case "book":
		l := payment.ProviderRefund{ProviderID: y, PaymentProviderID: "pi_" + x, Amount: int64(1 + n),
			Currency: p.currency, Outcome: []payment.Outcome{payment.OutcomeDone, payment.OutcomePending,
				payment.OutcomeDeclined}[n%3], Status: "it", CreatedAt: c.at}
		ref := refunds.PaymentRef{OrderID: x, PaymentID: x, ProviderID: "pi_" + x, Captured: p.paid,
			Currency: p.currency}
		change, err := c.store.Book(ctx, p.open(), y, refunds.Booking(c.stamp(), ref, l))
		return []any{change.After, change.Balance, change.Empty()}, err
	case "claim":
		// What programs before left due is not this one's.
		all, err := c.store.Claim(ctx, c.at.Add(time.Duration(n)*time.Second), lease, "token", 10_000)
		return slices.DeleteFunc(all, func(r refunds.Refund) bool {
			return !c.Own(r.ID)
		}), err
	case "manual":
		return c.store.NextManualReference(ctx, p.method)
	case "credit":
		return c.store.Credit(ctx, refunds.CreditEntry{ID: c.ID(), CustomerID: x, Currency: p.currency,
			Amount: []int64{1<<53 + 1, 5, -4, 0}[n%4], Ref: y + "r", Note: "it's", At: c.at, By: c.stamp().By})
	}
	return c.reads(ctx, verb, p, n)
}

func (c *caller) reads(ctx context.Context, verb string, p plan, n int) (any, error) {
	switch verb {
	case "refund":
		return c.store.Refund(ctx, c.known(p.reference))
	case "reference":
		found, err := c.store.ByClientReferences(ctx, []string{p.reference})
		return found[p.reference], err
	case "provider":
		return c.store.ByProviderID(ctx, p.reference)
	case "state":
		return c.store.PaymentState(ctx, p.open())
	case "list":
		list, total, err := c.store.List(ctx, refunds.Query{OrderID: p.order, Page: n % 3, PageSize: 1 + n%2,
			From: c.bench.now, NeedsReview: n == 8})
		return []any{list, total}, err
	case "attempts":
		return c.store.ProviderAttempts(ctx, refunds.AttemptQuery{
			IDs: []string{"id-" + c.Run + "-0002", p.order, p.reference}})
	case "events":
		return c.eventsIn(ctx, c.known(p.reference))
	case "outside":
		return c.store.Outside(ctx, refunds.OutsideQuery{OrderID: p.order, Limit: n})
	case "carried":
		return c.store.CarriedRests(ctx, []string{"", p.order}[n%2], n)
	case "balance":
		return c.store.CreditBalance(ctx, p.order, p.currency)
	}
	return c.store.CreditEntries(ctx, p.order)
}

// known is the id of the refund of the reference, or an id that nothing has.
func (c *caller) known(reference string) string {
	if id, ok := c.last[reference]; ok {
		return id
	}
	return reference
}

func (c *caller) eventsIn(ctx context.Context, id string) (any, error) {
	events, err := c.store.Events(ctx, id)
	var all []string
	for _, e := range events {
		all = append(all, fmt.Sprintf("%d %s %s %s %v %v", e.Seq, e.Type, e.Data, e.At, e.Actor, e.Source))
	}
	return strings.Join(all, "\n"), err
}

func (c *caller) opens(ctx context.Context, p plan, n int) (refunds.Refund, error) {
	id, attempt := c.ID(), c.ID()
	return openOne(ctx, c.store, p.open(), refunds.OpeningOne(p.open(),
		func(s refunds.PaymentState, current *refunds.Refund) (*refunds.Refund, error) {
			if current != nil && current.Status != refunds.StatusFailed {
				return current, nil
			}
			a, err := p.attempt(s.Refunded)
			if err != nil {
				return nil, err
			}
			a.ID, a.Quote.Carried = attempt, int64(n%3)
			if n%4 == 1 { // others gave it back
				a.Quote.Fees = append(a.Quote.Fees, refunds.Fee{Kind: refunds.PaidByOthers, Amount: 7})
			}
			if current != nil {
				return current, current.Retry(a, c.stamp())
			}
			return refunds.NewRefund(refunds.Params{ID: id, ClientReference: p.reference, OrderID: p.order,
				PaymentID: p.payment, Customer: p.order, Attempt: a}, c.stamp())
		}))
}

func (c *caller) changes(r *refunds.Refund, verb string) error {
	if verb == "reverse" {
		return r.Reverse(c.stamp(), refunds.ReverseParams{Code: "lost", Reason: "it's \"late\""})
	}
	if r.Status == refunds.StatusCreated {
		if err := r.Submit(c.stamp()); err != nil {
			return err
		}
	}
	if r.Method.Manual() {
		return r.Succeed(c.stamp(), "MANUAL-"+r.Attempt().ID)
	}
	outcome := map[string]payment.Outcome{"done": payment.OutcomeDone, "fail": payment.OutcomeDeclined,
		"unknown": payment.OutcomeUnknown}[verb]
	return r.RecordResult(c.stamp(), refunds.AttemptUpdate{
		Result: payment.Result{Outcome: outcome, ProviderID: r.ClientReference, Message: "né \\ \"it's\""},
		Calls:  1, Tries: 1, Doubt: outcome == payment.OutcomeUnknown, NextAt: c.at.Add(time.Second)})
}
