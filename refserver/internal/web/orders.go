package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// receiptBody is one order as its owner sees it.
type receiptBody struct {
	Order    orders.Order
	State    badge
	Queued   bool
	Subtotal money.Components // the sums of the lines
	Reason   string           // why it was canceled, in words
}

// orderState is the state of an order as customers know it: COMPLETED, QUEUED
// or CANCELLED.
func orderState(s orders.Status) badge {
	switch s {
	case orders.StatusCompleted:
		return badge{"good", "COMPLETED"}
	case orders.StatusCancelled:
		return badge{"bad", "CANCELLED"}
	}
	return badge{"warn", "QUEUED"}
}

func (s *server) receipt(w http.ResponseWriter, r *http.Request, o orders.Order) error {
	body := receiptBody{Order: o, State: orderState(o.Status)}
	body.Queued = body.State.Text == "QUEUED"
	for _, l := range o.Lines {
		body.Subtotal = body.Subtotal.Add(l.Paid)
	}
	if o.Payment.Status == orders.PaymentDeclined {
		body.Reason = declineWords(o.Payment.DeclineCode)
	}
	title := "Receipt"
	if body.Queued {
		title = "Order queued"
	}
	return s.page(w, r, "receipt", title, body)
}

func (s *server) orderPage(w http.ResponseWriter, r *http.Request) error {
	o, err := s.ownOrder(r)
	if err != nil {
		return err
	}
	return s.receipt(w, r, o)
}

// ownOrder is the order of the address, for its owner and for staff; somebody
// else's does not exist for a customer.
func (s *server) ownOrder(r *http.Request) (orders.Order, error) {
	o, err := s.Orders.Order(r.Context(), r.PathValue("id"))
	if err != nil {
		return orders.Order{}, err
	}
	if u := user(r); o.CustomerID != u.ID && !u.IsAdmin() {
		return orders.Order{}, orders.ErrNotFound
	}
	return o, nil
}

func (s *server) cancelOrder(w http.ResponseWriter, r *http.Request) error {
	o, err := s.ownOrder(r)
	if err != nil {
		return err
	}
	reason := "canceled by the customer"
	if user(r).ID != o.CustomerID {
		reason = "canceled by staff"
	}
	if _, err := s.Orders.Cancel(r.Context(), o.ID, actor(r), reason); err != nil {
		return err
	}
	return s.redirect(w, r, "/orders/"+o.ID, "The order is canceled. Nothing was charged.")
}

// mostCounted is how many entries of a list are counted and paged through.
// Counting all of a long history would take longer with every year, and who
// looks for something older filters.
const mostCounted = 10_000

// historyBody is a page of orders with the filter that chose them.
type historyBody struct {
	Orders []historyOrder
	Total  int
	Filter historyFilter
	Pages  pager
}

type historyOrder struct {
	orders.Order
	State badge
}

// historyFilter is the filter as it was asked for.
type historyFilter struct{ Status, From, To, Q string }

func (s *server) orderHistory(w http.ResponseWriter, r *http.Request) error {
	query, filter, err := s.historyQuery(r)
	if err != nil {
		return err
	}
	query.CustomerID = user(r).ID
	list, total, err := s.Orders.Orders(r.Context(), query)
	if err != nil {
		return err
	}
	body := historyBody{Total: total, Filter: filter, Pages: pages(r, query.Page, query.PageSize, total)}
	for _, o := range list {
		body.Orders = append(body.Orders, historyOrder{Order: o, State: orderState(o.Status)})
	}
	return s.page(w, r, "order_history", "Your orders", body)
}

// historyQuery reads status, from, to (days, both included), q and page.
func (s *server) historyQuery(r *http.Request) (orders.Query, historyFilter, error) {
	form := r.URL.Query()
	f := historyFilter{
		Status: strings.ToUpper(form.Get("status")),
		From:   form.Get("from"),
		To:     form.Get("to"),
		Q:      strings.TrimSpace(form.Get("q")),
	}
	q := orders.Query{Text: f.Q, PageSize: s.PageSize, CountUpTo: mostCounted}
	switch f.Status {
	case "", "ALL":
		f.Status = ""
	case "COMPLETED":
		q.Status = []orders.Status{orders.StatusCompleted}
	case "QUEUED":
		q.Status = []orders.Status{orders.StatusQueued, orders.StatusSubmitted}
	case "CANCELLED":
		q.Status = []orders.Status{orders.StatusCancelled}
	default:
		return q, f, problem.Invalid(
			"status",
			"status is \""+clip(f.Status)+"\"; it is one of COMPLETED, QUEUED, CANCELLED, or empty for all",
		)
	}
	var err error
	if q.From, err = s.day("from", f.From); err != nil {
		return q, f, err
	}
	if q.To, err = s.day("to", f.To); err != nil {
		return q, f, err
	}
	if !q.To.IsZero() {
		q.To = problem.NextDay(q.To, s.Zone)
	}
	q.Page, err = pageNumber(form)
	return q, f, err
}

// day is the first instant of a day in the shop's time zone, zero when none
// is given.
func (s *server) day(field, text string) (time.Time, error) {
	return problem.Day(field, text, s.Zone)
}

func pageNumber(form url.Values) (int, error) { return numberIn(form, "page") }

// numberIn reads the number of a page, 1 when none is given.
func numberIn(form url.Values, field string) (int, error) {
	text := form.Get(field)
	if text == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1_000_000 {
		return 0, problem.Invalid(field, field+" is \""+clip(text)+"\"; it is a whole number from 1 on")
	}
	return n, nil
}

// pager links to the pages before and after.
type pager struct {
	Page, Last     int
	Previous, Next string // addresses, empty where there is none
}

func pages(r *http.Request, page, size, total int) pager {
	return pagesAt(r, r.URL.Path, "page", page, size, total)
}

// pagesAt is pages where the number is in another field, or the list at
// another address.
func pagesAt(r *http.Request, path, field string, page, size, total int) pager {
	p := pager{Page: page, Last: max(1, (total+size-1)/size)}
	at := func(n int) string {
		q := r.URL.Query()
		q.Set(field, strconv.Itoa(n))
		return path + "?" + q.Encode()
	}
	if page > 1 {
		p.Previous = at(min(page-1, p.Last))
	}
	if page < p.Last {
		p.Next = at(page + 1)
	}
	return p
}
