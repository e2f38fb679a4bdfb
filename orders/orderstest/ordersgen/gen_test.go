package ordersgen_test

import (
	"testing"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/prop"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/orderstest/ordersgen"
)

// TestGenerators: what they make is accepted by the package they are for.
func TestGenerators(t *testing.T) {
	p := gopter.NewProperties(nil)
	p.Property("items can be priced, orders are completed", prop.ForAll(
		func(items []orders.Item, r orders.Rules, o orders.Order) bool {
			if _, err := orders.Price(items, r); err != nil {
				return orders.CodeOf(err) == orders.CodeOverflow
			}
			return o.Status == orders.StatusCompleted && o.Total() == o.Payment.Amount && len(o.Lines) > 0
		}, ordersgen.GenItems(), ordersgen.GenRules(), ordersgen.GenOrder()))
	p.TestingRun(t)
}
