package refundsgen_test

import (
	"fmt"
	"log"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest/refundsgen"
)

// Whatever comes back first, all of it together is what was paid.
func ExamplePurchase() {
	p := refundsgen.Purchase{Currency: "USD", Lines: []refunds.QuoteRequestLine{
		{OrderLineID: "lamp", Bought: 3, Paid: money.Components{Price: 1_000, Shipping: 401}},
	}}
	given, sum := map[string]refunds.Refunded{}, int64(0)
	for _, step := range p.Rest() {
		r, ok := p.Request(step, given)
		if !ok {
			continue
		}
		q, err := refunds.NewQuote(r, given)
		if err != nil {
			log.Fatal(err)
		}
		for _, l := range q.Lines {
			before := given[l.OrderLineID]
			given[l.OrderLineID] = refunds.Refunded{
				Units: before.Units + l.Units, Components: before.Components.Add(l.Refunded),
			}
		}
		sum += q.Amount
	}
	fmt.Println(sum, p.Paid())
	// Output:
	// 1401 1401
}
