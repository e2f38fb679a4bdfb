// Command return-flow takes one return through its whole life, in memory: it
// is asked for, authorised, received, inspected, paid back and restocked.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnstest"
)

func main() {
	ctx := context.Background()
	now := func() time.Time { return time.Date(2026, 3, 10, 9, 0, 0, 0, time.UTC) }
	ada, kim := event.Actor{
		Kind: event.ActorCustomer,
		ID:   "ada",
	}, event.Actor{
		Kind: event.ActorStaff,
		ID:   "kim",
		Name: "Kim",
	}

	// A shop: services on stores, here in memory, and a payment provider.
	cases := returnstest.NewStore()
	shop := must(
		orders.New(
			orders.Config{Store: orderstest.NewStore(), Gateway: &orderstest.Gateway{}, Currency: "USD", Now: now,
				Terms: func(ctx context.Context) (string, error) { t, err := cases.Terms(ctx, ""); return t.ID, err }},
		),
	)
	payer := must(refunds.New(refunds.Config{Store: refundstest.NewStore(), Gateway: &refundstest.Gateway{}, Now: now}))
	desk := must(returns.New(returns.Config{Store: cases, Orders: shop, Refunder: payer, Restocker: shop,
		Evidence: returnstest.NewEvidenceStore(), Now: now}))
	must(desk.PublishTerms(ctx, kim, returns.Policy{
		Enabled: true, WindowDays: 30, MaxQuantity: 5, RestockAt: returns.RestockAtRefund, Currency: "USD",
		ReturnShippingFees: []returns.FeeRule{{Reason: returns.ReasonOther, Fixed: 500}},
	}, "the first"))

	// Ada buys three lamps, and sends two back.
	lamp := must(shop.SaveProduct(ctx, 0, event.Stamp{At: now(), By: kim}, func(p *orders.Product) error {
		p.Name, p.Price, p.Currency, p.Stock = "Lamp", 4_000, "USD", 10
		return nil
	}))
	must(shop.AddToCart(ctx, "ada", lamp.ID, 3))
	order := must(
		shop.Checkout(ctx, orders.CheckoutRequest{Customer: ada, Method: payment.Card, Token: orderstest.TokenPays}),
	)
	fmt.Printf("bought for %d, %s\n", order.Payment.Amount, order.Status)

	line := order.Lines[0].ID
	r := must(
		desk.Create(ctx, ada, returns.CreateParams{OrderID: order.ID, CustomerID: "ada", Reason: returns.ReasonOther,
			Items: []returns.RequestItem{{OrderLineID: line, Quantity: 2}}}),
	)
	fmt.Println("asked for:", r.Status)
	r = must(desk.Authorize(ctx, r.ID, kim, ""))
	fmt.Println("authorised:", r.RMA)
	r = must(desk.Ship(ctx, r.ID, ada, returns.Shipment{Carrier: "UPS", TrackingNumber: "1Z999"}))
	fmt.Println("sent:", r.Status)
	r = must(desk.Receive(ctx, r.ID, kim, returns.ReceiveParams{Lines: nil, Notes: ""}))
	fmt.Println("arrived:", r.Receipts[0].Kind)
	one := 1
	r = must(
		desk.Inspect(
			ctx,
			r.ID,
			kim,
			returns.InspectionInput{Result: returns.InspectionPartiallyApproved, InspectedBy: "Kim",
				Lines: []returns.InspectionLine{{OrderLineID: line, Accepted: &one, Note: "the other is scratched"}}},
		),
	)
	fmt.Println("inspected:", r.Status)
	r, refund, err := desk.Refund(ctx, r.ID, kim, returns.RefundParams{Method: payment.OriginalMethod})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("paid back: %d less %d = %d, %s\n", refund.Quote.Gross, refund.Quote.FeesSum, refund.Amount(), r.Status)
	fmt.Println("on the shelf:", must(shop.Product(ctx, lamp.ID)).Stock)
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
