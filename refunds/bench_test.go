package refunds_test

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// shop is a service over a store in memory and a provider with a ledger, in a
// synctest bubble: its clock is the bubble's.
type shop struct {
	*testing.T
	*refunds.Service
	store   *refundstest.Store
	gateway *refundstest.Gateway
	seen    *observed
}

type observed struct {
	mu                                  sync.Mutex
	completed, failed, queued, reversed int
}

func (o *observed) count(n *int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	*n++
}

func (o *observed) Completed(context.Context, refunds.Refund)      { o.count(&o.completed) }
func (o *observed) Failed(context.Context, refunds.Refund)         { o.count(&o.failed) }
func (o *observed) ReviewRequired(context.Context, refunds.Refund) { o.count(&o.queued) }
func (o *observed) Reversed(context.Context, refunds.Refund)       { o.count(&o.reversed) }

func newShop(t *testing.T, change ...func(*refunds.Config)) *shop {
	t.Helper()
	s := &shop{T: t, store: refundstest.NewStore(), gateway: &refundstest.Gateway{}, seen: &observed{}}
	c := refunds.Config{
		Store: s.store, Gateway: s.gateway, Observer: s.seen,
		Jitter: func(d time.Duration) time.Duration { return d },
	}
	for _, f := range change {
		f(&c)
	}
	var err error
	if s.Service, err = refunds.New(c); err != nil {
		t.Fatal(err)
	}
	return s
}

// inBubble runs f with a shop whose time passes only while all sleep.
func inBubble(t *testing.T, f func(s *shop), change ...func(*refunds.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(newShop(t, change...)) })
}

var kim = event.Actor{Kind: event.ActorStaff, ID: "9", Name: "Kim"}

// request is a refund of units of order n, which paid 30.00 for 3 by card.
func request(n, units int) refunds.Request {
	return refunds.Request{
		ClientReference: fmt.Sprint("return-", n), OrderID: fmt.Sprint("order-", n),
		Payments: []refunds.Payment{{
			ID: fmt.Sprint("payment-", n), Method: payment.Card, ProviderID: fmt.Sprint("pi_", n), Captured: 3000,
		}},
		Currency: "USD", Customer: "ann",
		Quote: refunds.QuoteRequest{Currency: "USD", Lines: []refunds.QuoteRequestLine{
			{OrderLineID: fmt.Sprint("line-", n), Bought: 3, Units: units, Paid: money.Components{Price: 3000}},
		}},
		By: kim,
	}
}

// Refund is Service.Refund of an order that one payment paid: with its one refund.
func (s *shop) Refund(ctx context.Context, r refunds.Request) (refunds.Refund, error) {
	in, err := s.Service.Refund(ctx, r)
	return in.Refund, err
}

// ByClientReference is Service.ByClientReference of an order that one payment paid.
func (s *shop) ByClientReference(ctx context.Context, reference string) (refunds.Refund, error) {
	in, err := s.Service.ByClientReference(ctx, reference)
	return in.Refund, err
}

func (s *shop) refund(r refunds.Request) refunds.Refund {
	s.Helper()
	got, err := s.Refund(s.Context(), r)
	if err != nil {
		s.Fatal(err)
	}
	return got
}

func (s *shop) pursue() int {
	s.Helper()
	n, err := s.ResumeDue(s.Context(), 1000)
	if err != nil {
		s.Fatal(err)
	}
	return n
}

