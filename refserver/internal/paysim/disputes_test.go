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

func TestAnInquiryStopsNoRefund(t *testing.T) {
	b := start(t, Config{Seed: 1})
	i := b.paid("k", 1000, "pm_card_visa")
	d, err := b.sim.OpenDispute(i.ID, "", true)
	if err != nil || d.Status != "warning_needs_response" || d.Reason != "general" {
		t.Fatalf("%+v, %v", d, err)
	}
	if _, err := b.refund(ctx, "r", i.ID, 400); err != nil {
		t.Error(err)
	}
}

func TestDisputesAreControlledOverHTTPAndTold(t *testing.T) {
	r := receive(t, 0)
	b := start(t, Config{Seed: 1, WebhookURL: r.URL, WebhookSecret: secret})
	i := b.paid("k", 1000, "pm_card_visa")
	status, body, _ := b.send("POST", "/_sim/dispute", fmt.Sprintf(`{"payment_intent":%q,"reason":"fraudulent"}`, i.ID), nil)
	var d Dispute
	if err := json.Unmarshal([]byte(body), &d); err != nil || status != 200 || d.ID == "" {
		t.Fatalf("%d %s", status, body)
	}
	if status, body, _ := b.send("POST", "/_sim/dispute", fmt.Sprintf(`{"id":%q,"status":"won"}`, d.ID), nil); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	want := []string{"charge.dispute.closed", "charge.dispute.created", "payment_intent.succeeded"}
	b.eventually("all events have come", func() bool { return slices.Equal(r.kinds(), want) })
	for _, e := range r.events {
		if e.Type == "payment_intent.succeeded" {
			continue
		}
		var got stripe.Dispute
		if err := json.Unmarshal(e.Data.Raw, &got); err != nil || got.ID != d.ID || got.PaymentIntent.ID != i.ID || got.Amount != 1000 || got.Reason != "fraudulent" {
			t.Errorf("%v %s", err, e.Data.Raw)
		}
		if won := e.Type == "charge.dispute.closed"; won != (got.Status == "won") || won != got.IsChargeRefundable {
			t.Errorf("%s says %s", e.Type, got.Status)
		}
	}
	for _, bad := range []string{"", "{", `{"payment_intent":"pi_none"}`, `{"id":"dp_none","status":"won"}`, `{"id":"dp_none","status":"open"}`, `{"charge":"x"}`, `{}{}`} {
		if status, body, _ := b.send("POST", "/_sim/dispute", bad, nil); status != 400 {
			t.Errorf("%s: %d %s", bad, status, body)
		}
	}
	if status, _, h := b.send("GET", "/_sim/dispute", "", nil); status != 405 || h.Get("Allow") != "POST" {
		t.Errorf("GET: %d", status)
	}
}
