package returns_test

import (
	"fmt"
	"log"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/returns"
)

// onMarch5 is when the examples change a case, by staff.
var onMarch5 = event.Stamp{At: march1.AddDate(0, 0, 4), By: staff}

// params is a case of two lamps that is authorized at once, under a number of
// another system.
func params() returns.Params {
	return returns.Params{
		ID: "return-1", OrderID: "order-1", CustomerID: "ada", TermsID: "terms-1", Reason: returns.ReasonOther,
		Lines: []returns.Line{{ID: "l1", OrderLineID: "lamp", ProductID: "sku-7", Name: "Lamp", Quantity: 2}},
		RMA:   "OLD-17",
	}
}

// at is the case after some steps.
func at(steps ...func(r *returns.Return) error) *returns.Return {
	r := must(returns.NewReturn(onMarch5, params()))
	for _, step := range steps {
		if err := step(r); err != nil {
			log.Fatal(err)
		}
	}
	return r
}

func receive(r *returns.Return) error { return r.Receive(onMarch5, nil, "") }

func approve(r *returns.Return) error {
	return r.Inspect(onMarch5, returns.InspectionInput{Result: returns.InspectionApproved, InspectedBy: "Kim"})
}

func pay(r *returns.Return) error { return r.RefundSucceeded(onMarch5, "refund-1") }

func ExampleNewReturn() {
	r, err := returns.NewReturn(onMarch5, returns.Params{
		ID: "return-1", OrderID: "order-1", CustomerID: "ada", TermsID: "terms-1", Reason: returns.ReasonOther,
		Lines: []returns.Line{{ID: "l1", OrderLineID: "lamp", ProductID: "sku-7", Name: "Lamp", Quantity: 2}},
	})
	fmt.Println(r.Status, r.Filed.Name, err)
	// Output:
	// pending_authorization Kim <nil>
}

func ExampleFold() {
	svc := newExampleShop()
	id := svc.received()
	folded, err := returns.Fold(must(svc.Events(exampleCtx, id)))
	fmt.Println(folded.Status, folded.RMA, err)
	// Output:
	// received RMA-20260305-00001 <nil>
}

func ExampleReturn() {
	r := at(receive, approve, pay)
	fmt.Println(r.Status, r.Lines[0].Accepted, r.RefundID, r.Version)
	// Output:
	// refunded 2 refund-1 8
}

func ExampleReturn_Authorize() {
	r := at()
	fmt.Println(r.Status, returns.CodeOf(r.Authorize(onMarch5, "")))
	// Output:
	// authorized TRANSITION
}

func ExampleReturn_Ship() {
	r := at()
	err := r.Ship(onMarch5, returns.ReverseShipment{Carrier: "UPS", TrackingNumber: "1Z999"})
	fmt.Println(r.Status, r.Shipment.TrackingNumber, err)
	// Output:
	// in_transit 1Z999 <nil>
}

func ExampleReturn_Receive() {
	r := at()
	err := r.Receive(onMarch5, []returns.ReceiptLine{{OrderLineID: "lamp", Received: 1}}, "one is missing")
	fmt.Println(r.Status, r.Receipts[0].Kind, err)
	// Output:
	// received partial <nil>
}

func ExampleReturn_Inspect() {
	r := at(receive)
	err := r.Inspect(onMarch5, returns.InspectionInput{Result: returns.InspectionRejected, InspectedBy: "Kim"})
	fmt.Println(r.Status, r.Lines[0].Disposition, err)
	// Output:
	// rejected return_to_customer <nil>
}

func ExampleReturn_Reject() {
	r := at()
	fmt.Println(r.Reject(onMarch5, "It is not one of ours."), r.Status)
	// Output:
	// <nil> rejected
}

func ExampleReturn_Cancel() {
	r := at()
	fmt.Println(r.Cancel(onMarch5), r.Status)
	// Output:
	// <nil> cancelled
}

func ExampleReturn_Override() {
	r := at()
	err := r.Override(onMarch5, returns.Override{Rules: []string{returns.RuleRefundEarly}, Reason: "goodwill"})
	fmt.Println(r.Overridden(returns.RuleRefundEarly), err)
	// Output:
	// true <nil>
}

func ExampleReturn_Overridden() {
	fmt.Println(at().Overridden(returns.RuleRestockingFee))
	// Output:
	// false
}

