package paysim

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"
)

// receiver is a shop's webhook endpoint; it refuses the first refuse posts.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	refuse  int
	posts   int
	invalid []error
	events  []stripe.Event
}

const secret = "whsec_test"

func receive(t *testing.T, refuse int) *receiver {
	r := &receiver{refuse: refuse}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		ev, err := webhook.ConstructEvent(body, req.Header.Get("Stripe-Signature"), secret)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.posts++
		switch {
		case r.posts <= r.refuse:
			w.WriteHeader(http.StatusServiceUnavailable)
		case err != nil:
			r.invalid = append(r.invalid, err)
			w.WriteHeader(http.StatusBadRequest)
		default:
			r.events = append(r.events, ev)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) kinds() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var k []string
	for _, e := range r.events {
		k = append(k, string(e.Type))
	}
	slices.Sort(k)
	return k
}

func TestEventsAreSignedAndSaid(t *testing.T) {
	r := receive(t, 0)
	b := start(t, Config{
		Seed: 1, WebhookURL: r.URL, WebhookSecret: secret,
		Faults: Faults{Refund: CallFaults{DropAfter: 1}, RefundFailsLater: 1},
	})
	i := b.paid("k", 1000, "pm_card_visa")
	_, err := b.refund(ctx, "r", i.ID, 400) // its answer is lost; the event is not
	b.wantNoAnswer(err)
	want := []string{"payment_intent.succeeded", "refund.created", "refund.failed", "refund.updated"}
	b.eventually("all events have come", func() bool { return slices.Equal(r.kinds(), want) })
	if len(r.invalid) > 0 {
		t.Fatal(r.invalid)
	}
	ids := map[string]bool{}
	for _, e := range r.events {
		ids[e.ID] = true
		switch e.Type {
		case "payment_intent.succeeded":
			var pi stripe.PaymentIntent
			if err := json.Unmarshal(e.Data.Raw, &pi); err != nil || pi.ID != i.ID || pi.AmountReceived != 1000 ||
				e.Request.IdempotencyKey != "k" {
				t.Errorf("%v %s", err, e.Data.Raw)
			}
		case "refund.failed":
			var re stripe.Refund
			if err := json.Unmarshal(e.Data.Raw, &re); err != nil || re.Status != "failed" || re.FailureReason == "" ||
				re.Metadata["attempt_id"] != "r" || re.PaymentIntent.ID != i.ID {
				t.Errorf("%v %s", err, e.Data.Raw)
			}
		}
	}
	if len(ids) != 4 {
		t.Errorf("%d different ids in 4 events", len(ids))
	}
	b.eventually("nothing is left to deliver", func() bool {
		b.sim.mu.Lock()
		defer b.sim.mu.Unlock()
		return len(b.sim.state.events) == 0
	})
}

func TestAReceiverThatFailsIsAskedAgain(t *testing.T) {
	r := receive(t, 2)
	b := start(t, Config{Seed: 1, WebhookURL: r.URL, WebhookSecret: secret})
	b.paid("k", 1000, "pm_card_visa")
	b.eventually("the event has come", func() bool { return len(r.kinds()) == 1 })
	if r.posts != 3 {
		t.Errorf("%d posts, want 3", r.posts)
	}
}

func TestAWrongSecretIsNoticed(t *testing.T) {
	r := receive(t, 0)
	b := start(t, Config{Seed: 1, WebhookURL: r.URL, WebhookSecret: "other"})
	b.paid("k", 1000, "pm_card_visa")
	b.eventually("a refused event", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.invalid) > 0 })
	if len(r.kinds()) != 0 {
		t.Error("the receiver took a forged event")
	}
	if err := b.sim.SetWebhook(r.URL, secret); err != nil {
		t.Fatal(err)
	}
	b.eventually("the event, signed anew", func() bool { return len(r.kinds()) == 1 })
}

func TestUndeliveredEventsSurviveARestart(t *testing.T) {
	dead := httptest.NewServer(nil)
	dead.Close()
	cfg := Config{Ledger: filepath.Join(t.TempDir(), "ledger"), WebhookURL: dead.URL}
	b := start(t, cfg)
	b.paid("k", 1000, "pm_card_visa")
	r := receive(t, 0)
	b = b.reopen(Config{Ledger: cfg.Ledger}) // it does not know the shop's address yet
	if err := b.sim.SetWebhook(r.URL, secret); err != nil {
		t.Fatal(err)
	}
	b.eventually("the event has come", func() bool { return len(r.kinds()) == 1 })
	b.eventually("it is struck off", func() bool {
		b.sim.mu.Lock()
		defer b.sim.mu.Unlock()
		return len(b.sim.state.events) == 0
	})
	b = b.reopen(Config{Ledger: cfg.Ledger, WebhookURL: r.URL, WebhookSecret: secret})
	b.paid("k2", 50, "pm_card_visa")
	b.eventually("the next event", func() bool { return len(r.kinds()) >= 2 })
	if got := len(r.kinds()); got != 2 {
		t.Errorf("%d events, want 2: a delivered one was sent again", got)
	}
}

func TestWithoutAReceiverNothingIsKept(t *testing.T) {
	b := start(t, Config{Seed: 1})
	b.paid("k", 1000, "pm_card_visa")
	if n := len(b.sim.state.events); n != 0 {
		t.Errorf("%d events wait for nobody", n)
	}
}
