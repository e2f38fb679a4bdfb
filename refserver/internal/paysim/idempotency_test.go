package paysim

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85"
)

func TestAKeyGivesItsFirstAnswerAgain(t *testing.T) {
	b := start(t, Config{Seed: 1})
	i := b.paid("k", 1000, "pm_card_visa")
	again, err := b.create(ctx, "k", 1000, "pm_card_visa", true)
	if err != nil || again.ID != i.ID {
		t.Fatalf("got %v, %v, want %s", again, err, i.ID)
	}
	if replayed(i.LastResponse.Header) || !replayed(again.LastResponse.Header) {
		t.Error("Idempotent-Replayed must be on the second answer alone")
	}
	if got := again.LastResponse.Header.Get("Original-Request"); got != i.LastResponse.RequestID {
		t.Errorf("Original-Request is %q, want %q", got, i.LastResponse.RequestID)
	}
	if string(i.LastResponse.RawJSON) != string(again.LastResponse.RawJSON) {
		t.Error("the bodies differ")
	}
	// The stored answer is of its time: the refund since then does not show.
	r1, err := b.refund(ctx, "r", i.ID, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if r2, err := b.refund(ctx, "r", i.ID, 1000); err != nil || r2.ID != r1.ID || !replayed(r2.LastResponse.Header) {
		t.Errorf("got %+v, %v", r2, err)
	}
	b.wantMoney(1, 1)
}

func TestRefusalsAreStoredUnlessTheParametersWereMalformed(t *testing.T) {
	b := start(t, Config{Seed: 1})
	i, err := b.create(ctx, "c", 100, "", false)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err = b.confirm(ctx, "declined", i.ID, "pm_card_chargeDeclined")
		b.wantError(err, 402, stripe.ErrorTypeCard, stripe.ErrorCodeCardDeclined)
	}
	e := b.wantError(err, 402, stripe.ErrorTypeCard, stripe.ErrorCodeCardDeclined)
	if !replayed(e.LastResponse.Header) {
		t.Error("the decline was not stored")
	}
	if n := len(b.sim.state.charges); n != 1 {
		t.Errorf("%d tries at the card, want 1", n)
	}
	_, err = b.create(ctx, "malformed", -1, "pm_card_visa", true)
	b.wantError(err, 400, stripe.ErrorTypeInvalidRequest, stripe.ErrorCodeParameterInvalidInteger)
	if _, err = b.create(ctx, "malformed", 50, "pm_card_visa", true); err != nil {
		t.Errorf("a malformed request used its key up: %v", err)
	}
}

func TestAKeyBelongsToItsParametersAndEndpoint(t *testing.T) {
	b := start(t, Config{Seed: 1})
	i := b.paid("k", 1000, "pm_card_visa")
	_, err := b.create(ctx, "k", 1001, "pm_card_visa", true)
	b.wantError(err, 400, stripe.ErrorTypeIdempotency, "")
	_, err = b.confirm(ctx, "k", i.ID, "")
	b.wantError(err, 400, stripe.ErrorTypeIdempotency, "")
	_, err = b.refund(ctx, "k", i.ID, 0)
	b.wantError(err, 400, stripe.ErrorTypeIdempotency, "")
	b.wantMoney(1, 0)
	if _, err = b.create(ctx, "k", 1000, "pm_card_visa", true); err != nil {
		t.Errorf("the first parameters no longer work: %v", err)
	}
}

func TestAKeyInFlightConflicts(t *testing.T) {
	b := start(t, Config{Seed: 1})
	i := b.paid("k", 1000, "pm_card_visa")
	b.faults(Faults{LatencyMS: 300_000})
	first := make(chan error, 1)
	go func() { _, err := b.refund(ctx, "r", i.ID, 10); first <- err }()
	b.eventually("the first call is in flight", func() bool {
		b.sim.mu.Lock()
		defer b.sim.mu.Unlock()
		return len(b.sim.inFlight) == 1
	})
	_, err := b.refund(ctx, "r", i.ID, 10)
	b.wantError(err, 409, stripe.ErrorTypeIdempotency, "idempotency_key_in_use")
	_, err = b.refund(ctx, "r", i.ID, 11)
	b.wantError(err, 400, stripe.ErrorTypeIdempotency, "")
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}
	b.wantNoAnswer(<-first)
	b.wantMoney(1, 0)
}

func TestSameKeyAtOnceHasOneEffect(t *testing.T) {
	b := start(t, Config{Ledger: t.TempDir() + "/ledger", Seed: 1})
	i := b.paid("k", 100_000, "pm_card_visa")
	for round := range 10 {
		var wg sync.WaitGroup
		var answered, conflicts atomic.Int64
		seen := sync.Map{}
		for range 12 {
			wg.Go(func() {
				r, err := b.refund(ctx, fmt.Sprint("r", round), i.ID, 7)
				if err == nil {
					seen.Store(r.ID, true)
					answered.Add(1)
					return
				}
				b.wantError(err, 409, stripe.ErrorTypeIdempotency, "idempotency_key_in_use")
				conflicts.Add(1)
			})
		}
		wg.Wait()
		ids := 0
		seen.Range(func(any, any) bool { ids++; return true })
		if ids != 1 || answered.Load() < 1 || answered.Load()+conflicts.Load() != 12 {
			t.Fatalf("round %d: %d refunds in %d answers and %d conflicts",
				round, ids, answered.Load(), conflicts.Load())
		}
		b.wantMoney(1, round+1)
	}
}

func TestAnOldKeyIsForgotten(t *testing.T) {
	var offset atomic.Int64
	base := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	b := start(t, Config{Seed: 1, Now: func() time.Time { return base.Add(time.Duration(offset.Load())) }})
	i := b.paid("k", 1000, "pm_card_visa")
	try := func(key string, want int) {
		t.Helper()
		if _, err := b.refund(ctx, key, i.ID, 10); err != nil {
			t.Fatal(err)
		}
		b.wantMoney(1, want)
	}
	try("r", 1)
	offset.Store(int64(24 * time.Hour))
	try("r", 1)
	offset.Store(int64(24*time.Hour + time.Second))
	try("r", 2) // what a caller that trusts an old key gets
	b.faults(Faults{KeyAgeS: 0.5})
	try("r", 2)
	offset.Add(int64(time.Second))
	try("r", 3)
}

func TestCallsWithoutAKeyAreEachTheirOwn(t *testing.T) {
	b := start(t, Config{Seed: 1})
	form := map[string]string{"Authorization": "Bearer sk_test_1", "Content-Type": "application/x-www-form-urlencoded"}
	for range 2 {
		const charge = "amount=50&currency=usd&confirm=true&payment_method=pm_card_visa"
		if status, body, _ := b.send("POST", "/v1/payment_intents", charge, form); status != 200 {
			t.Fatal(status, body)
		}
	}
	b.wantMoney(2, 0)
}
