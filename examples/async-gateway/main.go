// Command async-gateway refunds through a provider in the shape of Adyen: it receives
// a refund at once and decides it later, answers by signed messages alone, and has no
// look-ups.
//
// What a gateway has to do is in gateway.go; main_test.go holds it to
// refundstest.TestGateway, cuts refunds through it at every step, and takes the
// provider down for five seconds.
package main

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

// provider is who a message comes from.
var provider = event.Actor{Kind: event.ActorProvider, Name: "provider"}

// receive is the webhook's handler: an error asks the provider to send the message
// again.
func receive(ctx context.Context, svc *refunds.Service, m Message, secret []byte) (refunds.Refund, error) {
	e, err := Event(m, secret)
	if err != nil {
		return refunds.Refund{}, err
	}
	return svc.HandleWebhook(ctx, provider, e)
}

// request is a refund of one of three units that cost 30.00 in all.
func request(reference string) refunds.Request {
	return refunds.Request{
		ClientReference: "return-1", OrderID: "order-1",
		Payments: []refunds.Payment{{ID: "payment-1", Method: payment.Card, ProviderID: reference, Captured: 3_000}},
		Currency: "EUR", Customer: "customer-1",
		Quote: refunds.QuoteRequest{Currency: "EUR", Lines: []refunds.QuoteRequestLine{
			{OrderLineID: "line-1", Bought: 3, Units: 1, Paid: money.Components{Price: 3_000}},
		}},
	}
}

func main() {
	psp := &Provider{Secret: []byte("shared with the provider")}
	psp.Capture("PAY-1", 3_000)
	svc, err := refunds.New(refunds.Config{Store: refundstest.NewStore(), Gateway: Gateway{psp}})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	paid, err := svc.Refund(ctx, request("PAY-1"))
	if err != nil {
		log.Fatal(err)
	}
	r := paid.Refund
	fmt.Println(r.Status, money.New(r.Amount(), "EUR"), r.Attempt().ProviderID)
	for _, m := range psp.Decide() {
		if _, err := receive(ctx, svc, Message{Body: m.Body, Signature: "forged"}, psp.Secret); err != nil {
			fmt.Println(err)
		}
		for range 2 { // messages come twice
			if r, err = receive(ctx, svc, m, psp.Secret); err != nil {
				log.Fatal(err)
			}
			fmt.Println(r.Status, money.New(r.Amount(), "EUR"), r.Attempt().ProviderID)
		}
	}
}
