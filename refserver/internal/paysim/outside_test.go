package paysim

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85"
)

func TestARefundOnTheProvidersOwnPagesIsLikeAnyOther(t *testing.T) {
	r := receive(t, 0)
	cfg := Config{Ledger: filepath.Join(t.TempDir(), "ledger.jsonl"), WebhookURL: r.URL, WebhookSecret: secret}
	b := start(t, cfg)
	i := b.paid("k", 1000, "pm_card_visa")
	body := fmt.Sprintf(`{"payment_intent":%q,"amount_minor":400,"reason":"requested_by_customer"}`, i.ID)
	status, answer, _ := b.send("POST", "/_sim/refunds", body, nil)
	var part Refund
	if err := json.Unmarshal([]byte(answer), &part); err != nil || status != 200 || part.AmountMinor != 400 ||
		!part.Outside {
		t.Fatalf("%d %s", status, answer)
	}
	b.eventually("its event has come", func() bool { return slices.Contains(r.kinds(), "refund.created") })
	b = b.reopen(cfg)
	got, err := b.client.V1Refunds.Retrieve(ctx, part.ID, nil)
	if err != nil || got.Amount != 400 || len(got.Metadata) != 0 || got.Reason != "requested_by_customer" ||
		got.PaymentIntent.ID != i.ID || got.Status != stripe.RefundStatusSucceeded {
		t.Errorf("looked up: %+v, %v", got, err)
	}
	rest, err := b.sim.RefundOutside(RefundParams{PaymentIntent: i.ID})
	if err != nil || rest.AmountMinor != 600 || rest.Key != "" || len(rest.Metadata) != 0 {
		t.Fatalf("the rest: %+v, %v", rest, err)
	}
	_, err = b.refund(ctx, "late", i.ID, 400)
	b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodeChargeAlreadyRefunded)
	status, answer, _ = b.send("POST", "/_sim/refunds", body, nil)
	if status != 400 || !contains(answer, "charge_already_refunded") {
		t.Errorf("once more: %d %s", status, answer)
	}
	if l := b.wantMoney(1, 2); !l.Refunds[0].Outside || !l.Refunds[1].Outside {
		t.Errorf("%+v", l.Refunds)
	}
	for _, bad := range []string{
		``, `[]`, `{}`, `{"payment_intent":"pi_none"}`, `{"payment_intent":"x","amount":1}`,
		fmt.Sprintf(`{"payment_intent":%q,"amount_minor":-1}`, i.ID),
		fmt.Sprintf(`{"payment_intent":%q,"reason":"angry"}`, i.ID),
	} {
		status, answer, _ := b.send("POST", "/_sim/refunds", bad, nil)
		if status != 400 || !contains(answer, `"message"`) {
			t.Errorf("%s: %d %s", bad, status, answer)
		}
	}
}

func TestARefundIsTakenBackLater(t *testing.T) {
	r := receive(t, 0)
	b := start(t, Config{Seed: 1, WebhookURL: r.URL, WebhookSecret: secret})
	i := b.paid("k", 1000, "pm_card_visa")
	made, err := b.refund(ctx, "r", i.ID, 1000)
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"status":"failed","failure_reason":"lost_or_stolen_card"}`
	if status, answer, _ := b.send("POST", "/_sim/refunds/"+made.ID, body, nil); status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	got, err := b.client.V1Refunds.Retrieve(ctx, made.ID, nil)
	if err != nil || got.Status != stripe.RefundStatusFailed || got.FailureReason != "lost_or_stolen_card" {
		t.Errorf("%+v, %v", got, err)
	}
	want := []string{"payment_intent.succeeded", "refund.created", "refund.failed", "refund.updated"}
	b.eventually("all events have come", func() bool { return slices.Equal(r.kinds(), want) })
	if _, err := b.refund(ctx, "r2", i.ID, 1000); err != nil {
		t.Errorf("the amount is not free again: %v", err)
	}
	for _, bad := range []struct{ id, body string }{
		{made.ID, body}, {made.ID, `{"status":"succeeded"}`}, {"re_none", body}, {made.ID, `{"status":"canceled"}`},
		{b.sim.Ledger().Refunds[1].ID, `{"status":"failed","failure_reason":"bored"}`},
		{b.sim.Ledger().Refunds[1].ID, `{"status":"succeeded"}`},
	} {
		if status, answer, _ := b.send("POST", "/_sim/refunds/"+bad.id, bad.body, nil); status != 400 {
			t.Errorf("%s %s: %d %s", bad.id, bad.body, status, answer)
		}
	}
}

func TestAPendingRefundIsSettledByHandOrByItsTimerOnce(t *testing.T) {
	b := start(t, Config{Seed: 1, SettleAfter: time.Hour})
	i := b.paid("k", 1000, "pm_card_pendingRefund")
	r, err := b.refund(ctx, "r", i.ID, 0)
	if err != nil || r.Status != stripe.RefundStatusPending || b.sim.Unsettled() != 1 {
		t.Fatalf("%+v, %v, %d unsettled", r, err, b.sim.Unsettled())
	}
	settled, err := b.sim.SettleRefund(r.ID, "succeeded", "")
	if err != nil || settled.Status != "succeeded" || b.sim.Unsettled() != 0 {
		t.Errorf("%+v, %v, %d unsettled", settled, err, b.sim.Unsettled())
	}
}
