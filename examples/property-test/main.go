// Command property-test pays refunds through a store and a gateway that are the shop's own,
// both written from the documentation of their interfaces. main_test.go holds them to the
// suites: what each promises, the same random calls beside the store in memory, parallel
// histories, a process that dies at every step, and random sequences of purchases.
//
// The store keeps its rows in memory, so that the program needs nothing; yours would be a
// database, in the same methods.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// request is a refund of some of three lamps, 90.00 EUR together.
func request(reference string, units int) refunds.Request {
	return refunds.Request{
		ClientReference: reference, OrderID: "order-1", Customer: "ada", Currency: "EUR",
		Payments: []refunds.Payment{{ID: "payment-1", Method: payment.Card, ProviderID: "account-1", Captured: 9_000}},
		Quote: refunds.QuoteRequest{Currency: "EUR", Lines: []refunds.QuoteRequestLine{
			{OrderLineID: "lamp", Bought: 3, Units: units, Paid: money.Components{Price: 9_000}},
		}},
	}
}

func main() {
	ctx := context.Background()
	wallet := &Wallet{}
	wallet.Capture("account-1", 9_000)
	svc, err := refunds.New(refunds.Config{Store: NewRefundStore(), Gateway: Gateway{wallet}})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 { // asked for twice, paid once
		r, err := svc.Refund(ctx, request("return-1", 1))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.Status, money.New(r.Amount(), "EUR"), r.Attempt().ProviderID)
	}
	_, err = svc.Refund(ctx, request("return-2", 4))
	fmt.Println(err)
	fmt.Println("payouts:", len(wallet.Payouts("")))
}
