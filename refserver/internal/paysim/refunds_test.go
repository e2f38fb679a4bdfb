package paysim

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

func TestRefundsNeverExceedWhatWasCaptured(t *testing.T) {
	b := start(t, Config{Seed: 1})
	i := b.paid("k", 1000, "pm_card_visa")
	r, err := b.refund(ctx, "r1", i.ID, 400)
	if err != nil || r.Status != stripe.RefundStatusSucceeded || r.Amount != 400 || r.PaymentIntent.ID != i.ID ||
		r.Charge.ID != i.LatestCharge.ID || r.Metadata["attempt_id"] != "r1" {
		t.Fatalf("got %+v, %v", r, err)
	}
	_, err = b.refund(ctx, "r2", i.ID, 601)
	e := b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, "")
	if e.Param != "amount" || e.Msg != "Refund amount ($6.01) is greater than unrefunded amount on charge ($6.00)" {
		t.Errorf("got %+v", e)
	}
	if r, err = b.refund(ctx, "r3", i.ID, 0); err != nil || r.Amount != 600 {
		t.Fatalf("the rest: %+v, %v", r, err)
	}
	_, err = b.refund(ctx, "r4", i.ID, 1)
	b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodeChargeAlreadyRefunded)
	l := b.wantMoney(1, 2)
	if got := l.Refunds[0]; got.Key != "r1" || got.Charge != i.LatestCharge.ID || got.AmountMinor != 400 ||
		got.Outside || got.Currency != "USD" ||
		got.Status != "succeeded" || got.Metadata["attempt_id"] != "r1" || got.PaymentIntent != i.ID {
		t.Errorf("ledger has %+v", got)
	}
}

func TestOnlyASuccessfulChargeIsRefunded(t *testing.T) {
	b := start(t, Config{Seed: 1})
	i, err := b.create(ctx, "k", 100, "pm_card_visa", false)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.refund(ctx, "r1", i.ID, 0)
	b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, "")
	_, err = b.confirm(ctx, "c", i.ID, "pm_card_chargeDeclined")
	b.wantError(err, 402, stripe.ErrorTypeCard, stripe.ErrorCodeCardDeclined)
	_, err = b.refund(ctx, "r2", i.ID, 0)
	b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, "")
	_, err = b.refund(ctx, "r3", "pi_unknown", 0)
	b.wantError(err, 404, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodeResourceMissing)

	paid := b.paid("p", 100, "pm_card_visa")
	p := &stripe.RefundCreateParams{Charge: stripe.String(paid.LatestCharge.ID), PaymentIntent: stripe.String(i.ID)}
	_, err = b.client.V1Refunds.Create(ctx, p)
	b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, "")
	p = &stripe.RefundCreateParams{Charge: stripe.String(paid.LatestCharge.ID)}
	p.AddExpand("payment_intent")
	p.AddExpand("charge")
	r, err := b.client.V1Refunds.Create(ctx, p)
	if err != nil || r.PaymentIntent.Amount != 100 || !r.Charge.Refunded {
		t.Fatalf("by charge: %+v, %v", r, err)
	}
	b.wantMoney(1, 1)
}

func TestConcurrentRefundsShareOneRemainder(t *testing.T) {
	b := start(t, Config{Seed: 1})
	i := b.paid("k", 1000, "pm_card_visa")
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() { _, _ = b.refund(ctx, fmt.Sprint("r", n), i.ID, 300) })
	}
	wg.Wait()
	b.wantMoney(1, 3)
}

func TestARefundMayBePendingFirst(t *testing.T) {
	b := start(t, Config{Seed: 1})
	i := b.paid("k", 100, "pm_card_pendingRefund")
	r, err := b.refund(ctx, "r", i.ID, 100)
	if err != nil || r.Status != stripe.RefundStatusPending {
		t.Fatalf("got %+v, %v", r, err)
	}
	b.eventually("the refund succeeds", func() bool {
		r, err := b.client.V1Refunds.Retrieve(ctx, r.ID, nil)
		return err == nil && r.Status == stripe.RefundStatusSucceeded
	})
}

