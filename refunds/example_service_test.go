package refunds_test

import (
	"context"
	"fmt"
	"log"
	"strconv"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/resilience"
)

var (
	exampleCtx = context.Background()
	staff      = event.Actor{Kind: event.ActorStaff, ID: "kim", Name: "Kim"}
	provider   = event.Actor{Kind: event.ActorProvider, Name: "bank"}
	march1     = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	onMarch5   = event.Stamp{At: march1.AddDate(0, 0, 4), By: staff}
)

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// lamps says that some of three lamps, 90.00 USD together, come back.
func lamps(units int) refunds.QuoteRequest {
	return refunds.QuoteRequest{Currency: "USD", Lines: []refunds.QuoteRequestLine{
		{OrderLineID: "lamp", Bought: 3, Units: units, Paid: money.Components{Price: 9_000}},
	}}
}

// lampRefund requests the refund of some of the lamps, that Ada paid by card.
func lampRefund(reference string, units int) refunds.Request {
	return refunds.Request{
		ClientReference: reference, OrderID: "order-1", Customer: "ada", Currency: "USD", By: staff,
		Payments: []refunds.Payment{{ID: "payment-1", Method: payment.Card, ProviderID: "pi_1", Captured: 9_000}},
		Quote:    lamps(units),
	}
}

// byStoreCredit requests the same as store credit.
func byStoreCredit(reference string, units int) refunds.Request {
	r := lampRefund(reference, units)
	r.Method = payment.StoreCredit
	return r
}

// hold names the payment of the lamps and what holds it.
func hold(ref string) refunds.HoldRequest {
	return refunds.HoldRequest{OrderID: "order-1", PaymentID: "payment-1", Captured: 9_000, Currency: "USD",
		Ref: ref, Reason: "disputed", By: provider}
}

// examplePayments finds the one payment that the examples have.
type examplePayments struct{}

func (examplePayments) PaymentByProviderID(_ context.Context, id string) (refunds.PaymentRef, error) {
	if id != "pi_1" {
		return refunds.PaymentRef{}, fmt.Errorf("payment %s: %w", id, refunds.ErrNotFound)
	}
	return refunds.PaymentRef{
		OrderID: "order-1", PaymentID: "payment-1", ProviderID: "pi_1", Captured: 9_000, Currency: "USD",
	}, nil
}

// examplePayer is a service on a store and a bank in memory. Its clock stands until
// the example moves it, and begins on 1 March.
type examplePayer struct {
	*refunds.Service
	store *refundstest.Store
	bank  *refundstest.Gateway
	now   time.Time
}

func newExamplePayer() *examplePayer {
	p := &examplePayer{store: refundstest.NewStore(), bank: &refundstest.Gateway{}, now: march1}
	p.bank.SetClock(func() time.Time { return p.now })
	p.bank.Capture("pi_1", 9_000)
	ids := 0
	p.Service = must(refunds.New(refunds.Config{
		Store: p.store, Gateway: p.bank, RefundLister: p.bank.Lists(), Payments: examplePayments{},
		Wait: time.Millisecond, // an answer that does not come is left to the worker
		Now:  func() time.Time { return p.now },
		NewID: func() string {
			ids++
			return "id-" + strconv.Itoa(ids)
		},
	}))
	return p
}

func ExampleNew() {
	_, err := refunds.New(refunds.Config{Store: refundstest.NewStore()})
	fmt.Println(err)
	// Output:
	// refunds: INVALID: Config.Gateway: it is nil; card refunds need one
}

func ExampleConfig() {
	c := refunds.Config{
		Store:           refundstest.NewStore(),                  // or refundsdb.New(db)
		Gateway:         &refundstest.Gateway{},                  // or stripegateway.New(...)
		ProviderMethods: []payment.Method{payment.Card, "ideal"}, // the names that your orders have
		CallTimeout:     20 * time.Second,
	}
	fmt.Println(c.Validate())
	// Output:
	// <nil>
}

func ExampleConfig_Validate() {
	c := refunds.Config{Store: refundstest.NewStore(), Gateway: &refundstest.Gateway{}, CallTimeout: 2 * time.Minute}
	fmt.Println(c.Validate())
	// Output:
	// refunds: INVALID: Config.CallTimeout: 2m0s is out of range; more than 0, at most 1m20s
}

func ExampleService() {
	payer := newExamplePayer()
	r := must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	fmt.Println(r.Status, money.New(r.Amount(), "USD"), "the bank paid", payer.bank.PaidOut("pi_1"))
	// Output:
	// succeeded 30.00 USD the bank paid 3000
}

