package refundstest

import (
	"context"
	"math"
	"testing"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// sandboxOf is a sandbox on the provider in memory, through the gateway.
func sandboxOf(g *Gateway, gateway payment.RefundGateway) Sandbox {
	of := func(payment string) (all []Paid) {
		for _, p := range g.Ledger() {
			if p.Request.PaymentProviderID == payment {
				all = append(all, p)
			}
		}
		return all
	}
	g.Capture("nobodys_payment", 0)
	return Sandbox{
		Gateway: gateway,
		NewPayment: func(_ testing.TB, amount int64, _ money.Currency) string {
			id := "pi_" + newID()
			g.Capture(id, amount)
			return id
		},
		Currencies: []money.Currency{"USD", "JPY", "KWD"}, Largest: math.MaxInt64,
		Count: func(payment string) int { return len(of(payment)) },
		Paid: func(payment string) (sum int64) {
			for _, p := range of(payment) {
				sum += p.Request.Amount
			}
			return sum
		},
		Later: func() func() {
			g.Script(CallCreate, FaultRequiresAction)
			return func() { g.Settle(g.Ledger()[len(g.Ledger())-1].Reference, "succeeded") }
		},
		Fault: func(c Call, f Fault) { g.Script(c, f) },
	}
}

func TestGatewayInMemory(t *testing.T) {
	TestGateway(t, func(*testing.T) Sandbox {
		g := &Gateway{}
		s := sandboxOf(g, g)
		s.NewPayment = func(testing.TB, int64, money.Currency) string { return "pi_" + newID() }
		s.Unlimited = true
		return s
	})
}

// blind is a gateway whose refunds are found by messages alone.
type blind struct {
	*Gateway
	t testing.TB
}

func (blind) Capabilities() payment.Capabilities {
	return payment.Capabilities{Find: payment.FindByMessage}
}

func (g blind) FindRefund(context.Context, payment.RefundRequest) payment.Result {
	g.t.Error("a look-up through a gateway that has none")
	return payment.Result{Outcome: payment.OutcomeUnknown}
}

func TestNoLookUpIsAskedOfAGatewayWithoutAny(t *testing.T) {
	TestGateway(t, func(t *testing.T) Sandbox {
		g := &Gateway{}
		return sandboxOf(g, blind{g, t})
	})
}
