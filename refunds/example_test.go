package refunds_test

import (
	"context"
	"fmt"
	"log"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// Three units were paid together: 10.00, with 4.01 for shipping. One comes
// back, then the other two; together they give back what was paid.
func ExampleNewQuote() {
	line := refunds.QuoteRequestLine{OrderLineID: "line", Bought: 3, Paid: money.Components{Price: 1000,
		Shipping: 401}, Units: 1}
	first, err := refunds.NewQuote(refunds.QuoteRequest{Currency: "USD", Lines: []refunds.QuoteRequestLine{line}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	given := map[string]refunds.Refunded{"line": {Units: 1, Components: first.Lines[0].Refunded}}
	line.Units = 2
	rest, err := refunds.NewQuote(refunds.QuoteRequest{Currency: "USD", Lines: []refunds.QuoteRequestLine{line}}, given)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(first.Amount, "+", rest.Amount, "=", first.Amount+rest.Amount)
	// Output: 466 + 935 = 1401
}

// Asking twice for the same refund pays once: the second call answers with the
// state of the first.
func ExampleService_Refund() {
	svc, err := refunds.New(refunds.Config{Store: refundstest.NewStore(), Gateway: &refundstest.Gateway{}})
	if err != nil {
		log.Fatal(err)
	}
	request := refunds.Request{
		ClientReference: "return-1", OrderID: "order-1",
		Payments: []refunds.Payment{{ID: "payment-1", Method: payment.Cash, Captured: 1401}},
		Currency: "USD", Customer: "ada", Method: payment.OriginalMethod,
		Quote: refunds.QuoteRequest{Currency: "USD", Lines: []refunds.QuoteRequestLine{
			{OrderLineID: "line", Bought: 3, Paid: money.Components{Price: 1000, Shipping: 401}, Units: 3},
		}},
		By: event.Actor{Kind: event.ActorStaff, Name: "clerk"},
	}
	for range 2 {
		r, err := svc.Refund(context.Background(), request)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.Status, r.Amount(), r.Attempt().ProviderID)
	}
	// Output:
	// succeeded 1401 MANUAL-CAS-00001
	// succeeded 1401 MANUAL-CAS-00001
}
