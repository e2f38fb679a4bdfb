// Command refund-quote works out what three units of one order line give back,
// one at a time, with duty and shipping, and what a fee takes off.
package main

import (
	"fmt"
	"log"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refunds"
)

func main() {
	paid := money.Components{Price: 1_000, Duty: 50, Shipping: 401} // 14.51 for three units
	given := map[string]refunds.Refunded{}
	var total int64
	for unit := 1; unit <= 3; unit++ {
		q := quote(paid, given)
		line := q.Lines[0].Refunded
		fmt.Printf(
			"unit %d: price %d, duty %d, shipping %d = %d\n", unit, line.Price, line.Duty, line.Shipping, q.Amount,
		)
		before := given["line-1"]
		given["line-1"] = refunds.Refunded{Units: before.Units + 1, Components: before.Components.Add(line)}
		total += q.Amount
	}
	fmt.Printf("together %d of %d paid\n", total, paid.Total())

	q := quote(paid, nil, refunds.FeeRule{Kind: refunds.RestockingFee, OrderLineID: "line-1", PercentBP: 1_500})
	fmt.Printf("with a restocking fee of 15 %%: %d less %d = %d\n", q.Gross, q.FeesSum, q.Amount)
}

func quote(paid money.Components, given map[string]refunds.Refunded, fees ...refunds.FeeRule) refunds.Quote {
	q, err := refunds.NewQuote(refunds.QuoteRequest{
		Currency: "USD", Fees: fees,
		Lines: []refunds.QuoteRequestLine{{OrderLineID: "line-1", Bought: 3, Paid: paid, Units: 1}},
	}, given)
	if err != nil {
		log.Fatal(err)
	}
	return q
}
