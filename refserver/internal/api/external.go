package api

import (
	"fmt"
	"io"
	"net/http"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// externalOrder places the order of a reseller, whose customer has paid the reseller. The
// reseller's number is the key: the same number again is the same order.
func (a *API) externalOrder(r *http.Request) (int, any, error) {
	p, err := a.partnerOf(r)
	if err != nil {
		return 0, nil, err
	}
	if !a.Features.On(feature.PartnerIngest, "") {
		return 0, nil, featureOff(feature.PartnerIngest)
	}
	adapter, err := partner.FindAdapter(partner.Adapters, r.URL.Query().Get("adapter"))
	if err != nil {
		return 0, nil, partnerProblem(err)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, partner.MaxOrderBytes))
	if err != nil {
		return 0, nil, explain(err)
	}
	in, err := adapter.Order(body)
	if err == nil {
		err = in.Check()
	}
	if err != nil {
		return 0, nil, partnerProblem(err)
	}
	o, err := a.placeExternal(r, p, in)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{"success": true, "order": orderOf(o, nil)}, nil
}

// placeExternal fills a cart of this order alone, and buys it.
func (a *API) placeExternal(r *http.Request, p partner.Partner, in partner.ExternalOrder) (orders.Order, error) {
	ctx := r.Context()
	// Each order has a customer, and so a cart, of its own: orders of one reseller that come
	// at once do not meet.
	customer := event.Actor{Kind: event.ActorCustomer, ID: "partner:" + p.ID + ":" + in.Number, Name: p.Name}
	request := orders.CheckoutRequest{
		Customer: customer, Method: payment.Cash, Source: "partner", IdempotencyKey: "external",
	}
	placed, _, err := a.Orders.Orders(ctx, orders.Query{CustomerID: customer.ID, PageSize: 1})
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
	products, err := a.Partners.Products(ctx, p, ids)
	if err != nil {
		return orders.Order{}, err
	}
	for i, l := range in.Lines {
		id, ok := products[l.ProductID]
		if !ok {
			return orders.Order{}, problem.Invalid("lines",
				fmt.Sprintf("Line %d: no feed of yours has brought the product %s.", i+1, clip(l.ProductID)))
		}
		if _, err := a.Orders.SetCartQuantity(ctx, customer.ID, id, l.Quantity); err != nil {
			return orders.Order{}, err
		}
	}
	return a.Orders.Checkout(ctx, request)
}
