package returns_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"log"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnstest"
)

var (
	exampleCtx = context.Background()
	staff      = event.Actor{Kind: event.ActorStaff, ID: "kim", Name: "Kim"}
	ada        = event.Actor{Kind: event.ActorCustomer, ID: "ada"}
	march1     = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
)

// lamps is an order of Ada's for three lamps at 40.00 USD.
func lamps() purchase.Purchase {
	return purchase.Purchase{
		OrderID: "order-1", CustomerID: "ada", Status: purchase.Completed, Currency: "USD", PlacedAt: march1,
		Lines: []purchase.Line{{
			ID: "lamp", ProductID: "sku-7", Name: "Lamp", Quantity: 3,
			Paid: purchase.Paid("USD", money.Components{Price: 12_000}),
		}},
		Payments: []purchase.Payment{{ID: "pay-1", Method: payment.Card, ProviderID: "pi_1", Captured: 12_000}},
	}
}

// examplePolicy is 30 days for up to five units of an item.
func examplePolicy() returns.Policy {
	return returns.Policy{
		Enabled: true, WindowDays: 30, MaxQuantity: 5, MaxPhotos: 3, PhotoTypes: []string{"jpeg", "png"},
		RestockAt: returns.RestockAtRefund, Currency: "USD",
	}
}

// exampleShop is a shop in memory that has sold the lamps. It is 5 March.
type exampleShop struct {
	*returns.Service
	store  *returnstest.Store
	shelf  *returnstest.Orders
	bank   *refundstest.Gateway
	payer  *refunds.Service
	events *outbox.Dispatcher
}

func newExampleShop() exampleShop {
	now := func() time.Time { return march1.AddDate(0, 0, 4) }
	refundLog, returnLog := outbox.NewMemory("refunds"), outbox.NewMemory("returns")
	s := exampleShop{
		store: returnstest.NewStore(returnLog.Append), shelf: returnstest.NewOrders(lamps()),
		bank: &refundstest.Gateway{},
	}
	s.payer = must(refunds.New(refunds.Config{
		Store: returnstest.RecordRefunds(refundstest.NewStore(), refundLog.Append), Gateway: s.bank, Now: now,
		Wait: time.Millisecond,
	}))
	s.Service = must(returns.New(returns.Config{
		Store: s.store, Orders: s.shelf, Refunder: s.payer, Restocker: s.shelf,
		Evidence: returnstest.NewEvidenceStore(), Now: now,
	}))
	s.events = must(outbox.New(outbox.Config{Now: now}, refundLog, returnLog))
	must(s.PublishTerms(exampleCtx, staff, examplePolicy(), "the first"))
	return s
}

// requested is a request for two lamps.
func requested() returns.CreateParams {
	return returns.CreateParams{
		OrderID: "order-1", CustomerID: "ada", Reason: returns.ReasonOther,
		Items: []returns.RequestItem{{OrderLineID: "lamp", Quantity: 2}},
	}
}

// filed is a case of two lamps, received one that has arrived, and approved one
// that was accepted.
func (s exampleShop) filed() string { return must(s.Create(exampleCtx, ada, requested())).ID }

func (s exampleShop) received() string {
	id := s.filed()
	must(s.Authorize(exampleCtx, id, staff, ""))
	return must(s.Receive(exampleCtx, id, staff, returns.ReceiveParams{})).ID
}

func (s exampleShop) approved() string {
	return must(s.Inspect(exampleCtx, s.received(), staff, returns.InspectionInput{
		Result: returns.InspectionApproved, InspectedBy: "Kim",
	})).ID
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// gray is a PNG as a customer sends it.
func gray() *bytes.Buffer {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 40, 30))); err != nil {
		log.Fatal(err)
	}
	return &b
}

func ExampleNew() {
	_, err := returns.New(returns.Config{Store: returnstest.NewStore()})
	fmt.Println(err)
	// Output:
	// returns: INVALID: Config.Orders: It is nil; *orders.Service is one.
}

