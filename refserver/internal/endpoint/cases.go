package endpoint

import (
	"context"
	"fmt"
	"slices"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// Case is a return with what is shown around it.
type Case struct {
	returns.Return
	Order  orders.Order
	Refund *refunds.Intent // nil: none was requested
}

// Cases completes cases, read by a function that says who may, with their orders
// and refunds, each read in one query however many cases there are.
func (e *Endpoints) Cases(ctx context.Context, list []returns.Return) ([]Case, error) {
	if len(list) == 0 {
		return nil, nil
	}
	ids, orderIDs := make([]string, 0, len(list)), make([]string, 0, len(list))
	for _, c := range list {
		ids = append(ids, c.ID)
		if !slices.Contains(orderIDs, c.OrderID) {
			orderIDs = append(orderIDs, c.OrderID)
		}
	}
	paid, err := e.d.Refunds.ByClientReferences(ctx, ids)
	if err != nil {
		return nil, err
	}
	sold, _, err := e.d.Orders.Orders(ctx, orders.Query{IDs: orderIDs, PageSize: len(orderIDs)})
	if err != nil {
		return nil, err
	}
	byID := make(map[string]orders.Order, len(sold))
	for _, o := range sold {
		byID[o.ID] = o
	}
	out := make([]Case, 0, len(list))
	for _, c := range list {
		o, ok := byID[c.OrderID]
		if !ok {
			return nil, fmt.Errorf("endpoint: return %s is of order %s, which is gone", c.ID, c.OrderID)
		}
		one := Case{Return: c, Order: o}
		if r, ok := paid[c.ID]; ok {
			one.Refund = &r
		}
		out = append(out, one)
	}
	return out, nil
}

// Case completes one case whose refund was loaded; nil for one that has to be read. Of
// an order whose lines the refund pays for as they were requested, the currency alone
// is filled in: the refund says all that is shown of it.
func (e *Endpoints) Case(ctx context.Context, c returns.Return, refund *refunds.Intent) (Case, error) {
	if refund == nil {
		all, err := e.Cases(ctx, []returns.Return{c})
		if err != nil {
			return Case{}, err
		}
		return all[0], nil
	}
	out := Case{Return: c, Order: orders.Order{Currency: refund.Quote.Currency}, Refund: refund}
	if slices.ContainsFunc(c.Lines, func(l returns.Line) bool { _, ok := out.given(l); return !ok }) {
		var err error
		if out.Order, err = e.d.Orders.Order(ctx, c.OrderID); err != nil {
			return Case{}, err
		}
	}
	return out, nil
}

// Requested is what the units of a line are worth before fees, in minor units,
// by the floor law. Once they are refunded it is what they gave, which differs
// by at most one unit for each component where other units of the order line
// were returned before.
func (c Case) Requested(l returns.Line) int64 {
	if paid, ok := c.given(l); ok {
		return paid
	}
	bought, ok := c.Order.Line(l.OrderLineID)
	if !ok {
		return 0
	}
	return bought.Paid.Share(l.Quantity, bought.Quantity).Total()
}

// given is what the units of a line gave, where the refund pays for them all.
func (c Case) given(l returns.Line) (int64, bool) {
	if c.Refund == nil || !c.Refund.Status.CountsAgainstCaptured() {
		return 0, false
	}
	for _, q := range c.Refund.Quote.Lines {
		if q.OrderLineID == l.OrderLineID && q.Units == l.Quantity {
			return q.Refunded.Total(), true
		}
	}
	return 0, false
}
