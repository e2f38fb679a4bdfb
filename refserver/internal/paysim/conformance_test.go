package paysim

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment/stripegateway"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// stripeBody is the error that Stripe sends with a status.
func stripeBody(status int) []byte {
	kind, code := "api_error", ""
	switch status {
	case http.StatusConflict:
		kind, code = "idempotency_error", "idempotency_key_in_use"
	case http.StatusTooManyRequests:
		kind, code = "invalid_request_error", "rate_limit"
	}
	return fmt.Appendf(nil, `{"error":{"type":%q,"code":%q,"message":"by the test's transport"}}`, kind, code)
}

func TestStripeGatewayOnThisProvider(t *testing.T) {
	b := start(t, Config{})
	transport := &refundstest.Transport{Next: &http.Transport{}, Body: stripeBody}
	gateway, err := stripegateway.New(stripegateway.Config{Key: "sk_test_123", URL: b.url, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	payments := 0
	refundstest.TestGateway(t, func(t *testing.T) refundstest.Sandbox {
		return refundstest.Sandbox{
			Gateway: gateway,
			NewPayment: func(t testing.TB, amount int64, _ money.Currency) string {
				payments++
				return b.paid(fmt.Sprint("conformance-", payments), amount, "pm_card_visa").ID
			},
			Count: func(payment string) (n int) {
				for _, r := range b.sim.Ledger().Refunds {
					if r.PaymentIntent == payment {
						n++
					}
				}
				return n
			},
			Fault: func(_ refundstest.Call, f refundstest.Fault) { transport.Script(f) },
		}
	})
}

// TestTheGatewayChargesInEveryCurrencyOfThisProvider that ISO 4217 has not withdrawn.
func TestTheGatewayChargesInEveryCurrencyOfThisProvider(t *testing.T) {
	gateway, err := stripegateway.New(stripegateway.Config{Key: "sk_test_123"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range currencyRules {
		c, err := money.ParseCurrency(strings.ToUpper(r.code))
		if err != nil {
			continue
		}
		whole := int64(1)
		for range c.Digits() {
			whole *= 10
		}
		amount := (2*Smallest(r.code)/100 + 1) * whole
		if below, above, ok := gateway.Chargeable(amount, c); !ok || below != amount || above != amount {
			t.Errorf("%s: charged are %d and %d, %t", money.New(amount, c), below, above, ok)
		}
	}
}