// settle lets the worker run for d, or until nothing will ever be due.
func (s *shop) settle(d time.Duration) {
	s.Helper()
	for end := time.Now().Add(d); ; {
		s.pursue()
		all, _, err := s.List(s.Context(), refunds.Query{PageSize: 1000})
		if err != nil {
			s.Fatal(err)
		}
		var next time.Time
		for _, r := range all {
			at := r.Work.NextAt
			if r.Work.LeaseUntil.After(at) {
				at = r.Work.LeaseUntil
			}
			if r.Status.Open() && !r.Work.NextAt.IsZero() && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
		if next.IsZero() {
			return
		}
		if next.After(end) {
			time.Sleep(time.Until(end))
			return
		}
		time.Sleep(max(time.Until(next), time.Microsecond))
	}
}

func (s *shop) get(id string) refunds.Refund {
	s.Helper()
	r, err := s.ByID(s.Context(), id)
	if err != nil {
		s.Fatal(err)
	}
	return r
}

func (s *shop) is(r refunds.Refund, want refunds.Status) {
	s.Helper()
	if r.Status != want {
		s.Errorf("refund is %s (%s %s), want %s", r.Status, r.Work.LastError, r.Attempt().FailureReason, want)
	}
}

func (s *shop) equal(what string, got, want any) {
	s.Helper()
	if !reflect.DeepEqual(got, want) {
		s.Errorf("%s is %v, want %v", what, got, want)
	}
}

func (s *shop) code(err error, want refunds.Code) {
	s.Helper()
	if refunds.CodeOf(err) != want {
		s.Errorf("error %v has code %q, want %q", err, refunds.CodeOf(err), want)
	}
}

// check asserts what always holds, for every refund and payment there is.
func (s *shop) check() {
	s.Helper()
	for _, problem := range problems(s.T, s.store, s.gateway) {
		s.Error(problem)
	}
}

// problems lists which invariants of domain.md the stored refunds and the
// provider's ledger break: I1, I6, I9, I10, I11, and that ours is true.
func problems(t *testing.T, store refunds.Store, gateway *refundstest.Gateway) (bad []string) {
	t.Helper()
	note := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }
	ctx := t.Context()
	all, _, err := store.List(ctx, refunds.Query{PageSize: refunds.MaxPageSize})
	if err != nil {
		t.Fatal(err)
	}
	live := map[string]refundstest.Paid{} // by attempt
	byRefund := map[string]int{}
	for _, p := range gateway.Ledger() {
		if p.Status != "failed" && p.Request.AttemptID != "" { // not made by others
			if _, twice := live[p.Request.AttemptID]; twice {
				note("I6: attempt %s was paid twice", p.Request.AttemptID)
			}
			live[p.Request.AttemptID] = p
			byRefund[p.Request.RefundID]++
		}
	}
	held, credit := map[string]int64{}, map[string]int64{}
	for _, r := range all {
		if byRefund[r.ID] > 1 {
			note("I6: refund %s was paid %d times", r.ID, byRefund[r.ID])
		}
		a := r.Attempt()
		paid, isLive := live[a.ID]
		resolved := a.FailureCode == refunds.FailureResolved
		switch {
		case r.Method.Manual() && (isLive || a.Sent > 0):
			note("I9: the provider was called for the %s refund %s", r.Method, r.ID)
		case r.Method == payment.Card && r.Status == refunds.StatusSucceeded && r.Amount() > 0 && !isLive:
			note("refund %s succeeded, and the provider has nothing", r.ID)
		case r.Status == refunds.StatusFailed && isLive && !resolved:
			note("refund %s failed, and the provider paid %s", r.ID, paid.Reference)
		case isLive && paid.Request.Amount != r.Amount():
			note("refund %s is of %d, the provider paid %d", r.ID, r.Amount(), paid.Request.Amount)
		}
		for _, old := range r.Attempts[:len(r.Attempts)-1] {
			if p, ok := live[old.ID]; ok {
				note("I6: attempt %s failed, was replaced, and was paid as %s", old.ID, p.Reference)
			}
		}
		if r.Status.CountsAgainstCaptured() {
			held[r.PaymentID] += r.Amount()
		}
		if r.Method == payment.StoreCredit && r.Status == refunds.StatusSucceeded {
			credit[r.Customer] += r.Amount()
		}
		book, err := store.PaymentState(ctx, refunds.OpenRequest{ClientReference: r.ClientReference,
			OrderID: r.OrderID, PaymentID: r.PaymentID})
		if err != nil {
			t.Fatal(err)
		}
		quote, err := refunds.NewQuoteOn(r.Request, nil, refunds.Grid{Carried: max(0, -r.Quote.Carried)})
		if _, rest := refunds.CarriedPayment(r.ClientReference); rest {
			if r.Quote.Gross != 0 || r.Quote.FeesSum != 0 || r.Quote.Carried != -r.Amount() {
				note("I3: refund %s of a rest quotes %+v", r.ID, r.Quote)
			}
		} else if err != nil || r.Quote.Gross > r.Request.Lines[0].Paid.Total() || r.Quote.FeesSum > quote.FeesSum &&
			quote.Gross >= r.Quote.Gross {
			note("I3: refund %s quotes %+v of %+v (%v)", r.ID, r.Quote, r.Request, err)
		}
		if book.Balance.Available() < 0 {
			note("I1: payment %s holds %+v", r.PaymentID, book.Balance)
		}
		events, err := store.Events(ctx, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		folded, err := refunds.Fold(events)
		if err != nil {
			t.Fatal(err)
		}
		r.Lease("", time.Time{})
		r.Work.NextAt = time.Time{}
		if !reflect.DeepEqual(folded, r) {
			note("I11: refund folds to\n%+v, it is\n%+v", folded, r)
		}
	}
	for _, r := range all {
		book, err := store.PaymentState(ctx, refunds.OpenRequest{ClientReference: r.ClientReference,
			OrderID: r.OrderID, PaymentID: r.PaymentID})
		if err != nil {
			t.Fatal(err)
		}
		if b := book.Balance; b.Reserved+b.Refunded != held[r.PaymentID] {
			note("I8: payment %s holds %+v, its refunds %d", r.PaymentID, b, held[r.PaymentID])
		}
	}
	for who, want := range credit {
		got, err := store.CreditBalance(ctx, who, "USD")
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			note("I10: %s has store credit %d, refunds gave %d", who, got, want)
		}
	}
	for _, m := range gateway.Misuse() {
		note("misuse: %s", m)
	}
	return bad
}
