package refundstest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

var exampleCtx = context.Background()

// tenDollars is a refund of 10.00 USD as a gateway is asked for it.
func tenDollars(key string) payment.RefundRequest {
	return payment.RefundRequest{
		Key: key, PaymentProviderID: "pi_1", Amount: 1_000, Currency: "USD",
		RefundID: "refund-1", AttemptID: "attempt-1",
	}
}

func ExampleTestStore() {
	// In a test of your store:
	_ = func(t *testing.T) {
		refundstest.TestStore(t, func(*testing.T) refunds.Store {
			return refundstest.NewStore() // yours, new and empty
		})
	}
}

func ExampleTestGateway() {
	// In a test of your gateway, with the provider's sandbox or a stand-in of your own:
	_ = func(t *testing.T) {
		bank := &refundstest.Gateway{}
		refundstest.TestGateway(t, refundstestSandbox(bank))
	}
}

func refundstestSandbox(bank *refundstest.Gateway) func(*testing.T) refundstest.Sandbox {
	return func(*testing.T) refundstest.Sandbox {
		n := 0
		return refundstest.Sandbox{
			Gateway: bank,
			NewPayment: func(_ testing.TB, amount int64, _ money.Currency) string {
				n++
				id := fmt.Sprint("pi_", n)
				bank.Capture(id, amount)
				return id
			},
		}
	}
}

func ExampleNewStore() {
	svc, err := refunds.New(refunds.Config{Store: refundstest.NewStore(), Gateway: &refundstest.Gateway{}})
	if err != nil {
		log.Fatal(err)
	}
	_, err = svc.ByID(exampleCtx, "refund-1")
	fmt.Println(errors.Is(err, refunds.ErrNotFound))
	// Output:
	// true
}

// The same key is answered with the refund that it made.
func ExampleGateway() {
	bank := &refundstest.Gateway{}
	for range 2 {
		res := bank.CreateRefund(exampleCtx, tenDollars("key-1"))
		fmt.Println(res.Outcome, res.ProviderID)
	}
	fmt.Println("paid out", bank.PaidOut("pi_1"))
	// Output:
	// done re_1
	// done re_1
	// paid out 1000
}

// The refund is made, and its answer is lost.
func ExampleGateway_Script() {
	bank := &refundstest.Gateway{}
	bank.Script(refundstest.CallCreate, refundstest.FaultLostAfter)
	fmt.Println(bank.CreateRefund(exampleCtx, tenDollars("key-1")).Outcome)
	fmt.Println(bank.FindRefund(exampleCtx, tenDollars("key-1")).Outcome, bank.PaidOut("pi_1"))
	// Output:
	// unknown
	// done 1000
}

func ExampleGateway_Always() {
	bank := &refundstest.Gateway{}
	bank.Always(refundstest.CallCreate, refundstest.FaultNotSent) // an outage
	fmt.Println(bank.CreateRefund(exampleCtx, tenDollars("key-1")).Outcome)
	bank.Always(refundstest.CallCreate, refundstest.FaultNone)
	fmt.Println(bank.CreateRefund(exampleCtx, tenDollars("key-1")).Outcome)
	// Output:
	// nothing_happened
	// done
}

func ExampleGateway_Capture() {
	bank := &refundstest.Gateway{}
	bank.Capture("pi_1", 900)
	fmt.Println(bank.CreateRefund(exampleCtx, tenDollars("key-1")).Outcome)
	// Output:
	// refused
}

func ExampleGateway_Settle() {
	bank := &refundstest.Gateway{}
	bank.Script(refundstest.CallCreate, refundstest.FaultRequiresAction)
	res := bank.CreateRefund(exampleCtx, tenDollars("key-1"))
	fmt.Println(res.Outcome, bank.Settle(res.ProviderID, "failed"), bank.PaidOut("pi_1"))
	// Output:
	// requires_action true 0
}

func ExampleGateway_Ledger() {
	bank := &refundstest.Gateway{}
	bank.CreateRefund(exampleCtx, tenDollars("key-1"))
	for _, p := range bank.Ledger() {
		fmt.Println(p.Reference, p.Request.Amount, p.Status)
	}
	// Output:
	// re_1 1000 succeeded
}

// A test asserts in the end that nobody used a key for two things.
func ExampleGateway_Misuse() {
	bank := &refundstest.Gateway{}
	bank.CreateRefund(exampleCtx, tenDollars("key-1"))
	other := tenDollars("key-1")
	other.Amount = 2_000
	bank.CreateRefund(exampleCtx, other)
	fmt.Println(len(bank.Misuse()))
	// Output:
	// 1
}

// A key that the provider has forgotten makes a second refund: that is why an old one is
// never sent again.
func ExampleGateway_PruneKeys() {
	bank := &refundstest.Gateway{}
	bank.CreateRefund(exampleCtx, tenDollars("key-1"))
	bank.PruneKeys()
	bank.CreateRefund(exampleCtx, tenDollars("key-1"))
	fmt.Println(bank.PaidOut("pi_1"))
	// Output:
	// 2000
}

func ExampleGateway_RefundOutside() {
	bank := &refundstest.Gateway{}
	bank.Capture("pi_1", 900)
	fmt.Printf("%q %q\n", bank.RefundOutside("pi_1", 500, "USD"), bank.RefundOutside("pi_1", 500, "USD"))
	// Output:
	// "re_1" ""
}

func ExampleGateway_Dispute() {
	bank := &refundstest.Gateway{}
	bank.Dispute(payment.ProviderDispute{ProviderID: "dp_1", PaymentProviderID: "pi_1", Amount: 900, Currency: "USD"})
	for d, err := range bank.Lists().DisputesOf(exampleCtx, "pi_1") {
		fmt.Println(d.ProviderID, d.Amount, err)
	}
	// Output:
	// dp_1 900 <nil>
}

func ExampleGateway_Lists() {
	march1 := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	bank := &refundstest.Gateway{}
	bank.SetClock(func() time.Time { return march1 })
	bank.CreateRefund(exampleCtx, tenDollars("key-1"))
	for r, err := range bank.Lists().ListRefunds(exampleCtx, march1, march1.AddDate(0, 0, 1)) {
		fmt.Println(r.ProviderID, r.Amount, r.Outcome, err)
	}
	// Output:
	// re_1 1000 done <nil>
}

func ExampleFaults() {
	fmt.Println(len(refundstest.Faults()) > 10, refundstest.Faults()[1])
	// Output:
	// true lost before
}

// The provider works, and its answer never arrives.
func ExampleTransport() {
	calls := 0
	provider := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls++ }))
	defer provider.Close()
	lossy := &refundstest.Transport{Next: http.DefaultTransport}
	lossy.Script(refundstest.FaultLostAfter)
	res, err := (&http.Client{Transport: lossy}).Post(provider.URL, "application/json", strings.NewReader("{}"))
	if err == nil {
		res.Body.Close()
	}
	fmt.Println(err != nil, calls)
	// Output:
	// true 1
}
