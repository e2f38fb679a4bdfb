package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/refunds/refundstest/refundsgen"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnstest"
)

func Example() {
	main()
	// Output:
	// succeeded 30.00 EUR W00001
	// succeeded 30.00 EUR W00001
	// refunds: refund for return-2: refunds: INVALID: line lamp: 4 units can't be given back; 3 were bought
	// payouts: 1
}

func newRefundStore(*testing.T) refunds.Store { return NewRefundStore() }
func newReturnStore(*testing.T) returns.Store { return NewReturnStore() }

// Each numbered promise of the interface is a subtest.
func TestRefundStore(t *testing.T) { refundstest.TestStore(t, newRefundStore) }
func TestReturnStore(t *testing.T) { returnstest.TestStore(t, newReturnStore) }

// The same random calls on this store and on the one in memory are answered alike.
func TestRefundStoreBesideTheOneInMemory(t *testing.T) {
	refundstest.TestDifferential(t, newRefundStore, 100)
}

// Some order of the calls explains what random parallel ones returned.
func TestParallelRefunds(t *testing.T) { refundstest.TestLinearizable(t, newRefundStore, 100) }
func TestParallelReturns(t *testing.T) { returnstest.TestLinearizable(t, newReturnStore, 100) }

// What others gave back is booked once, wherever the process dies.
func TestOutsideMoneyIsBookedOnce(t *testing.T) {
	refundstest.TestOutsideCrashes(t, func(testing.TB) refunds.Store { return NewRefundStore() })
}

// Each way a call can end is reported as it was.
func TestGateway(t *testing.T) {
	refundstest.TestGateway(t, func(*testing.T) refundstest.Sandbox {
		wallet, payments := &Wallet{}, 0
		return refundstest.Sandbox{
			Gateway: Gateway{wallet},
			NewPayment: func(_ testing.TB, amount int64, _ money.Currency) string {
				payments++
				id := fmt.Sprint("account-", payments)
				wallet.Capture(id, amount)
				return id
			},
			Count: func(payment string) int { return len(wallet.Payouts(payment)) },
			Paid:  func(payment string) int64 { return sum(wallet.Payouts(payment)) },
		}
	})
}

func sum(payouts []Payout) (minor int64) {
	for _, p := range payouts {
		minor += p.Minor
	}
	return minor
}

// provider is the gateway with the wallet's books, for the suite to look into.
type provider struct{ Gateway }

func (p provider) Ledger() (all []refundstest.Paid) {
	for _, out := range p.Wallet.Payouts("") {
		refund, attempt, _ := strings.Cut(out.Note, "/")
		all = append(all, refundstest.Paid{Reference: out.Number, Status: "succeeded", Request: payment.RefundRequest{
			Key: out.Reference, PaymentProviderID: out.Payment, Amount: out.Minor, RefundID: refund, AttemptID: attempt,
		}})
	}
	return all
}

func crashes() refundstest.Crashes {
	return refundstest.Crashes{
		NewStore: func(testing.TB) refunds.Store { return NewRefundStore() },
		NewProvider: func(testing.TB) (refundstest.Provider, string) {
			wallet := &Wallet{}
			wallet.Capture("account", 3_000)
			return provider{Gateway{wallet}}, "account"
		},
		SkipWorker: true, // seconds instead of half a minute; leave it out before you go live
	}
}

// The process dies after every write of the store and every call of the wallet.
func TestRefundsAreCutAtEveryStep(t *testing.T) { refundstest.TestCrashes(t, crashes()) }

// Random sequences of what people, processes, the wallet and time do to one refund.
func TestRandomSequences(t *testing.T) { refundstest.TestRandomCrashes(t, crashes(), 50) }

// A property of the shop's own, with the generators of the suite: whatever comes back of
// whatever purchase, in any order and each request sent twice, the wallet pays back what
// was paid, and no cent more.
func TestEverythingThatComesBackIsPaidBack(t *testing.T) {
	parameters := gopter.DefaultTestParameters()
	parameters.MinSuccessfulTests = 50
	properties := gopter.NewProperties(parameters)
	properties.Property("what was paid is paid back", prop.ForAll(
		func(p refundsgen.Purchase, steps []refundsgen.Step) (string, error) {
			wallet := &Wallet{}
			wallet.Capture("account-1", p.Paid())
			svc, err := refunds.New(refunds.Config{Store: NewRefundStore(), Gateway: Gateway{wallet}})
			if err != nil {
				return "", err
			}
			if err := payBack(t, svc, p, append(steps, p.Rest()...)); err != nil {
				return "", err
			}
			if paid := sum(wallet.Payouts("")); paid != p.Paid() {
				return fmt.Sprintf("%d of %d were paid back", paid, p.Paid()), nil
			}
			return "", nil
		},
		refundsgen.GenPurchase(), gen.SliceOfN(4, refundsgen.GenStep()),
	))
	properties.TestingRun(t)
}

// payBack requests what each step gives back, twice.
func payBack(t *testing.T, svc *refunds.Service, p refundsgen.Purchase, steps []refundsgen.Step) error {
	given := map[string]refunds.Refunded{}
	for i, step := range steps {
		q, left := p.Request(step, given)
		if !left {
			continue
		}
		for range 2 {
			r, err := svc.Refund(t.Context(), refunds.Request{
				ClientReference: fmt.Sprint("return-", i), OrderID: "order-1", Customer: "ada", Currency: p.Currency,
				Payments: []refunds.Payment{
					{ID: "payment-1", Method: payment.Card, ProviderID: "account-1", Captured: p.Paid()},
				},
				Quote: q,
			})
			if err != nil {
				return err
			}
			if r.Status != refunds.StatusSucceeded {
				return fmt.Errorf("return %d is %s", i, r.Status)
			}
		}
		for _, l := range q.Lines {
			before := given[l.OrderLineID]
			before.Units += l.Units
			given[l.OrderLineID] = before
		}
	}
	return nil
}

// timed is a store with something around it, as many shops have: here, how long calls took.
type timed struct {
	orders.Store
	took chan<- time.Duration
}

func (s timed) Order(ctx context.Context, id string) (orders.Order, error) {
	start := time.Now()
	defer func() {
		select {
		case s.took <- time.Since(start):
		default: // nobody reads
		}
	}()
	return s.Store.Order(ctx, id)
}

// What stands around a store changes none of its promises.
func TestOrderStoreWithSomethingAroundIt(t *testing.T) {
	orderstest.TestStore(t, func(*testing.T) orders.Store {
		return timed{orderstest.NewStore(), make(chan time.Duration)}
	})
}
