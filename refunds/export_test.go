package refunds

import (
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// What the tests of this package see, and no other package.

func GridOf(c Config, m payment.Method, captured int64, currency money.Currency, carried int64) Grid {
	return c.gridOf(m, captured, currency, carried)
}
