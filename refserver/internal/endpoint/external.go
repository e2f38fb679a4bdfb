package endpoint

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// ExternalOrder places the order of a reseller, whose customer has paid the
// reseller: it fills a cart of this order alone, and buys it. The reseller's
// number is the key: the same number and lines again are the same order.
func (e *Endpoints) ExternalOrder(
	ctx context.Context, p partner.Partner, in partner.ExternalOrder,
) (orders.Order, error) {
	// Each order has a customer, and so a cart, of its own: orders of one reseller that come
	// at once do not meet.
	customer := event.Actor{Kind: event.ActorCustomer, ID: "partner:" + p.ID + ":" + in.Number, Name: p.Name}
	request := orders.CheckoutRequest{
		Customer: customer, Method: payment.Cash, Source: "partner", IdempotencyKey: "external",
	}
	ids := make([]string, len(in.Lines))
	for i, l := range in.Lines {
		ids[i] = l.ProductID
	}
	products, err := e.d.Partners.Products(ctx, p, ids)
	if err != nil {
		return orders.Order{}, err
	}
	want := make(map[int64]int, len(in.Lines))
	for i, l := range in.Lines {
		id, ok := products[l.ProductID]
		if !ok {
			return orders.Order{}, problem.Invalid("lines",
				fmt.Sprintf("Line %d: none of your feeds contains the product %s.", i+1, input.Clip(l.ProductID)))
		}
		want[id] = l.Quantity
	}
	placed, _, err := e.d.Orders.Orders(ctx, orders.Query{CustomerID: customer.ID, PageSize: 1})
	if err != nil {
		return orders.Order{}, err
	}
	if len(placed) > 0 && placed[0].Status != orders.StatusCanceled {
		return placed[0], sameLines(placed[0], want)
	}
	if err := e.fillCart(ctx, customer.ID, want); err != nil {
		return orders.Order{}, err
	}
	return e.d.Orders.Checkout(ctx, request)
}

// sameLines returns a problem unless the order is of these quantities of products: a number that
// comes again with other lines is another order, or one that was changed, and neither is placed.
func sameLines(o orders.Order, want map[int64]int) error {
	have := make(map[int64]int, len(o.Lines))
	for _, l := range o.Lines {
		have[l.ProductID] += l.Quantity
	}
	if maps.Equal(have, want) {
		return nil
	}
	return problem.New(http.StatusConflict, "IDEMPOTENCY_MISMATCH", "An order with this number was placed already, "+
		"with other lines. Use a new number for a new order.")
}

// fillCart makes a cart hold these quantities of products and nothing else. What stays is not
// taken out in the meantime: the same order may come twice at once.
func (e *Endpoints) fillCart(ctx context.Context, customerID string, want map[int64]int) error {
	have, err := e.d.Orders.Cart(ctx, customerID)
	if err != nil {
		return err
	}
	for _, item := range have.Cart.Items { // left by a request that was refused
		if want[item.ProductID] > 0 {
			continue
		}
		if _, err := e.d.Orders.SetCartQuantity(ctx, customerID, item.ProductID, 0); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		if _, err := e.d.Orders.SetCartQuantity(ctx, customerID, id, want[id]); err != nil {
			return err
		}
	}
	return nil
}
