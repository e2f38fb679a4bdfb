package main

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

func Example() {
	main()
	// Output:
	// succeeded 10.00 EUR re_1
	// succeeded 10.00 EUR re_1
	// the provider lists re_1 of tr_1 refunded
	// refused amount_too_large change_amount
}

func TestTheProviderAsAGateway(t *testing.T) {
	refundstest.TestGateway(t, func(*testing.T) refundstest.Sandbox {
		provider := &Provider{}
		gateway := newGateway(provider)
		network := &refundstest.Transport{Next: gateway.Client.Transport}
		gateway.Client.Transport = network
		return refundstest.Sandbox{
			Gateway: gateway,
			NewPayment: func(_ testing.TB, amount int64, c money.Currency) string {
				id := "tr_" + uuid.NewString()
				provider.Capture(id, money.New(amount, c))
				return id
			},
			Count: func(paymentID string) (n int) {
				for _, r := range provider.Refunds() {
					if r.PaymentID == paymentID {
						n++
					}
				}
				return n
			},
			Fault: func(_ refundstest.Call, f refundstest.Fault) { network.Script(f) },
		}
	})
}

func TestRefundsThroughTheProviderAreCutAtEveryStep(t *testing.T) {
	refundstest.TestCrashes(t, refundstest.Crashes{
		NewStore: func(testing.TB) refunds.Store { return refundstest.NewStore() },
		NewProvider: func(testing.TB) (refundstest.Provider, string) {
			provider := &Provider{}
			provider.Capture("tr_1", money.New(3_000, "USD"))
			return books{newGateway(provider), provider}, "tr_1"
		},
		SkipWorker: true, // seconds instead of half a minute; leave it out before you go live
	})
}

// books is the gateway with the provider's ledger, for the suite to look into.
type books struct {
	*Gateway
	provider *Provider
}

func (b books) Ledger() (all []refundstest.Paid) {
	for _, r := range b.provider.Refunds() {
		m, err := money.Parse(r.Amount.Value, money.Currency(r.Amount.Currency))
		if err != nil {
			panic(err)
		}
		all = append(all, refundstest.Paid{Reference: r.ID, Status: "succeeded", Request: payment.RefundRequest{
			PaymentProviderID: r.PaymentID, Amount: m.Minor(), Currency: m.Currency(),
			RefundID: r.Metadata.RefundID, AttemptID: r.Metadata.AttemptID,
		}})
	}
	return all
}

// An answer that takes 800 ms is waited for, or found by the worker, where the
// caller waits for 500 ms only.
func TestAnswersThatTake800msSucceedWithin3s(t *testing.T) {
	for _, timeout := range []time.Duration{0, 500 * time.Millisecond} {
		t.Run("call timeout "+timeout.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				provider := &Provider{Takes: 800 * time.Millisecond}
				provider.Capture("tr_1", money.New(3_000, "EUR"))
				svc, err := refunds.New(refunds.Config{
					Store: refundstest.NewStore(), Gateway: newGateway(provider), CallTimeout: timeout,
				})
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				paid, err := svc.Refund(t.Context(), request("tr_1"))
				if err != nil {
					t.Fatal(err)
				}
				r := paid.Refund
				for r.Status != refunds.StatusSucceeded && time.Since(start) < time.Minute {
					time.Sleep(100 * time.Millisecond)
					if _, err := svc.ResumeDue(t.Context(), 10); err != nil {
						t.Fatal(err)
					}
					if r, err = svc.ByID(t.Context(), r.ID); err != nil {
						t.Fatal(err)
					}
				}
				if took := time.Since(start); r.Status != refunds.StatusSucceeded || took > 3*time.Second {
					t.Errorf("%s after %v", r.Status, took)
				}
				if n := len(provider.Refunds()); n != 1 {
					t.Errorf("paid %d times", n)
				}
				time.Sleep(time.Minute) // what was given up is answered meanwhile
			})
		})
	}
}

func TestTheListHasAllPages(t *testing.T) {
	provider := &Provider{}
	provider.Capture("tr_1", money.New(3_000, "EUR"))
	gateway := newGateway(provider)
	for i := range 120 {
		r := payment.RefundRequest{
			Key: strconv.Itoa(i), PaymentProviderID: "tr_1", Amount: 1, Currency: "EUR", AttemptID: strconv.Itoa(i),
		}
		if a := gateway.CreateRefund(t.Context(), r); a.Outcome != payment.OutcomeDone {
			t.Fatalf("%+v", a)
		}
	}
	seen := map[string]bool{}
	now := time.Now()
	for r, err := range gateway.ListRefunds(t.Context(), now.Add(-time.Hour), now.Add(time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
		seen[r.ProviderID] = true
	}
	if len(seen) != 120 {
		t.Errorf("%d refunds in the list of 120", len(seen))
	}
	for r := range gateway.ListRefunds(t.Context(), now.Add(time.Hour), now.Add(2*time.Hour)) {
		t.Errorf("a refund of another hour: %+v", r)
	}
}