func TestARefundThatFailsLaterFreesItsAmount(t *testing.T) {
	for name, cfg := range map[string]struct {
		method string
		faults Faults
	}{
		"by the card": {"pm_card_refundFail", Faults{}},
		"by the plan": {"pm_card_visa", Faults{RefundFailsLater: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, Config{Seed: 1, Faults: cfg.faults})
			i := b.paid("k", 100, cfg.method)
			r, err := b.refund(ctx, "r", i.ID, 100)
			if err != nil || r.Status != stripe.RefundStatusSucceeded {
				t.Fatalf("got %+v, %v", r, err)
			}
			b.eventually("the refund fails", func() bool {
				r, err := b.client.V1Refunds.Retrieve(ctx, r.ID, nil)
				return err == nil && r.Status == stripe.RefundStatusFailed &&
					r.FailureReason == stripe.RefundFailureReasonExpiredOrCanceledCard
			})
			if l := b.wantMoney(1, 1); l.Refunds[0].Status != "failed" {
				t.Errorf("ledger says %s", l.Refunds[0].Status)
			}
			if _, err := b.refund(ctx, "r2", i.ID, 100); err != nil {
				t.Errorf("the amount is not free again: %v", err)
			}
		})
	}
}

func TestListsPageNewestFirst(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	b := start(t, Config{Seed: 1, Now: clock})
	i, other := b.paid("k", 1000, "pm_card_visa"), b.paid("o", 1000, "pm_card_visa")
	var made []string
	for n := range 23 {
		mu.Lock()
		now = now.Add(time.Minute)
		mu.Unlock()
		r, err := b.refund(ctx, fmt.Sprint("r", n), i.ID, 1)
		if err != nil {
			t.Fatal(err)
		}
		made = append([]string{r.ID}, made...)
		if _, err := b.refund(ctx, fmt.Sprint("o", n), other.ID, 1); err != nil {
			t.Fatal(err)
		}
	}
	ids := func(p *stripe.RefundListParams) (got []string) {
		t.Helper()
		for r, err := range b.client.V1Refunds.List(ctx, p).All(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.ID)
		}
		return got
	}
	before := b.sim.Ledger().Calls
	p := &stripe.RefundListParams{PaymentIntent: stripe.String(i.ID)}
	p.Limit = stripe.Int64(5)
	if got := ids(p); fmt.Sprint(got) != fmt.Sprint(made) {
		t.Errorf("by payment: got %v, want %v", got, made)
	}
	if calls := b.sim.Ledger().Calls - before; calls != 5 {
		t.Errorf("23 refunds in pages of 5 took %d calls, want 5", calls)
	}
	if got := ids(&stripe.RefundListParams{}); len(got) != 46 {
		t.Errorf("all: got %d, want 46", len(got))
	}
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Unix()
	window := &stripe.RefundListParams{
		PaymentIntent: stripe.String(i.ID),
		CreatedRange:  &stripe.RangeQueryParams{GreaterThanOrEqual: begin + 5*60, LesserThan: begin + 8*60},
	}
	if got := ids(window); fmt.Sprint(got) != fmt.Sprint(made[16:19]) {
		t.Errorf("minutes 5 to 7: got %v, want %v", got, made[16:19])
	}
	back := &stripe.RefundListParams{PaymentIntent: stripe.String(i.ID)}
	back.EndingBefore, back.Limit = stripe.String(made[4]), stripe.Int64(2)
	l := ids(back)
	if len(l) == 0 || l[0] != made[3] { // stripe-go walks backwards, nearest first
		t.Errorf("before %s: got %v", made[4], l)
	}
	intents := 0
	early := &stripe.PaymentIntentListParams{CreatedRange: &stripe.RangeQueryParams{LesserThanOrEqual: begin}}
	early.Limit = stripe.Int64(1)
	for pi, err := range b.client.V1PaymentIntents.List(ctx, early).All(ctx) {
		if err != nil || pi.Status != stripe.PaymentIntentStatusSucceeded {
			t.Fatalf("%+v, %v", pi, err)
		}
		intents++
	}
	if intents != 2 {
		t.Errorf("%d intents, want 2", intents)
	}
}
