package web

import (
	"net/http"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
)

// adminOrdersBody is a page of everybody's orders.
type adminOrdersBody struct {
	Orders    []historyOrder
	Customers map[string]auth.User
	Total     int
	Filter    historyFilter
	Pages     pager
	Today     string
	Export    string // address that exports all that match
}

func (s *server) adminOrders(w http.ResponseWriter, r *http.Request) error {
	p, err := historyParams(r)
	if err != nil {
		return err
	}
	page, err := s.Endpoints.AllOrders(r.Context(), user(r), p)
	notes := filterNotes(err)
	if len(notes) > 0 {
		page, err = s.Endpoints.AllOrders(r.Context(), user(r), endpoint.HistoryParams{})
	}
	if err != nil {
		return err
	}
	body := adminOrdersBody{
		Total:  page.Total,
		Export: exportHref(r),
		Filter: filterOf(p, page),
		Today:  s.Now().In(s.Zone).Format(time.DateOnly),
	}
	if body.Pages, err = pages(r, page.Page, page.Size, page.Total); err != nil {
		return err
	}
	ids := make([]string, 0, len(page.Orders))
	for _, o := range page.Orders {
		body.Orders = append(body.Orders, historyOrder{Order: o, State: orderState(o.Status), Paid: o.Payments()})
		ids = append(ids, o.CustomerID)
	}
	if body.Customers, err = s.Auth.UsersByID(r.Context(), ids); err != nil {
		return err
	}
	return s.pageStatus(w, r, listStatus(notes), "admin_orders", "All orders", body, notes...)
}

// recordDelivery notes the day an order arrived; the return window counts from
// there.
func (s *server) recordDelivery(w http.ResponseWriter, r *http.Request) error {
	var p endpoint.DeliveryParams
	if err := readForm(r, &p); err != nil {
		return err
	}
	o, err := s.Endpoints.RecordDelivery(r.Context(), user(r), r.PathValue("id"), p)
	if err != nil {
		return err
	}
	return s.redirect(w, r, "/admin/orders", o.Number+" is marked as delivered.")
}