func ExampleReturn_OpenTask() {
	r := at()
	fmt.Println(r.OpenTask(onMarch5, returns.TaskPaymentDisputed, "The bank wants proof."), len(r.OpenTasks()))
	// Output:
	// <nil> 1
}

func ExampleReturn_CloseTask() {
	r := at()
	fmt.Println(r.CloseTask(onMarch5, 1, "done")) // there is none
	// Output:
	// returns: INVALID: task: The case has no open task 1.
}

func ExampleReturn_OpenTasks() {
	r := at(receive, approve, pay, func(r *returns.Return) error { return r.RefundReversed(onMarch5, "refund-1") })
	for _, t := range r.OpenTasks() {
		fmt.Println(t.ID, t.Kind, t.Ref)
	}
	// Output:
	// 1 refund_reversed refund-1
}

func ExampleReturn_StartEarlyRefund() {
	r := at()
	fmt.Println(r.StartEarlyRefund(onMarch5), r.EarlyRefund)
	fmt.Println(returns.CodeOf(r.Cancel(onMarch5)))
	// Output:
	// <nil> true
	// TRANSITION
}

func ExampleReturn_RefundSucceeded() {
	r := at(receive, approve)
	fmt.Println(r.RefundSucceeded(onMarch5, "refund-1"), r.Status)
	// Output:
	// <nil> refunded
}

func ExampleReturn_RefundReversed() {
	r := at(receive, approve, pay)
	fmt.Println(r.RefundReversed(onMarch5, "refund-1"), r.Status, r.OpenTasks()[0].Kind)
	// Output:
	// <nil> refunded refund_reversed
}

func ExampleReturn_Reversed() {
	r := at(receive, approve, pay)
	if err := r.RefundReversed(onMarch5, "refund-1"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Status, r.Reversed()) // say: Reversed by the provider
	if err := r.RefundSucceeded(onMarch5, "refund-2"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Status, r.Reversed(), len(r.Refunds))
	// Output:
	// refunded true
	// refunded false 2
}

func ExampleReturn_MarkRestocked() {
	r := at(receive, approve, pay)
	fmt.Println(r.MarkRestocked(onMarch5), r.Restocked)
	// Output:
	// <nil> true
}

func ExampleReturn_Clone() {
	r := at()
	c := r.Clone()
	c.Lines[0].Quantity = 9
	fmt.Println(r.Lines[0].Quantity)
	// Output:
	// 2
}

func ExampleChanging() {
	receiveAll := returns.Changing(receive)
	c, err := receiveAll(returns.Units{"lamp": {Bought: 3, Claimed: 2}}, at().Clone())
	fmt.Println(c.Before.Status, c.After.Status, len(c.Events), c.Effects.Claims, err)
	// Output:
	// authorized received 1 map[] <nil>
}

func ExampleCreating() {
	create := returns.Creating(lamps(), func(returns.Claims) (*returns.Return, error) {
		p := params()
		p.RMA, p.Authorize = "", true
		return returns.NewReturn(onMarch5, p)
	})
	c, err := create(returns.Units{"lamp": {Bought: 3}})
	fmt.Println(c.Effects.Claims, c.Effects.RMADay, err)
	_, err = create(returns.Units{"lamp": {Bought: 3, Claimed: 2}})
	fmt.Println(err)
	// Output:
	// map[lamp:2] 20260305 <nil>
	// returns: ALREADY_RETURNED: quantity: 2 more units can't be returned; 1 of 3 are left.
}

func ExampleChange_WithRMA() {
	create := returns.Creating(lamps(), func(returns.Claims) (*returns.Return, error) {
		p := params()
		p.RMA, p.Authorize = "", true
		return returns.NewReturn(onMarch5, p)
	})
	c := must(must(create(returns.Units{"lamp": {Bought: 3}})).WithRMA(42))
	fmt.Println(c.After.RMA)
	// Output:
	// RMA-20260305-00042
}

func ExampleChange_Empty() {
	look := returns.Changing(func(*returns.Return) error { return nil })
	c := must(look(returns.Units{"lamp": {Bought: 3, Claimed: 2}}, at().Clone()))
	fmt.Println(c.Empty())
	// Output:
	// true
}

func ExampleUnits_Claims() {
	u := returns.Units{"lamp": {Bought: 3, Claimed: 2}, "desk": {Bought: 1}}
	fmt.Println(u.Claims())
	// Output:
	// map[lamp:2]
}
