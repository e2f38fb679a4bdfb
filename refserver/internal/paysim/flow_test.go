package paysim_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/payment/stripegateway"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// shop is package refunds on the simulator, with webhooks taken as a shop does.
type shop struct {
	*testing.T
	*refunds.Service
	sim     *paysim.Simulator
	gateway *stripegateway.Gateway

	mu     sync.Mutex
	events []string
	errs   []error
}

const secret = "whsec_1"

func newShop(t *testing.T, cfg paysim.Config) *shop {
	t.Helper()
	s := &shop{T: t}
	hooks := httptest.NewServer(http.HandlerFunc(s.webhook))
	t.Cleanup(hooks.Close)
	cfg.WebhookURL, cfg.WebhookSecret, cfg.SettleAfter = hooks.URL, secret, 20*time.Millisecond
	var err error
	if s.sim, err = paysim.New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.sim.Close() })
	url, err := s.sim.Start(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if s.gateway, err = stripegateway.New(stripegateway.Config{Key: "sk_test_1", URL: url}); err != nil {
		t.Fatal(err)
	}
	s.Service, err = refunds.New(refunds.Config{
		Store: refundstest.NewStore(), Gateway: s.gateway, Payments: owner{s.gateway}, CallTimeout: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// owner finds payments by the metadata at the provider.
type owner struct{ gateway *stripegateway.Gateway }

// PaymentByProviderID implements refunds.Payments.
func (o owner) PaymentByProviderID(ctx context.Context, id string) (refunds.PaymentRef, error) {
	order, payment, err := o.gateway.PaymentOwner(ctx, id)
	if err == nil && order == "" {
		err = refunds.ErrNotFound
	}
	return refunds.PaymentRef{OrderID: order, PaymentID: payment, ProviderID: id, Captured: 3000, Currency: "USD"}, err
}

// webhook is the handler of a shop, without the dropping of repeated events:
// nothing here may depend on it.
func (s *shop) webhook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	e, err := stripegateway.ParseEvent(body, r.Header.Get(stripegateway.SignatureHeader), secret, 0)
	if err == nil {
		err = s.act(r.Context(), e)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.errs = append(s.errs, err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	s.events = append(s.events, e.Type)
}

func (s *shop) act(ctx context.Context, e stripegateway.Event) error {
	by := event.Actor{Kind: event.ActorProvider, Name: e.Type}
	switch e.Kind {
	case stripegateway.EventRefund:
		_, err := s.HandleWebhook(ctx, by, e.WebhookEvent())
		return err
	case stripegateway.EventDispute:
		_, err := s.SyncPayment(ctx, e.PaymentReference, by)
		return err
	}
	return nil
}

// paid is a request to refund one of three units of order n, paid by card.
func (s *shop) paid(n int) refunds.Request {
	s.Helper()
	charge := payment.ChargeRequest{
		Key: fmt.Sprint(
			"charge-",
			n,
		), OrderID: fmt.Sprint("order-", n), PaymentID: fmt.Sprint("payment-", n), Amount: 3000, Currency: "USD",
		Token: "pm_card_visa",
	}
	made := s.gateway.CreatePayment(s.Context(), charge)
	if done := s.gateway.ConfirmPayment(s.Context(), charge, made.ProviderID); done.Outcome != payment.OutcomeDone {
		s.Fatalf("charge: %+v", done)
	}
	return refunds.Request{
		ClientReference: fmt.Sprint("return-", n), OrderID: charge.OrderID,
		Payments: []refunds.Payment{
			{ID: charge.PaymentID, Method: payment.Card, ProviderID: made.ProviderID, Captured: 3000},
		},
		Currency: "USD", Customer: "ann", By: event.Actor{Kind: event.ActorStaff, ID: "9"},
		Quote: refunds.QuoteRequest{Currency: "USD", Lines: []refunds.QuoteRequestLine{
			{OrderLineID: fmt.Sprint("line-", n), Bought: 3, Units: 1, Paid: money.Components{Price: 3000}},
		}},
	}
}

func (s *shop) refund(r refunds.Request) refunds.Refund {
	s.Helper()
	got, err := s.Refund(s.Context(), r)
	if err != nil {
		s.Fatal(err)
	}
	return got.Refund
}

// until polls the refund of the reference until it is so.
func (s *shop) until(what, reference string, so func(refunds.Refund) bool) refunds.Refund {
	s.Helper()
	var r refunds.Refund
	deadline := time.Now().Add(testreq.Patience(s))
	for ; time.Now().Before(deadline); <-time.After(2 * time.Millisecond) {
		if _, err := s.ResumeDue(s.Context(), 100); err != nil {
			s.Fatal(err)
		}
		found, err := s.ByClientReference(s.Context(), reference)
		if r = found.Refund; err == nil && so(r) {
			return r
		}
	}
	s.Fatalf("still not %s: %+v; events %v, errors %v", what, r, s.events, s.errs)
	return r
}

func TestARefundThatTheProviderTakesBackIsPaidAgainByStoreCredit(t *testing.T) {
	s := newShop(t, paysim.Config{Faults: paysim.Faults{RefundFailsLater: 1}})
	q := s.paid(1)
	first := s.refund(q)
	if first.Status != refunds.StatusSucceeded {
		t.Fatalf("%+v", first)
	}
	owed := s.until("owed again", q.ClientReference, func(r refunds.Refund) bool { return r.ID != first.ID })
	if owed.HoldRef != refunds.AwaitingMethod || owed.Amount() != first.Amount() {
		t.Errorf("owed: %+v", owed)
	}
	if r, err := s.ByID(t.Context(), first.ID); err != nil || r.Status != refunds.StatusReversed {
		t.Errorf("first: %s, %v", r.Status, err)
	}
	q.Method = payment.StoreCredit
	if r := s.refund(q); r.ID != owed.ID || r.Status != refunds.StatusSucceeded {
		t.Errorf("paid again: %+v", r)
	}
	if credit, err := s.CreditBalance(t.Context(), "ann", "USD"); err != nil || credit != 1000 {
		t.Errorf("store credit %d, %v", credit, err)
	}
}

func TestADisputeHoldsTheRefundUntilItIsWon(t *testing.T) {
	s := newShop(t, paysim.Config{})
	q := s.paid(1)
	d, err := s.sim.OpenDispute(q.Payments[0].ProviderID, "fraudulent", false)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(testreq.Patience(t)); ; <-time.After(2 * time.Millisecond) {
		holds, err := s.Holds(t.Context(), q.OrderID, q.Payments[0].ID)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("no hold: %v, %v", s.errs, err)
		}
		if len(holds) == 1 && holds[0].Ref == d.ID && strings.Contains(holds[0].Reason, "fraudulent") {
			break
		}
	}
	if r := s.refund(q); r.HoldRef != d.ID || r.Status != refunds.StatusCreated {
		t.Errorf("%+v", r)
	}
	if _, err := s.sim.CloseDispute(d.ID, "won"); err != nil {
		t.Fatal(err)
	}
	s.until("paid", q.ClientReference, func(r refunds.Refund) bool { return r.Status == refunds.StatusSucceeded })
	if l := s.sim.Ledger(); len(l.Refunds) != 1 {
		t.Errorf("the provider has %d refunds", len(l.Refunds))
	}
}

func TestReconcileAgainstTheProvidersList(t *testing.T) {
	s := newShop(t, paysim.Config{})
	start := time.Now().Add(-time.Second)
	const orderCount = 130 // more than a page
	for n := range orderCount {
		if r := s.refund(s.paid(n)); r.Status != refunds.StatusSucceeded {
			t.Fatalf("%+v", r)
		}
	}
	manual := s.paid(orderCount)
	manual.Method = payment.Cash
	s.refund(manual)
	// Somebody pays back on the provider's own page.
	stray := s.paid(orderCount + 1)
	if a := s.gateway.CreateRefund(t.Context(),
		payment.RefundRequest{Key: "k", PaymentProviderID: stray.Payments[0].ProviderID, Amount: 7, Currency: "USD",
			AttemptID: "nobody's"}); a.Outcome != payment.OutcomeDone {
		t.Fatalf("%+v", a)
	}
	rec, err := s.Reconcile(t.Context(), start, time.Now().Add(2*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if rec.Totals.Count[refunds.Matched] != orderCount || rec.Differences != 0 {
		t.Fatalf("%+v", rec)
	}
	// It is booked as money that somebody else gave back, and is no difference.
	if rec.Totals.Count[refunds.MadeOutside] != 1 || rec.Totals.There[refunds.MadeOutside]["USD"] != 7 {
		t.Errorf("%+v", rec.Totals)
	}
	if rec.Totals.Ours[refunds.Matched]["USD"] != orderCount*1000 ||
		rec.Totals.There[refunds.Matched]["USD"] != orderCount*1000 {
		t.Errorf("sums: %+v", rec.Totals)
	}
}
