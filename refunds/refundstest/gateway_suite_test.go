package refundstest

import (
	"testing"

	"github.com/returnkit/returnkit/orders/money"
)

func TestGatewayInMemory(t *testing.T) {
	TestGateway(t, func(*testing.T) Sandbox {
		g := &Gateway{}
		return Sandbox{
			Gateway:    g,
			NewPayment: func(testing.TB, int64, money.Currency) string { return "pi_" + newID() },
			Count: func(payment string) (n int) {
				for _, p := range g.Ledger() {
					if p.Request.PaymentProviderID == payment {
						n++
					}
				}
				return n
			},
			Fault:     func(c Call, f Fault) { g.Script(c, f) },
			Unlimited: true,
		}
	})
}
