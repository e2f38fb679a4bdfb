package paysim

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stripe/stripe-go/v85"
)

func TestADisputedChargeTakesNoRefundUntilItIsWon(t *testing.T) {
	for end, refundable := range map[string]bool{"won": true, "prevented": true, "lost": false} {
		t.Run(end, func(t *testing.T) {
			cfg := Config{Ledger: filepath.Join(t.TempDir(), "ledger.jsonl")}
			b := start(t, cfg)
			i, other := b.paid("k", 1000, "pm_card_visa"), b.paid("o", 1000, "pm_card_visa")
			d, err := b.sim.OpenDispute(i.ID, "fraudulent", false)
			if err != nil || d.Status != "needs_response" || d.AmountMinor != 1000 || d.PaymentIntent != i.ID {
				t.Fatalf("%+v, %v", d, err)
			}
			b = b.reopen(cfg)
			_, err = b.refund(ctx, "r1", i.ID, 400)
			b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodeChargeDisputed)
			if _, err := b.sim.RefundOutside(RefundParams{PaymentIntent: i.ID}); err == nil {
				t.Error("it was refunded on the provider's own pages")
			}
			if _, err := b.refund(ctx, "o1", other.ID, 400); err != nil {
				t.Errorf("another charge: %v", err)
			}
			if _, err := b.sim.OpenDispute(i.ID, "", false); err == nil {
				t.Error("one charge has two open disputes")
			}
			if d, err = b.sim.CloseDispute(d.ID, end); err != nil || d.Status != end || d.ClosedAt == nil {
				t.Fatalf("%+v, %v", d, err)
			}
			if _, err := b.sim.CloseDispute(d.ID, "won"); err == nil {
				t.Error("it was closed twice")
			}
			b = b.reopen(cfg)
			if _, err := b.refund(ctx, "r2", i.ID, 400); (err == nil) != refundable {
				t.Errorf("refund after the end: %v", err)
			}
		})
	}
}

// Every way through the states: what is sent, and what was taken of the account
// at each step.
func TestDisputesGoThroughTheirStates(t *testing.T) {
	const (
		created    = "charge.dispute.created"
		updated    = "charge.dispute.updated"
		withdrawn  = "charge.dispute.funds_withdrawn"
		reinstated = "charge.dispute.funds_reinstated"
		closed     = "charge.dispute.closed"
	)
	type step struct {
		to    string
		taken int64
	}
	for _, tc := range []struct {
		name    string
		inquiry bool
		steps   []step
		told    []string
	}{
		{"won at once", false, []step{{"needs_response", 600}, {"won", 0}},
			[]string{created, withdrawn, reinstated, closed}},
		{"lost after a review", false, []step{{"needs_response", 600}, {"under_review", 600}, {"lost", 600}},
			[]string{created, withdrawn, updated, closed}},
		{"won after a review", false, []step{{"needs_response", 600}, {"under_review", 600}, {"won", 0}},
			[]string{created, withdrawn, updated, reinstated, closed}},
		{"prevented", false, []step{{"needs_response", 600}, {"prevented", 0}},
			[]string{created, withdrawn, reinstated, closed}},
		{"an inquiry that ends", true, []step{{"warning_needs_response", 0}, {"warning_closed", 0}},
			[]string{created, closed}},
		{"an inquiry that becomes a dispute", true, []step{
			{"warning_needs_response", 0}, {"warning_under_review", 0}, {"needs_response", 600}, {"lost", 600},
		}, []string{created, updated, updated, withdrawn, closed}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := receive(t, 0)
			b := start(t, Config{Seed: 1, WebhookURL: r.URL, WebhookSecret: secret})
			i := b.paid("k", 1000, "pm_card_visa")
			if _, err := b.refund(ctx, "r", i.ID, 400); err != nil { // 600 are left
				t.Fatal(err)
			}
			d, err := b.sim.OpenDispute(i.ID, "fraudulent", tc.inquiry)
			for n, s := range tc.steps {
				if n > 0 {
					d, err = b.sim.MoveDispute(d.ID, s.to)
				}
				if err != nil || d.Status != s.to || d.WithdrawnMinor != s.taken {
					t.Fatalf("step %d: %+v, %v, want %+v", n, d, err, s)
				}
				got, err := b.client.V1Disputes.Retrieve(ctx, d.ID, nil)
				if err != nil || string(got.Status) != s.to || -balance(got) != s.taken {
					t.Errorf("step %d: looked up %+v, %v", n, got, err)
				}
			}
			want := append([]string{"payment_intent.succeeded", "refund.created"}, tc.told...)
			slices.Sort(want)
			b.eventually("all events have come", func() bool { return slices.Equal(r.kinds(), want) })
			if l := b.sim.Ledger(); len(l.Disputes) != 1 || l.Disputes[0].Status != d.Status {
				t.Errorf("ledger %+v", l.Disputes)
			}
		})
	}
}

func balance(d *stripe.Dispute) (sum int64) {
	for _, b := range d.BalanceTransactions {
		sum += b.Net
	}
	return sum
}

func TestAnInquiryStopsNoRefund(t *testing.T) {
	b := start(t, Config{Seed: 1})
	i := b.paid("k", 1000, "pm_card_visa")
	d, err := b.sim.OpenDispute(i.ID, "", true)
	if err != nil || d.Status != "warning_needs_response" || d.Reason != "general" {
		t.Fatalf("%+v, %v", d, err)
	}
	got, err := b.client.V1Disputes.Retrieve(ctx, d.ID, nil)
	if err != nil || !got.IsChargeRefundable || len(got.BalanceTransactions) != 0 ||
		got.PaymentMethodDetails.Card.CaseType != "inquiry" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := b.refund(ctx, "r", i.ID, 400); err != nil {
		t.Error(err)
	}
}