func ExampleConfig_Validate() {
	shop := returnstest.NewOrders()
	c := returns.Config{
		Store: returnstest.NewStore(), Orders: shop, Restocker: shop, Refunder: &refunds.Service{},
		Zone: "Europe/Atlantis",
	}
	fmt.Println(returns.CodeOf(c.Validate()))
	c.Zone = "Europe/Berlin"
	fmt.Println(c.Validate())
	// Output:
	// INVALID
	// <nil>
}

func ExampleService_Create() {
	svc := newExampleShop()
	r, err := svc.Create(exampleCtx, ada, returns.CreateParams{
		OrderID: "order-1", CustomerID: "ada", Reason: returns.ReasonOther,
		Items: []returns.RequestItem{{OrderLineID: "lamp", Quantity: 2}},
	})
	fmt.Println(r.Status, r.Lines[0].Name, r.Lines[0].Quantity, err)

	// One lamp is left.
	_, err = svc.Create(exampleCtx, ada, requested())
	fmt.Println(returns.CodeOf(err))
	// Output:
	// pending_authorization Lamp 2 <nil>
	// ALREADY_RETURNED
}

func ExampleService_Create_photos() {
	svc := newExampleShop()
	q := requested()
	q.Photos = []returns.Upload{{Name: "scratch.png", Body: gray()}}
	r := must(svc.Create(exampleCtx, ada, q))
	fmt.Println(r.Evidence[0].ContentType, r.Evidence[0].Width, r.Evidence[0].Height)
	// Output:
	// image/jpeg 40 30
}

func ExampleService_Check() {
	svc := newExampleShop()
	q := requested()
	q.Items[0].Quantity = 4
	fmt.Println(svc.Check(exampleCtx, ada, q))
	// Output:
	// returns: QUANTITY_OVER_PURCHASED: lamp: The quantity is 4, but only 3 were bought. You can return up to 3.
}

func ExampleService_Estimate() {
	svc := newExampleShop()
	e := must(svc.Estimate(exampleCtx, ada, requested()))
	fmt.Println(e.Amount, e.Currency, e.Methods)
	// Output:
	// 8000 USD [card cash store_credit]
}

func ExampleService_Authorize() {
	svc := newExampleShop()
	r := must(svc.Authorize(exampleCtx, svc.filed(), staff, "send it to our warehouse"))
	fmt.Println(r.Status, r.RMA)
	// Output:
	// authorized RMA-20260305-00001
}

func ExampleService_RequestInfo() {
	svc := newExampleShop()
	r := must(svc.RequestInfo(exampleCtx, svc.filed(), staff, "Which side is scratched?"))
	fmt.Println(r.Status, r.Decision)
	// Output:
	// pending_customer_info Which side is scratched?
}

func ExampleService_ProvideInfo() {
	svc := newExampleShop()
	id := svc.filed()
	must(svc.RequestInfo(exampleCtx, id, staff, "Which side is scratched?"))
	r := must(svc.ProvideInfo(exampleCtx, id, ada, returns.InfoParams{
		Details: "The left one.", Photos: []returns.Upload{{Name: "left.png", Body: gray()}},
	}))
	fmt.Println(r.Status, r.Details, len(r.Evidence))
	// Output:
	// pending_authorization The left one. 1
}

func ExampleService_CheckInfo() {
	svc := newExampleShop()
	fmt.Println(svc.CheckInfo(exampleCtx, svc.filed(), ada)) // nothing was requested
	// Output:
	// returns: TRANSITION: status: Nothing was asked of you: the case is pending authorization.
}

func ExampleService_Ship() {
	svc := newExampleShop()
	id := svc.filed()
	must(svc.Authorize(exampleCtx, id, staff, ""))
	r := must(svc.Ship(exampleCtx, id, ada, returns.ReverseShipment{Carrier: "UPS", TrackingNumber: "1Z999"}))
	fmt.Println(r.Status, r.Shipment.Carrier)
	// Output:
	// in_transit UPS
}

