// Command mollie-like refunds through a provider in the shape of Mollie: it answers
// at once, amounts are decimal text, keys live for an hour, and a payment has a list
// of refunds with metadata, in pages.
//
// What a gateway has to do is in gateway.go; main_test.go holds it to
// refundstest.TestGateway, cuts refunds through it at every step, and gives it
// answers that take 800 ms.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// newGateway returns the gateway on a provider.
func newGateway(p *Provider) *Gateway {
	return &Gateway{URL: "https://api.example.com", APIKey: "test_key", Client: p.Client()}
}

// request is a refund of one of three units that cost 30.00 in all.
func request(paymentID string) refunds.Request {
	return refunds.Request{
		ClientReference: "return-1", OrderID: "order-1",
		Payments: []refunds.Payment{{ID: "payment-1", Method: payment.Card, ProviderID: paymentID, Captured: 3_000}},
		Currency: "EUR", Customer: "customer-1",
		Quote: refunds.QuoteRequest{Currency: "EUR", Lines: []refunds.QuoteRequestLine{
			{OrderLineID: "line-1", Bought: 3, Units: 1, Paid: money.Components{Price: 3_000}},
		}},
	}
}

func main() {
	provider := &Provider{}
	provider.Capture("tr_1", money.New(3_000, "EUR"))
	gateway := newGateway(provider)
	svc, err := refunds.New(refunds.Config{Store: refundstest.NewStore(), Gateway: gateway})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	for range 2 { // requested twice, paid once
		r, err := svc.Refund(ctx, request("tr_1"))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.Status, money.New(r.Amount(), "EUR"), r.Attempt().ProviderID)
	}
	now := time.Now()
	for listed, err := range gateway.ListRefunds(ctx, now.Add(-time.Hour), now.Add(time.Hour)) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("the provider lists", listed.ProviderID, "of", listed.PaymentProviderID, listed.Status)
	}
	too := gateway.CreateRefund(ctx, payment.RefundRequest{
		Key: "k", PaymentProviderID: "tr_1", Amount: 2_001, Currency: "EUR", AttemptID: "a",
	})
	fmt.Println(too.Outcome, too.Failure, too.Failure.Advice())
}
