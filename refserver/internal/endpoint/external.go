package endpoint

import (
	"context"
	"fmt"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// PlaceExternal places the order of a reseller: it fills a cart of this order alone, and buys
// it. The same number again is the same order.
func (e *Endpoints) PlaceExternal(
	ctx context.Context, p partner.Partner, in partner.ExternalOrder,
) (orders.Order, error) {
	// Each order has a customer, and so a cart, of its own: orders of one reseller that come
	// at once do not meet.
	customer := event.Actor{Kind: event.ActorCustomer, ID: "partner:" + p.ID + ":" + in.Number, Name: p.Name}
	request := orders.CheckoutRequest{
		Customer: customer, Method: payment.Cash, Source: "partner", IdempotencyKey: "external",
	}
	placed, _, err := e.d.Orders.Orders(ctx, orders.Query{CustomerID: customer.ID, PageSize: 1})
	if err != nil {
		return orders.Order{}, err
	}
	if len(placed) > 0 && placed[0].Status != orders.StatusCancelled {
		return placed[0], nil
	}
	ids := make([]string, len(in.Lines))
	for i, l := range in.Lines {
		ids[i] = l.ProductID
	}
	products, err := e.d.Partners.Products(ctx, p, ids)
	if err != nil {
		return orders.Order{}, err
	}
	for i, l := range in.Lines {
		id, ok := products[l.ProductID]
		if !ok {
			return orders.Order{}, problem.Invalid("lines",
				fmt.Sprintf("Line %d: no feed of yours has brought the product %s.", i+1, input.Clip(l.ProductID)))
		}
		if _, err := e.d.Orders.SetCartQuantity(ctx, customer.ID, id, l.Quantity); err != nil {
			return orders.Order{}, err
		}
	}
	return e.d.Orders.Checkout(ctx, request)
}