func ExampleService_Receive() {
	svc := newExampleShop()
	id := svc.filed()
	must(svc.Authorize(exampleCtx, id, staff, ""))
	r := must(svc.Receive(exampleCtx, id, staff, returns.ReceiveParams{
		Lines: []returns.ReceiptLine{{OrderLineID: "lamp", Received: 1}},
	}))
	fmt.Println(r.Status, r.Receipts[0].Kind)
	// Output:
	// received partial
}

func ExampleService_Inspect() {
	svc := newExampleShop()
	one := 1
	r := must(svc.Inspect(exampleCtx, svc.received(), staff, returns.InspectionInput{
		Result: returns.InspectionPartiallyApproved, InspectedBy: "Kim",
		Lines: []returns.InspectionLine{{OrderLineID: "lamp", Accepted: &one, Condition: returns.ConditionOpened}},
	}))
	fmt.Println(r.Status, r.Lines[0].Accepted, r.Lines[0].Disposition)
	// Output:
	// approved 1 restock
}

func ExampleService_Reject() {
	svc := newExampleShop()
	r := must(svc.Reject(exampleCtx, svc.filed(), staff, "It is not one of ours."))
	fmt.Println(r.Status, r.Decision)
	// Output:
	// rejected It is not one of ours.
}

func ExampleService_Cancel() {
	svc := newExampleShop()
	r := must(svc.Cancel(exampleCtx, svc.filed(), ada))
	fmt.Println(r.Status)
	// Output:
	// cancelled
}

func ExampleService_Quote() {
	svc := newExampleShop()
	quote, balance, err := svc.Quote(exampleCtx, svc.approved(), returns.RefundParams{})
	fmt.Println(quote.Amount, balance.Available(), err)
	// Output:
	// 8000 12000 <nil>
}

func ExampleService_Refund() {
	svc := newExampleShop()
	r, refund, err := svc.Refund(exampleCtx, svc.approved(), staff, returns.RefundParams{})
	fmt.Println(refund.Amount(), refund.Status, err)
	fmt.Println(r.Status, r.Restocked, svc.shelf.Stock("sku-7"))
	// Output:
	// 8000 succeeded <nil>
	// refunded true 2
}

func ExampleService_RefundChanged() {
	svc := newExampleShop()
	_, refund, err := svc.Refund(exampleCtx, svc.approved(), staff, returns.RefundParams{})
	if err != nil {
		log.Fatal(err)
	}
	reversed := must(svc.payer.Reverse(exampleCtx, refund.ID, staff, refunds.ReverseParams{Reason: "account closed"}))
	if err := svc.RefundChanged(exampleCtx, reversed); err != nil { // Subscribe does so by itself
		log.Fatal(err)
	}
	r := must(svc.Return(exampleCtx, refund.ClientReference))
	fmt.Println(r.Status, r.Reversed(), r.OpenTasks()[0].Kind)
	// Output:
	// refunded true refund_reversed
}

func ExampleSubscribe() {
	svc := newExampleShop()
	if err := returns.Subscribe(svc.events, svc.Service); err != nil {
		log.Fatal(err)
	}
	svc.bank.Script(refundstest.CallCreate, refundstest.FaultPending) // the bank decides later
	r, refund, err := svc.Refund(exampleCtx, svc.approved(), staff, returns.RefundParams{})
	fmt.Println(refund.Status, r.Status, err)

	svc.bank.Settle(refund.Attempt().ProviderID, "succeeded")
	must(svc.payer.Check(exampleCtx, refund.ID, staff))
	err = svc.events.DeliverSync(exampleCtx, "refunds", refund.ID) // events.Run does so by itself
	r = must(svc.Return(exampleCtx, r.ID))
	fmt.Println(r.Status, svc.shelf.Stock("sku-7"), err)
	// Output:
	// pending approved <nil>
	// refunded 2 <nil>
}

