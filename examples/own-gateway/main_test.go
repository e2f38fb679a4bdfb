package main

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

func Example() {
	main()
	// Output:
	// succeeded 1000 T000001
	// succeeded 1000 T000001
}

func TestTheBankAsAGateway(t *testing.T) {
	refundstest.TestGateway(t, func(*testing.T) refundstest.Sandbox {
		bank := &Bank{}
		return refundstest.Sandbox{
			Gateway: Gateway{bank},
			NewPayment: func(_ testing.TB, amount int64, _ money.Currency) string {
				account := uuid.NewString()
				bank.Receive(account, amount)
				return account
			},
		}
	})
}

func TestRefundsThroughTheBankAreCutAtEveryStep(t *testing.T) {
	refundstest.TestCrashes(t, refundstest.Crashes{
		NewStore: func(testing.TB) refunds.Store { return refundstest.NewStore() },
		NewProvider: func(testing.TB) (refundstest.Provider, string) {
			bank := &Bank{}
			bank.Receive("account", 3_000)
			return provider{Gateway{bank}}, "account"
		},
		SkipWorker: true, // seconds instead of half a minute; leave it out before you go live
	})
}

// provider is the gateway with the bank's books, for the suite to look into.
type provider struct{ Gateway }

func (p provider) Ledger() (all []refundstest.Paid) {
	for page, more := 0, true; more; page++ {
		var lines []Transfer
		lines, more = p.Bank.Statement(page)
		for _, t := range lines {
			refund, attempt, _ := strings.Cut(t.Memo, " ")
			all = append(all, refundstest.Paid{Reference: t.Number, Status: "succeeded", Request: payment.RefundRequest{
				Key: t.OrderNumber, PaymentProviderID: t.Account, Amount: t.Cents, RefundID: refund, AttemptID: attempt,
			}})
		}
	}
	return all
}
