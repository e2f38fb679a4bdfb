package guard_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/payment/guard"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/resilience"
)

// A guard whose breaker never opens is as good a gateway as the one it guards.
func TestAGuardedGateway(t *testing.T) {
	refundstest.TestGateway(t, func(t *testing.T) refundstest.Sandbox {
		b, err := resilience.New(resilience.Config{Name: "payments", ConsecutiveFailures: 1000})
		if err != nil {
			t.Fatal(err)
		}
		g := &refundstest.Gateway{}
		return refundstest.Sandbox{
			Gateway:    guard.Refunds(g, b),
			NewPayment: func(testing.TB, int64, money.Currency) string { return "pi_" + uuid.NewString() },
			Fault:      func(c refundstest.Call, f refundstest.Fault) { g.Script(c, f) },
			Unlimited:  true,
		}
	})
}

// An outage of 30 s costs its probes, whatever waits to be charged, and each order
// is charged once when it is over.
func TestAnOutageCostsItsProbesAndEachOrderIsChargedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := resilience.New(resilience.Config{
			Name: "payments", ConsecutiveFailures: 3, OpenFor: time.Second, MaxOpenFor: time.Second,
			JitterPercent: resilience.NoJitter,
		})
		if err != nil {
			t.Fatal(err)
		}
		g := &orderstest.Gateway{}
		s, err := orders.New(orders.Config{
			Store: orderstest.NewStore(), Gateway: guard.Charges(g, b), Currency: "USD",
			PaymentWait: 10 * time.Millisecond, CallTimeout: 500 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []orderstest.Call{orderstest.CallCreate, orderstest.CallConfirm, orderstest.CallFind} {
			g.Always(c, orderstest.FaultHangBefore)
		}
		product, err := s.SaveProduct(t.Context(), 0, event.System("test"),
			func(p *orders.Product) error {
				p.Name, p.Price, p.Stock = "Mug", 1200, 1000
				return nil
			})
		if err != nil {
			t.Fatal(err)
		}
		var buyers sync.WaitGroup
		for i := range 20 {
			customer := event.Actor{Kind: event.ActorCustomer, ID: string(rune('a' + i))}
			if _, err := s.AddToCart(t.Context(), customer.ID, product.ID, 1); err != nil {
				t.Fatal(err)
			}
			buyers.Go(func() {
				if _, err := s.Checkout(t.Context(), orders.CheckoutRequest{
					Customer: customer, Method: payment.Card, Token: orderstest.TokenPays,
				}); err != nil {
					t.Error(err)
				}
			})
		}
		buyers.Wait()
		time.Sleep(time.Second) // what was in flight is over
		before := g.Calls(orderstest.CallCreate)
		for range 60 {
			time.Sleep(500 * time.Millisecond)
			if _, err := s.ChargeDue(t.Context(), 100); err != nil {
				t.Error(err)
			}
		}
		// A probe lasts 500 ms and the breaker is open for 1 s before each.
		if n := g.Calls(orderstest.CallCreate) - before; n == 0 || n > 30 {
			t.Errorf("%d calls in 30 s of outage, want a probe every 1 to 2 s", n)
		}
		for _, c := range []orderstest.Call{orderstest.CallCreate, orderstest.CallConfirm, orderstest.CallFind} {
			g.Always(c, orderstest.FaultNone)
		}
		for range 300 { // the longest backoff, twice
			time.Sleep(500 * time.Millisecond)
			if _, err := s.ChargeDue(t.Context(), 100); err != nil {
				t.Error(err)
			}
		}
		if n := len(g.Charges()); n != 20 {
			t.Errorf("%d charges of 20 orders", n)
		}
		if m := g.Misuse(); len(m) > 0 {
			t.Error(m)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