func TestDisputesAreFoundByTheirPayment(t *testing.T) {
	b := start(t, Config{Seed: 1})
	i, other := b.paid("k", 1000, "pm_card_visa"), b.paid("o", 1000, "pm_card_visa")
	first, err := b.sim.Dispute(DisputeParams{PaymentIntent: i.ID, AmountMinor: 300, Inquiry: true})
	if err != nil || first.AmountMinor != 300 {
		t.Fatalf("%+v, %v", first, err)
	}
	if _, err := b.sim.CloseDispute(first.ID, "warning_closed"); err != nil {
		t.Fatal(err)
	}
	second, err := b.sim.OpenDispute(i.ID, "duplicate", false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.sim.OpenDispute(other.ID, "", false); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*stripe.DisputeListParams{
		"by the PaymentIntent": {PaymentIntent: stripe.String(i.ID)},
		"by the charge":        {Charge: stripe.String(i.LatestCharge.ID)},
	} {
		p.Limit = stripe.Int64(1)
		var got []string
		for d, err := range b.client.V1Disputes.List(ctx, p).All(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, d.ID)
		}
		if !slices.Equal(got, []string{second.ID, first.ID}) {
			t.Errorf("%s: %v, want %s before %s", name, got, second.ID, first.ID)
		}
	}
	_, err = b.client.V1Disputes.Retrieve(ctx, "dp_none", nil)
	b.wantError(err, 404, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodeResourceMissing)
}

func TestSomeTestCardsAreDisputedAtOnce(t *testing.T) {
	for method, want := range map[string]Dispute{
		"pm_card_createDispute": {Status: "needs_response", Reason: "fraudulent", WithdrawnMinor: 1000},
		"pm_card_createDisputeProductNotReceived": {
			Status: "needs_response", Reason: "product_not_received", WithdrawnMinor: 1000,
		},
		"pm_card_createDisputeInquiry": {Status: "warning_needs_response", Reason: "general"},
	} {
		t.Run(method, func(t *testing.T) {
			cfg := Config{Ledger: filepath.Join(t.TempDir(), "ledger.jsonl")}
			b := start(t, cfg)
			b.paid("k", 1000, method)
			b = b.reopen(cfg)
			l := b.wantMoney(1, 0)
			if len(l.Disputes) != 1 {
				t.Fatalf("%+v", l)
			}
			d := l.Disputes[0]
			if d.Status != want.Status || d.Reason != want.Reason || d.WithdrawnMinor != want.WithdrawnMinor {
				t.Errorf("%+v, want %+v", d, want)
			}
		})
	}
}

func TestDisputesAreControlledOverHTTP(t *testing.T) {
	r := receive(t, 0)
	b := start(t, Config{Seed: 1, WebhookURL: r.URL, WebhookSecret: secret})
	i := b.paid("k", 1000, "pm_card_visa")
	open := fmt.Sprintf(`{"payment_intent":%q,"reason":"fraudulent","amount_minor":700}`, i.ID)
	status, body, _ := b.send("POST", "/_sim/disputes", open, nil)
	var d Dispute
	if err := json.Unmarshal([]byte(body), &d); err != nil || status != 200 || d.ID == "" || d.WithdrawnMinor != 700 {
		t.Fatalf("%d %s", status, body)
	}
	if status, body, _ := b.send("POST", "/_sim/disputes/"+d.ID, `{"status":"won"}`, nil); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	want := []string{
		"charge.dispute.closed", "charge.dispute.created", "charge.dispute.funds_reinstated",
		"charge.dispute.funds_withdrawn", "payment_intent.succeeded",
	}
	b.eventually("all events have come", func() bool { return slices.Equal(r.kinds(), want) })
	for _, e := range r.events {
		if e.Type == "payment_intent.succeeded" {
			continue
		}
		var got stripe.Dispute
		if err := json.Unmarshal(e.Data.Raw, &got); err != nil || got.ID != d.ID || got.PaymentIntent.ID != i.ID ||
			got.Amount != 700 || got.Reason != "fraudulent" {
			t.Errorf("%v %s", err, e.Data.Raw)
		}
		won := e.Type == "charge.dispute.closed" || e.Type == "charge.dispute.funds_reinstated"
		if won != (got.Status == "won") || won != got.IsChargeRefundable {
			t.Errorf("%s says %s", e.Type, got.Status)
		}
	}
	for _, bad := range []struct{ path, body string }{
		{"", ""}, {"", "{"}, {"", `{"payment_intent":"pi_none"}`}, {"", `{"charge":"x"}`}, {"", `{}{}`},
		{"", fmt.Sprintf(`{"payment_intent":%q,"reason":"angry"}`, i.ID)},
		{"", fmt.Sprintf(`{"payment_intent":%q,"amount_minor":1001}`, i.ID)},
		{"/dp_none", `{"status":"won"}`}, {"/" + d.ID, `{"status":"lost"}`}, {"/" + d.ID, `{"status":"open"}`},
	} {
		if status, body, _ := b.send("POST", "/_sim/disputes"+bad.path, bad.body, nil); status != 400 {
			t.Errorf("%s: %d %s", bad.body, status, body)
		}
	}
}
