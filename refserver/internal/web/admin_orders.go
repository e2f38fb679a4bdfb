package web

import (
	"net/http"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// adminOrdersBody is a page of everybody's orders.
type adminOrdersBody struct {
	Orders    []historyOrder
	Customers map[string]auth.User
	Total     int
	Filter    historyFilter
	Pages     pager
	Today     string
}

func (s *server) adminOrders(w http.ResponseWriter, r *http.Request) error {
	query, filter, err := s.historyQuery(r)
	if err != nil {
		return err
	}
	list, total, err := s.Orders.Orders(r.Context(), query)
	if err != nil {
		return err
	}
	body := adminOrdersBody{
		Total:  total,
		Filter: filter,
		Pages:  pages(r, query.Page, query.PageSize, total),
		Today:  s.Now().In(s.Zone).Format(time.DateOnly),
	}
	ids := make([]string, 0, len(list))
	for _, o := range list {
		body.Orders = append(body.Orders, historyOrder{Order: o, State: orderState(o.Status)})
		ids = append(ids, o.CustomerID)
	}
	if body.Customers, err = s.Auth.UsersByID(r.Context(), ids); err != nil {
		return err
	}
	return s.page(w, r, "admin_orders", "All orders", body)
}

// recordDelivery notes the day an order arrived; the return window counts from
// there.
func (s *server) recordDelivery(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	at, err := s.day("delivered_at", r.PostForm.Get("delivered_at"))
	if err != nil {
		return err
	}
	if at.IsZero() {
		return problem.Invalid("delivered_at", "Choose the delivery day.")
	}
	// A day has no hour; noon of it, but never before the purchase nor ahead of now.
	o, err := s.Orders.Order(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	at = at.Add(12 * time.Hour)
	if now := s.Now(); at.After(now) && sameDay(at, now.In(s.Zone)) {
		at = now
	}
	if at.Before(o.PlacedAt) && sameDay(at, o.PlacedAt.In(s.Zone)) {
		at = o.PlacedAt
	}
	if o, err = s.Orders.RecordDelivery(r.Context(), o.ID, actor(r), at); err != nil {
		return err
	}
	return s.redirect(w, r, "/admin/orders", o.Number+" is marked as delivered.")
}

func sameDay(a, b time.Time) bool {
	return a.Format(time.DateOnly) == b.Format(time.DateOnly)
}
