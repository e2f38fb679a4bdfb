package returns_test

import (
	"context"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnstest"
)

// judged says until when the lamps may be returned by the policy, for the reason.
func judged(p returns.Policy, reason returns.Reason) {
	v := returns.Evaluate(returns.Terms{ID: "terms-1", Policy: p}, lamps(), nil, returns.Request{
		CustomerID: "ada", Reason: reason, Items: []returns.RequestItem{{OrderLineID: "lamp", Quantity: 1}},
	}, march1.AddDate(0, 0, 40))
	fmt.Println(reason, v.Eligible, v.Reasons())
}

// What is damaged may be returned for 90 days, all else for 30.
func ExampleWindow() {
	p := examplePolicy()
	p.Windows = []returns.Window{{Reason: returns.ReasonDamaged, Days: 90}}
	judged(p, returns.ReasonOther)
	judged(p, returns.ReasonDamaged)
	// Output:
	// OTHER false [WINDOW_EXPIRED]
	// DAMAGED true []
}

// The window would end on a Sunday, and the Monday is a holiday.
func ExampleHoliday() {
	p := examplePolicy()
	p.WindowDays, p.WorkingDayEnd = 35, true
	p.Holidays = []returns.Holiday{{Day: returns.Day{Year: 2026, Month: time.April, Day: 6}, Name: "Easter Monday"}}
	for _, l := range returns.Returnable(returns.Terms{Policy: p}, lamps(), nil, march1) {
		fmt.Println(returns.LastDay(l.Deadline, time.UTC))
	}
	// Output:
	// 2026-04-07
}

// Terms are published and never changed: an order keeps those that were in force when it was
// placed.
func ExampleTerms() {
	svc := newExampleShop()
	first := must(svc.Terms(exampleCtx, ""))
	p := examplePolicy()
	p.WindowDays = 14
	must(svc.PublishTerms(exampleCtx, staff, p, "two weeks are enough"))
	fmt.Println(must(svc.Terms(exampleCtx, "")).Version, must(svc.Terms(exampleCtx, first.ID)).Policy.WindowDays)
	// Output:
	// 2 30
}

// A request names units of the lines of one order.
func ExampleRequest() {
	r := returns.Request{CustomerID: "bob", Reason: returns.ReasonOther,
		Items: []returns.RequestItem{{OrderLineID: "lamp", Quantity: 1}}}
	v := returns.Evaluate(returns.Terms{Policy: examplePolicy()}, lamps(), nil, r, march1)
	fmt.Println(v.Reasons()) // Ada has bought them
	// Output:
	// [NOT_YOUR_ORDER]
}

// A finding says what the rule saw, what it allows, and what would pass.
func ExampleFinding() {
	for _, f := range tooLate().Lines[0].Findings {
		fmt.Println(f.Code, f.Message())
	}
	// Output:
	// WINDOW_EXPIRED The return window of 30 days ended on Tuesday, 31 March.
	// QUANTITY_OVER_PURCHASED The quantity is 4, but only 3 were bought. You can return up to 3.
}

func ExampleVerdict() {
	v := tooLate()
	fmt.Println(v.Eligible, len(v.Lines), v.At.Format(time.DateOnly))
	// Output:
	// false 1 2026-05-01
}

func ExampleQuery() {
	svc := newExampleShop()
	svc.filed()
	page, n, err := svc.Returns(exampleCtx, returns.Query{Text: "LAMP", OpenTasks: false, PageSize: 20})
	fmt.Println(len(page), n, page[0].Lines[0].Name, err)
	// Output:
	// 1 1 Lamp <nil>
}

// bell hears of each change.
type bell struct{}

func (bell) Created(_ context.Context, r returns.Return) { fmt.Println(r.OrderID, "requested") }

func (bell) StatusChanged(_ context.Context, r returns.Return, from, to returns.Status) {
	fmt.Println(r.OrderID, from, "->", to)
}

func ExampleObserver() {
	shelf := returnstest.NewOrders(lamps())
	svc := must(returns.New(returns.Config{
		Store: returnstest.NewStore(), Orders: shelf, Refunder: newExampleShop().payer, Restocker: shelf,
		Observer: bell{}, Now: func() time.Time { return march1 },
	}))
	must(svc.PublishTerms(exampleCtx, staff, examplePolicy(), ""))
	r := must(svc.Create(exampleCtx, ada, requested()))
	must(svc.Authorize(exampleCtx, r.ID, staff, ""))
	// Output:
	// order-1 requested
	// order-1 pending_authorization -> authorized
}

// database has the orders of a shop; any type with this method is a returns.Orders.
type database map[string]purchase.Purchase

func (d database) Purchase(_ context.Context, orderID string) (purchase.Purchase, error) {
	p, ok := d[orderID]
	if !ok {
		return purchase.Purchase{}, fmt.Errorf("order %s: %w", orderID, returns.ErrNotFound)
	}
	return p, nil
}

func ExampleOrders() {
	var shop returns.Orders = database{"order-1": lamps()}
	p, err := shop.Purchase(exampleCtx, "order-1")
	fmt.Println(p.Captured(), p.Check(), err)
	// Output:
	// 12000 <nil> <nil>
}