// An answer that does not come is unknown, and never failed: the worker looks the
// refund up, and finds what the bank did.
func ExampleService_ResumeDue() {
	payer := newExamplePayer()
	payer.bank.Script(refundstest.CallCreate, refundstest.FaultLostAfter)
	r := must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	fmt.Println(r.Status)

	payer.now = payer.now.Add(time.Minute)
	fmt.Println(must(payer.ResumeDue(exampleCtx, 10)), "tried")
	r = must(payer.ByClientReference(exampleCtx, "return-1"))
	fmt.Println(r.Status, "the bank paid", payer.bank.PaidOut("pi_1"))
	// Output:
	// unknown
	// 1 tried
	// succeeded the bank paid 3000
}

// Run is the worker of a process: it returns when its context ends.
func ExampleService_Run() {
	ctx, stop := context.WithCancel(exampleCtx)
	payer := must(refunds.New(refunds.Config{
		Store: refundstest.NewStore(), Gateway: &refundstest.Gateway{},
		Worked: func(_ context.Context, w resilience.WorkerRun) {
			if w.Done > 0 { // for the example alone: a process runs until its context ends
				fmt.Println(w.Job, w.Done, w.Err)
				stop()
			}
		},
	}))
	must(payer.Request(ctx, lampRefund("return-1", 1))) // opened, and left to the worker
	payer.Run(ctx)
	fmt.Println(must(payer.ByClientReference(exampleCtx, "return-1")).Status)
	// Output:
	// resume refunds 1 <nil>
	// succeeded
}

func ExampleService_Request() {
	payer := newExamplePayer()
	r := must(payer.Request(exampleCtx, lampRefund("return-1", 1)))
	fmt.Println(r.Status, "calls of the bank:", payer.bank.Calls(refundstest.CallCreate))
	must(payer.ResumeDue(exampleCtx, 10))
	r.Refund = must(payer.ByID(exampleCtx, r.ID))
	fmt.Println(r.Status, "calls of the bank:", payer.bank.Calls(refundstest.CallCreate))
	// Output:
	// created calls of the bank: 0
	// succeeded calls of the bank: 1
}

func ExampleService_Preview() {
	payer := newExamplePayer()
	must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	q, balance, err := payer.Preview(exampleCtx, lampRefund("return-2", 2))
	fmt.Println(q.Amount, "of", balance.Available(), err)
	// Output:
	// 6000 of 6000 <nil>
}

func ExampleService_ByClientReference() {
	payer := newExamplePayer()
	must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	fmt.Println(must(payer.ByClientReference(exampleCtx, "return-1")).Status)
	_, err := payer.ByClientReference(exampleCtx, "return-2")
	fmt.Println(err)
	// Output:
	// succeeded
	// refunds: there is no refund of "return-2": not found
}

func ExampleService_ByClientReferences() {
	payer := newExamplePayer()
	must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	all := must(payer.ByClientReferences(exampleCtx, []string{"return-1", "return-2"}))
	fmt.Println(len(all), all["return-1"].Status)
	// Output:
	// 1 succeeded
}

func ExampleService_ByID() {
	payer := newExamplePayer()
	paid := must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	fmt.Println(must(payer.ByID(exampleCtx, paid.ID)).ClientReference)
	// Output:
	// return-1
}

// ByProviderID finds a refund by the id on the provider's page, or on a receipt.
func ExampleService_ByProviderID() {
	payer := newExamplePayer()
	must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	fmt.Println(must(payer.ByProviderID(exampleCtx, "re_1")).ClientReference)
	// Output:
	// return-1
}

func ExampleService_List() {
	payer := newExamplePayer()
	must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	must(payer.Refund(exampleCtx, byStoreCredit("return-2", 1)))
	page, n, err := payer.List(exampleCtx, refunds.Query{
		Status: []refunds.Status{refunds.StatusSucceeded}, PageSize: 1,
	})
	fmt.Println(page[0].Method, n, err)
	// Output:
	// store_credit 2 <nil>
}

func ExampleService_Events() {
	payer := newExamplePayer()
	r := must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	for _, e := range must(payer.Events(exampleCtx, r.ID)) {
		fmt.Println(e.Seq, e.Type, e.Actor.Name)
	}
	// Output:
	// 1 refund.created Kim
	// 2 refund.submitted Kim
	// 3 refund.succeeded refunds
}

// Check is what to do on a message of the provider's that says no more than that
// something has changed.
func ExampleService_Check() {
	payer := newExamplePayer()
	r := must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	payer.bank.Settle("re_1", "failed") // the customer's bank sends it back
	fmt.Println(must(payer.Check(exampleCtx, r.ID, provider)).Status)
	// Output:
	// reversed
}

