// Command policy-check asks a return policy what it says of a request: no
// store, no clock, no network.
package main

import (
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
)

func main() {
	bought := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	order := purchase.Purchase{
		OrderID: "order-1", CustomerID: "ada", Status: purchase.Completed, Currency: "USD", PlacedAt: bought,
		Payments: []purchase.Payment{{ID: "payment-1", Method: payment.Cash, Captured: 12_900}},
		Lines: []purchase.Line{
			{
				ID:        "lamp",
				ProductID: "7",
				Name:      "Lamp",
				Category:  "home",
				Quantity:  3,
				Paid:      purchase.Paid("USD", money.Components{Price: 9_000}),
			},
			{ID: "socks", ProductID: "8", Name: "Socks", Category: "clothing", Quantity: 1, FinalSale: true,
				Paid: purchase.Paid("USD", money.Components{Price: 3_900})},
		},
	}
	terms := returns.Terms{ID: "terms-1", Version: 1, Policy: returns.Policy{
		Enabled: true, WindowDays: 30, FinalSale: true, MaxQuantity: 5, MaxPhotos: 5,
		PhotoTypes: []string{"jpeg", "png"},
		Windows:    []returns.Window{{Reason: returns.ReasonDamaged, Days: 60}},
		RestockAt:  returns.RestockAtRefund, Currency: "USD",
	}}
	claims := returns.Claims{"lamp": 1} // one lamp is in an earlier return

	ask := returns.Request{CustomerID: "ada", Reason: returns.ReasonOther, Items: []returns.RequestItem{
		{OrderLineID: "lamp", Quantity: 3}, {OrderLineID: "socks", Quantity: 1},
	}}
	show("too much, too late, and final sale", returns.Evaluate(terms, order, claims, ask, bought.AddDate(0, 0, 40)))

	ask.Reason, ask.Items = returns.ReasonDamaged, []returns.RequestItem{{OrderLineID: "lamp", Quantity: 2}}
	show("two damaged lamps", returns.Evaluate(terms, order, claims, ask, bought.AddDate(0, 0, 40)))
}

func show(title string, v returns.Verdict) {
	fmt.Printf("%s: eligible %v\n", title, v.Eligible)
	for _, line := range v.Lines {
		fmt.Printf(
			"  %s: %d returnable, until %s\n",
			line.OrderLineID,
			line.Returnable,
			returns.LastDay(line.Deadline, time.UTC),
		)
		for _, f := range line.Findings {
			fmt.Printf("    %s: %s\n", f.Code, f.Message())
		}
	}
}
