package stripegateway

import (
	"strings"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

var _ payment.ChargeLimiter = (*Gateway)(nil)

// Chargeable implements payment.ChargeLimiter: the amounts that Stripe can carry,
// within its smallest and largest charge in the currency where they are known.
func (g *Gateway) Chargeable(amount int64, c money.Currency) (below, above int64, ok bool) {
	step, err := grid(c)
	if err != nil {
		return 0, 0, false
	}
	code := strings.ToLower(string(c))
	limit, _, err := fromUnit(largest(code), code)
	if err != nil {
		return 0, 0, false
	}
	limit -= limit % step
	least := max(smallest[code], step)
	least += (step - least%step) % step
	switch {
	case amount < least:
		return 0, least, true
	case amount > limit:
		return limit, 0, true
	}
	return nearest(amount, c)
}
