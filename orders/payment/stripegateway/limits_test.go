package stripegateway

import (
	"testing"

	"github.com/returnkit/returnkit/orders/money"
)

func TestTheNearestAmountsThatCanBeCharged(t *testing.T) {
	for _, c := range []struct {
		name         string
		currency     money.Currency
		amount       int64
		below, above int64
		no           bool
	}{
		{name: "an amount within the limits", currency: "USD", amount: 1999, below: 1999, above: 1999},
		{name: "the smallest", currency: "USD", amount: 50, below: 50, above: 50},
		{name: "below the smallest", currency: "USD", amount: 49, above: 50},
		{name: "the largest", currency: "USD", amount: 99_999_999, below: 99_999_999, above: 99_999_999},
		{name: "above the largest", currency: "USD", amount: 100_000_000, below: 99_999_999},
		{name: "between two that can be carried", currency: "KWD", amount: 1234, below: 1230, above: 1240},
		{name: "below what can be carried", currency: "KWD", amount: 3, above: 10},
		{name: "above the largest, in another unit", currency: "UGX", amount: 1_000_000, below: 999_999},
		{name: "a currency that is not taken", currency: "XAU", amount: 100, no: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			below, above, ok := (&Gateway{}).Chargeable(c.amount, c.currency)
			if below != c.below || above != c.above || ok == c.no {
				t.Errorf("%d %s: %d and %d, %v; want %d and %d", c.amount, c.currency, below, above, ok, c.below,
					c.above)
			}
			for _, amount := range []int64{below, above} {
				if amount != 0 {
					if _, err := toUnit(amount, c.currency); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}
