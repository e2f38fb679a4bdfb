package endpoint

import (
	"context"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/returns"
)

// MaxCounted is how many entries of a list are counted and paged through.
// Counting all of a long history would take longer with every year, and who
// looks for something older filters.
const MaxCounted = 10_000

// HistoryParams filter a list of orders: a status, days (both included), and
// text.
type HistoryParams struct {
	Paging

	Status string `json:"status" validate:"omitempty,word=COMPLETED QUEUED CANCELLED ALL" text:"order status"`
	From   string `json:"from"`
	To     string `json:"to"`
	Text   string `json:"q"`
	// Size is the size of a page; 0 means the size in the settings. Uncounted lists all
	// pages, however many they are.
	Size      int  `json:"-"`
	Uncounted bool `json:"-"`
}

// OrderPage is one page of orders.
type OrderPage struct {
	Orders     []orders.Order
	Total      int
	Page, Size int
	Status     string // of the filter; empty for all
}

// OrderHistory returns the orders of who asks.
func (e *Endpoints) OrderHistory(ctx context.Context, by auth.User, p HistoryParams) (OrderPage, error) {
	if err := ListOrders.Permit(by); err != nil {
		return OrderPage{}, err
	}
	return e.orders(ctx, p, by.ID)
}

// AllOrders returns everybody's orders.
func (e *Endpoints) AllOrders(ctx context.Context, by auth.User, p HistoryParams) (OrderPage, error) {
	if err := ListAllOrders.Permit(by); err != nil {
		return OrderPage{}, err
	}
	return e.orders(ctx, p, "")
}

func (e *Endpoints) orders(ctx context.Context, p HistoryParams, customer string) (OrderPage, error) {
	out, q, err := e.orderQuery(p, customer)
	if err != nil {
		return out, err
	}
	out.Orders, out.Total, err = e.d.Orders.Orders(ctx, q)
	return out, err
}

// orderQuery is the query of a filter, and the page it is for.
func (e *Endpoints) orderQuery(p HistoryParams, customer string) (out OrderPage, q orders.Query, err error) {
	if err := input.Check(p); err != nil {
		return OrderPage{}, q, err
	}
	out = OrderPage{Page: p.Page(), Size: e.d.PageSize, Status: strings.ToUpper(p.Status)}
	if p.Size > 0 {
		out.Size = p.Size
	}
	q = orders.Query{
		CustomerID: customer, Text: strings.TrimSpace(p.Text),
		Page: out.Page, PageSize: out.Size, CountUpTo: MaxCounted,
	}
	if p.Uncounted {
		q.CountUpTo = 0
	}
	switch out.Status {
	case "ALL":
		out.Status = ""
	case "COMPLETED":
		q.Status = []orders.Status{orders.StatusCompleted}
	case "QUEUED":
		q.Status = []orders.Status{orders.StatusQueued, orders.StatusSubmitted}
	case "CANCELLED":
		q.Status = []orders.Status{orders.StatusCanceled}
	}
	if q.From, err = problem.Day("from", p.From, e.d.Zone); err != nil {
		return out, q, err
	}
	if q.To, err = problem.Day("to", p.To, e.d.Zone); err != nil {
		return out, q, err
	}
	if !q.To.IsZero() {
		q.To = problem.NextDay(q.To, e.d.Zone)
	}
	return out, q, nil
}

// Order returns an order, for its owner and for staff; somebody else's does not
// exist for a customer.
func (e *Endpoints) Order(ctx context.Context, by auth.User, id string) (orders.Order, error) {
	if err := ReadOrder.Permit(by); err != nil {
		return orders.Order{}, err
	}
	return e.order(ctx, id, func(o orders.Order) bool { return o.CustomerID == by.ID || by.IsStaff() })
}

// order returns an order that who asks may see; another does not exist for them.
func (e *Endpoints) order(ctx context.Context, id string, visible func(orders.Order) bool) (orders.Order, error) {
	o, err := e.d.Orders.Order(ctx, id)
	if err != nil {
		return orders.Order{}, err
	}
	if !visible(o) {
		return orders.Order{}, orders.ErrNotFound
	}
	return o, nil
}

// CancelOrder cancels an order of who asks whose charge has not been made.
// Somebody else's does not exist: no role may cancel it.
func (e *Endpoints) CancelOrder(ctx context.Context, by auth.User, id string) (orders.Order, error) {
	if err := CancelOrder.Permit(by); err != nil {
		return orders.Order{}, err
	}
	o, err := e.d.Orders.Order(ctx, id)
	if err != nil {
		return orders.Order{}, err
	}
	if o.CustomerID != by.ID {
		return orders.Order{}, orders.ErrNotFound
	}
	return e.d.Orders.Cancel(ctx, o.ID, actor(by), "canceled by the customer")
}

// DeliveryParams is the day an order arrived.
type DeliveryParams struct {
	Day string `json:"delivered_at" validate:"required"`
}

// RecordDelivery notes the day an order arrived; the return window counts from
// there.
func (e *Endpoints) RecordDelivery(
	ctx context.Context, by auth.User, id string, p DeliveryParams,
) (orders.Order, error) {
	if err := RecordDelivery.Permit(by); err != nil {
		return orders.Order{}, err
	}
	if err := input.Check(p); err != nil {
		return orders.Order{}, err
	}
	at, err := problem.Day("delivered_at", p.Day, e.d.Zone)
	if err != nil {
		return orders.Order{}, err
	}
	o, err := e.d.Orders.Order(ctx, id)
	if err != nil {
		return orders.Order{}, err
	}
	// A day has no hour; noon of it, but never before the purchase nor ahead of now.
	at = at.Add(12 * time.Hour)
	if now := e.d.Now(); at.After(now) && sameDay(at, now, e.d.Zone) {
		at = now
	}
	if at.Before(o.PlacedAt) && sameDay(at, o.PlacedAt, e.d.Zone) {
		at = o.PlacedAt
	}
	return e.d.Orders.RecordDelivery(ctx, o.ID, actor(by), at)
}

func sameDay(a, b time.Time, zone *time.Location) bool {
	return returns.DayOf(a, zone) == returns.DayOf(b, zone)
}

// Returnable returns how many units of each line of the orders may be returned
// now, by line id.
func (e *Endpoints) Returnable(ctx context.Context, list []orders.Order) (map[string]int, error) {
	found, err := e.d.Returns.Returnable(ctx, orders.Purchases(list)...)
	if err != nil {
		return nil, err
	}
	units := make(map[string]int, len(found))
	for _, lines := range found {
		for _, l := range lines {
			units[l.OrderLineID] = l.Returnable
		}
	}
	return units, nil
}
