package returns_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnstest"
)

func ExampleEvaluate() {
	bought := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	order := purchase.Purchase{
		CustomerID: "ada", Status: purchase.Completed, PlacedAt: bought,
		Lines: []purchase.Line{{ID: "lamp", Name: "Lamp", Quantity: 3}},
	}
	terms := returns.Terms{ID: "terms-1", Policy: returns.Policy{Enabled: true, WindowDays: 30, MaxQuantity: 5}}
	ask := returns.Request{
		CustomerID: "ada", Reason: returns.ReasonOther, Items: []returns.RequestItem{
			{OrderLineID: "lamp", Quantity: 3},
		},
	}

	v := returns.Evaluate(terms, order, returns.Claims{"lamp": 1}, ask, bought.AddDate(0, 0, 10))
	fmt.Println(v.Eligible, v.Reasons())
	fmt.Println(v.Message())
	// Output:
	// false [ALREADY_RETURNED]
	// 1 of 3 units of this item are in a return already. You can return up to 2.
}

func ExampleReturnable() {
	bought := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	order := purchase.Purchase{
		CustomerID: "ada", Status: purchase.Completed, PlacedAt: bought,
		Lines: []purchase.Line{{ID: "lamp", Quantity: 3}, {ID: "socks", Name: "Socks", Quantity: 2, FinalSale: true}},
	}
	terms := returns.Terms{Policy: returns.Policy{Enabled: true, WindowDays: 30, MaxQuantity: 5, FinalSale: true}}
	for _, l := range returns.Returnable(terms, order, nil, bought.AddDate(0, 0, 10)) {
		fmt.Println(l.OrderLineID, l.Returnable, returns.LastDay(l.Deadline, time.UTC), l.Eligible)
	}
	// Output:
	// lamp 3 2026-03-31 true
	// socks 0 2026-03-31 false
}

func ExamplePolicy_Validate() {
	fmt.Println(returns.Policy{MaxQuantity: 5, WindowDays: -1}.Validate())
	// Output: returns: INVALID: window_days: It is -1 days; 0 to 36500 are allowed.
}

func ExampleService() {
	ctx := context.Background()
	staff := event.Actor{Kind: event.ActorStaff, ID: "kim"}
	shop := returnstest.NewOrders() // yours: a returns.Orders and a returns.Restocker
	payer, err := refunds.New(refunds.Config{Store: refundstest.NewStore(), Gateway: &refundstest.Gateway{}})
	if err != nil {
		log.Fatal(err)
	}
	svc, err := returns.New(returns.Config{
		Store: returnstest.NewStore(), Orders: shop, Refunder: payer, Restocker: shop,
		Evidence: returnstest.NewEvidenceStore(),
	})
	if err != nil {
		log.Fatal(err)
	}
	terms, err := svc.PublishTerms(ctx, staff, returns.Policy{
		Enabled: true, WindowDays: 30, MaxQuantity: 5, RestockAt: returns.RestockAtRefund, Currency: "USD",
	}, "the first")
	fmt.Println(terms.Version, terms.Policy.WindowDays, err)
	_, err = svc.Create(
		ctx, staff, returns.CreateParams{OrderID: "no such order", CustomerID: "ada", Reason: returns.ReasonOther},
	)
	fmt.Println(err)
	// Output:
	// 1 30 <nil>
	// returns: request for order no such order: returnstest: there is no order "no such order": not found
}
