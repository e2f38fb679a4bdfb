package returns_test

import (
	"context"
	"errors"
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

func ExamplePolicy() {
	p := returns.Policy{
		Enabled: true, WindowDays: 30, MaxQuantity: 5, RestockAt: returns.RestockAtRefund, Currency: "EUR",
		Windows:            []returns.Window{{Reason: returns.ReasonDamaged, Days: 90}},
		RestockingFees:     []returns.FeeRule{{Condition: returns.ConditionUsed, PercentBP: 1500}}, // 15 %
		ReturnShippingFees: []returns.FeeRule{{Reason: returns.ReasonOther, Fixed: 499}},           // 4.99 EUR
	}
	fmt.Println(p.Validate())
	// Output:
	// <nil>
}

func ExamplePolicy_Clone() {
	p := examplePolicy()
	c := p.Clone()
	c.PhotoTypes[0] = "gif"
	fmt.Println(p.PhotoTypes)
	// Output:
	// [jpeg png]
}

// tooLate is the verdict on a request for nine lamps in May.
func tooLate() returns.Verdict {
	return returns.Evaluate(returns.Terms{ID: "terms-1", Policy: examplePolicy()}, lamps(), nil, returns.Request{
		CustomerID: "ada", Reason: returns.ReasonOther,
		Items: []returns.RequestItem{{OrderLineID: "lamp", Quantity: 4}},
	}, march1.AddDate(0, 2, 0))
}

func ExampleVerdict_Reasons() {
	fmt.Println(tooLate().Reasons())
	// Output:
	// [WINDOW_EXPIRED QUANTITY_OVER_PURCHASED]
}

func ExampleVerdict_Message() {
	v := tooLate()
	v.Lines[0].Findings = v.Lines[0].Findings[:1]
	fmt.Println(v.Message())
	// Output:
	// The return window of 30 days ended on Tuesday, 31 March.
}

func ExampleFinding_Message() {
	for _, f := range tooLate().Lines[0].Findings {
		fmt.Println(f.Message())
	}
	// Output:
	// The return window of 30 days ended on Tuesday, 31 March.
	// The quantity is 4, but only 3 were bought. You can return up to 3.
}

func ExampleError() {
	svc := newExampleShop()
	q := requested()
	q.Items[0].Quantity = 4
	_, err := svc.Create(exampleCtx, ada, q)
	var refused *returns.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.Code, refused.Field, refused.Verdict.Lines[0].Returnable)
	}
	// Output:
	// QUANTITY_OVER_PURCHASED lamp 3
}

func ExampleError_Error() {
	err := &returns.Error{Code: returns.CodeInvalid, Field: "reason", Message: "Choose a reason."}
	fmt.Println(err.Error())
	// Output:
	// returns: INVALID: reason: Choose a reason.
}

func ExampleError_Unwrap() {
	err := &returns.Error{Code: returns.CodePurchase, Message: "The order is gone.", Err: returns.ErrNotFound}
	fmt.Println(errors.Is(err, returns.ErrNotFound))
	// Output:
	// true
}

func ExampleCodeOf() {
	fmt.Println(returns.CodeOf(returns.Policy{}.Validate()))
	// Output:
	// INVALID
}

func ExampleProposeDisposition() {
	fmt.Println(returns.ProposeDisposition(returns.ReasonOther, returns.ConditionNew))
	fmt.Println(returns.ProposeDisposition(returns.ReasonOther, returns.ConditionUsed))
	fmt.Println(returns.ProposeDisposition(returns.ReasonDamaged, returns.ConditionNew))
	// Output:
	// restock
	// refurbish
	// quarantine
}

func ExampleStatus_Next() {
	fmt.Println(returns.StatusUnderInspection.Next())
	// Output:
	// [approved rejected]
}

func ExampleStatus_Final() {
	fmt.Println(returns.StatusApproved.Final(), returns.StatusRefunded.Final())
	// Output:
	// false true
}

func ExampleStatuses() {
	fmt.Println(len(returns.Statuses()), returns.Statuses()[0])
	// Output:
	// 10 pending_customer_info
}

func ExampleRules() {
	fmt.Println(returns.Rules()[0])
	// Output:
	// RETURNS_DISABLED
}

func ExampleImageTypes() {
	fmt.Println(returns.ImageTypes())
	// Output:
	// [jpeg png gif webp]
}

func ExampleAllReasons() {
	fmt.Println(returns.AllReasons())
	// Output:
	// [DAMAGED WRONG_ITEM NOT_AS_DESCRIBED OTHER]
}

func ExampleAllConditions() {
	fmt.Println(returns.AllConditions())
	// Output:
	// [NEW OPENED USED DAMAGED DEFECTIVE]
}

func ExampleAllDispositions() {
	fmt.Println(returns.AllDispositions())
	// Output:
	// [restock quarantine refurbish scrap return_to_customer missing]
}

func ExampleDay() {
	d := returns.Day{Year: 2026, Month: time.February, Day: 28}
	fmt.Println(d, d.Next())
	// Output:
	// 2026-02-28 2026-03-01
}

func ExampleDayOf() {
	newYork := time.FixedZone("New York", -5*3600)
	fmt.Println(returns.DayOf(time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC), newYork))
	// Output:
	// 2026-03-01
}

func ExampleParseDay() {
	d, err := returns.ParseDay("2026-12-25")
	fmt.Println(d, err)
	_, err = returns.ParseDay("25.12.2026")
	fmt.Println(err)
	// Output:
	// 2026-12-25 <nil>
	// returns: INVALID: day: "25.12.2026" is not a day such as 2026-01-31.
}

func ExampleLastDay() {
	deadline := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC) // the first instant that is too late
	fmt.Println(returns.LastDay(deadline, time.UTC))
	// Output:
	// 2026-03-31
}

func ExampleDay_Start() {
	fmt.Println(returns.Day{Year: 2026, Month: time.March, Day: 2}.Start(time.FixedZone("New York", -5*3600)))
	// Output:
	// 2026-03-02 05:00:00 +0000 UTC
}

func ExampleDay_Next() {
	fmt.Println(returns.Day{Year: 2028, Month: time.February, Day: 28}.Next())
	// Output:
	// 2028-02-29
}

func ExampleDay_Words() {
	d := returns.Day{Year: 2026, Month: time.November, Day: 9}
	fmt.Println(d.Words(d))
	fmt.Println(d.Words(returns.Day{Year: 2025, Month: time.December, Day: 31}))
	// Output:
	// Monday, 9 November
	// Monday, 9 November 2026
}

func ExampleDay_MarshalText() {
	text, err := returns.Day{Year: 2026, Month: time.March, Day: 2}.MarshalText()
	fmt.Printf("%s %v\n", text, err)
	// Output:
	// 2026-03-02 <nil>
}

func ExampleQuery_Normalize() {
	q := returns.Query{PageSize: 5000}.Normalize()
	fmt.Println(q.Page, q.PageSize)
	// Output:
	// 1 1000
}