func ExampleService_With() {
	svc := newExampleShop()
	order := lamps()
	q := requested()
	q.Purchase = &order // no neighbor is asked inside
	// On a database: svc.With(store.WithTx(tx)).
	inside := svc.With(svc.store)
	r := must(inside.Create(exampleCtx, ada, q))
	_, _, err := inside.Refund(exampleCtx, r.ID, staff, returns.RefundParams{})
	fmt.Println(r.Status)
	fmt.Println(err)
	// Output:
	// pending_authorization
	// returns: payment: the provider is not called in a transaction of the caller's; commit it first
}

func ExampleService_Override() {
	svc := newExampleShop()
	r := must(svc.Override(exampleCtx, svc.filed(), staff, returns.Override{
		Rules: []string{returns.RuleRefundEarly}, Reason: "a regular customer",
	}))
	fmt.Println(r.Overridden(returns.RuleRefundEarly), r.Overrides[0].By.Name)
	// Output:
	// true Kim
}

func ExampleService_OpenTask() {
	svc := newExampleShop()
	r := must(svc.OpenTask(exampleCtx, svc.filed(), staff, returns.Task{
		Kind: returns.TaskPaymentDisputed, Note: "The bank wants proof.",
	}))
	fmt.Println(r.OpenTasks()[0].ID, r.OpenTasks()[0].Kind)
	// Output:
	// 1 payment_disputed
}

func ExampleService_CloseTask() {
	svc := newExampleShop()
	id := svc.filed()
	must(svc.OpenTask(exampleCtx, id, staff, returns.Task{Kind: returns.TaskPaymentDisputed, Note: "Proof is needed."}))
	r := must(svc.CloseTask(exampleCtx, id, staff, returns.Task{ID: 1, Note: "Sent the delivery note."}))
	fmt.Println(len(r.OpenTasks()), r.Tasks[0].ClosedBy.Name)
	// Output:
	// 0 Kim
}

func ExampleService_Return() {
	svc := newExampleShop()
	_, err := svc.Return(exampleCtx, "no-such-case")
	fmt.Println(err)
	// Output:
	// returnstest: there is no return "no-such-case": not found
}

func ExampleService_Returns() {
	svc := newExampleShop()
	svc.filed()
	list, n, err := svc.Returns(exampleCtx, returns.Query{CustomerID: "ada", Text: "lamp"})
	fmt.Println(list[0].OrderID, n, err)
	// Output:
	// order-1 1 <nil>
}

func ExampleService_Counts() {
	svc := newExampleShop()
	svc.filed()
	fmt.Println(must(svc.Counts(exampleCtx)))
	// Output:
	// map[pending_authorization:1]
}

func ExampleService_Events() {
	svc := newExampleShop()
	for _, e := range must(svc.Events(exampleCtx, svc.received())) {
		fmt.Println(e.Seq, e.Type, e.Actor.ID)
	}
	// Output:
	// 1 return.requested ada
	// 2 return.authorized kim
	// 3 return.rma_assigned kim
	// 4 return.received kim
}

func ExampleService_Returnable() {
	svc := newExampleShop()
	svc.filed()
	for _, l := range must(svc.Returnable(exampleCtx, lamps()))["order-1"] {
		fmt.Println(l.OrderLineID, l.Returnable, "until", returns.LastDay(l.Deadline, time.UTC))
	}
	// Output:
	// lamp 1 until 2026-03-31
}

func ExampleService_OpenEvidence() {
	svc := newExampleShop()
	q := requested()
	q.Photos = []returns.Upload{{Name: "scratch.png", Body: gray()}}
	r := must(svc.Create(exampleCtx, ada, q))
	body, photo, err := svc.OpenEvidence(exampleCtx, r.ID, r.Evidence[0].ID)
	if err != nil {
		log.Fatal(err)
	}
	defer body.Close()
	_, format, err := image.DecodeConfig(body)
	fmt.Println(format, photo.Width, err)
	// Output:
	// jpeg 40 <nil>
}