// A message is looked up and not believed: this one claims that the refund failed.
func ExampleService_HandleWebhook() {
	payer := newExamplePayer()
	payer.bank.Script(refundstest.CallCreate, refundstest.FaultPending)
	r := must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	fmt.Println(r.Status)
	payer.bank.Settle("re_1", "succeeded")
	followed, err := payer.HandleWebhook(exampleCtx, provider, payment.WebhookEvent{
		RefundID: r.ID, AttemptID: r.Attempt().ID, ProviderID: "re_1", Outcome: payment.OutcomeDeclined,
	})
	fmt.Println(followed.Status, err)
	// Output:
	// pending
	// succeeded <nil>
}

func ExampleService_Hold() {
	payer := newExamplePayer()
	must(payer.Hold(exampleCtx, hold("dp_1"))) // the customer disputes the payment at their bank
	r := must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	fmt.Println(r.Status, r.OnHold(), "the bank paid", payer.bank.PaidOut("pi_1"))
	// Output:
	// created true the bank paid 0
}

func ExampleService_Release() {
	payer := newExamplePayer()
	must(payer.Hold(exampleCtx, hold("dp_1")))
	must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	must(payer.Release(exampleCtx, hold("dp_1"))) // the dispute is won
	must(payer.ResumeDue(exampleCtx, 10))
	fmt.Println(must(payer.ByClientReference(exampleCtx, "return-1")).Status)
	// Output:
	// succeeded
}

func ExampleService_Holds() {
	payer := newExamplePayer()
	must(payer.Hold(exampleCtx, hold("dp_1")))
	for _, h := range must(payer.Holds(exampleCtx, "order-1", "payment-1")) {
		fmt.Println(h.Ref, h.Reason, h.Active(), h.By.Name)
	}
	// Output:
	// dp_1 disputed true bank
}

// While the payment is disputed the refund was paid in another way, or will not be:
// a review ends it.
func ExampleService_Resolve() {
	payer := newExamplePayer()
	must(payer.Hold(exampleCtx, hold("dp_1")))
	r := must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	ended, err := payer.Resolve(exampleCtx, r.ID, staff, refunds.ResolveParams{Reason: "The dispute was lost."})
	fmt.Println(ended.Status, err)
	// Output:
	// failed <nil>
}

// A refund that the bank takes back is still owed: the next one of its reference
// waits for the method that the customer chooses.
func ExampleService_Reverse() {
	payer := newExamplePayer()
	r := must(payer.Refund(exampleCtx, lampRefund("return-1", 1)))
	must(payer.Reverse(exampleCtx, r.ID, provider, refunds.ReverseParams{Reason: "The account is closed."}))
	next := must(payer.ByClientReference(exampleCtx, "return-1"))
	fmt.Println(next.Status, next.HoldRef)
	fmt.Println(must(payer.Refund(exampleCtx, byStoreCredit("return-1", 1))).Status)
	// Output:
	// created choice_of_method
	// succeeded
}

func ExampleService_GrantCredit() {
	payer := newExamplePayer()
	for range 2 { // the second time says that it was there
		fmt.Println(must(payer.GrantCredit(exampleCtx, refunds.CreditChange{
			CustomerID: "ada", Currency: "USD", Amount: 500, Ref: "goodwill-7", Note: "Goodwill", By: staff,
		})))
	}
	// Output:
	// true
	// false
}

func ExampleService_SpendCredit() {
	payer := newExamplePayer()
	_, err := payer.SpendCredit(exampleCtx, refunds.CreditChange{
		CustomerID: "ada", Currency: "USD", Amount: 500, Ref: "order-2", By: staff,
	})
	fmt.Println(refunds.CodeOf(err))
	// Output:
	// CREDIT_TOO_LOW
}

func ExampleService_CreditBalance() {
	payer := newExamplePayer()
	must(payer.Refund(exampleCtx, byStoreCredit("return-1", 1)))
	fmt.Println(must(payer.CreditBalance(exampleCtx, "ada", "USD")))
	// Output:
	// 3000
}

func ExampleService_CreditEntries() {
	payer := newExamplePayer()
	must(payer.Refund(exampleCtx, byStoreCredit("return-1", 1)))
	for _, e := range must(payer.CreditEntries(exampleCtx, "ada")) {
		fmt.Println(e.Amount, e.Currency, e.By.Name)
	}
	// Output:
	// 3000 USD Kim
}
