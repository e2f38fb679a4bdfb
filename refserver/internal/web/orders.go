package web

import (
	"net/http"
	"net/url"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// receiptBody is one order as its owner sees it.
type receiptBody struct {
	Order    orders.Order
	State    badge
	Total    int64
	Paid     []orders.PaymentPart // store credit first
	Queued   bool
	Credit   bool             // store credit pays a part of it, or all
	Subtotal money.Components // the sums of the lines
	Reason   string           // why it was canceled, in words
	Own      bool             // it is of who looks, who may cancel it
	Pay      *payView         // it waits to be paid on the provider's page; nil: it does not
	Retry    bool             // it was not paid there, and can be ordered again
	Outside  *outsideView     // for staff; nil for nothing
	Rests    []restView       // of its refunds, that became store credit
	Rest     *restDue         // what its refunds left, for staff; nil for nothing
}

// orderState is the state of an order as customers know it: COMPLETED, QUEUED
// or CANCELLED.
func orderState(s orders.Status) badge {
	switch s {
	case orders.StatusCompleted:
		return badge{"good", "COMPLETED"}
	case orders.StatusCanceled:
		return badge{"bad", "CANCELLED"}
	}
	return badge{"warn", "QUEUED"}
}

// receipt shows an order, with the rests of its refunds that became store credit.
func (s *server) receipt(w http.ResponseWriter, r *http.Request, o orders.Order, rests []restView) error {
	body := receiptBody{
		Order: o, State: orderState(o.Status), Own: user(r).ID == o.CustomerID,
		Total: o.Total(), Paid: o.Payments(), Credit: o.Credit.Amount > 0,
		Rests: rests,
	}
	body.Queued = body.State.Text == "QUEUED"
	for _, l := range o.Lines {
		body.Subtotal = body.Subtotal.Add(l.Paid)
	}
	body.Pay, body.Retry = s.payOf(o, body.Own), o.Status == orders.StatusCanceled && o.Payment.OnPage() && body.Own
	if o.Payment.Status == orders.PaymentDeclined {
		body.Reason = whyDeclined(o, body.Own)
	}
	if !body.Own {
		var err error
		if body.Outside, err = s.outsideOf(r, o); err != nil {
			return err
		}
		if body.Rest, err = s.restDueOf(r, o); err != nil {
			return err
		}
	}
	title := "Receipt"
	if body.Queued {
		title = "Order queued"
	}
	if body.Pay != nil {
		title = "Waiting for payment"
	}
	return s.page(w, r, "receipt", title, body)
}

func (s *server) orderPage(w http.ResponseWriter, r *http.Request) error {
	o, err := s.Endpoints.Order(r.Context(), user(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	rests, err := s.restsOf(r.Context(), o.ID)
	if err != nil {
		return err
	}
	return s.receipt(w, r, o, rests)
}

func (s *server) cancelOrder(w http.ResponseWriter, r *http.Request) error {
	o, err := s.Endpoints.CancelOrder(r.Context(), user(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	message := "The order is canceled. Nothing was charged."
	if o.Credit.Amount > 0 {
		message += " Your store credit of " + amount(o.Credit.Amount, o.Currency) + " is available again."
	}
	return s.redirect(w, r, "/orders/"+o.ID, message)
}

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
	Paid  []orders.PaymentPart // store credit first
}

// historyFilter is the filter as it was asked for.
type historyFilter struct{ Status, From, To, Q string }

func (s *server) orderHistory(w http.ResponseWriter, r *http.Request) error {
	p, err := historyParams(r)
	if err != nil {
		return err
	}
	page, err := s.Endpoints.OrderHistory(r.Context(), user(r), p)
	notes := filterNotes(err)
	if len(notes) > 0 {
		page, err = s.Endpoints.OrderHistory(r.Context(), user(r), endpoint.HistoryParams{})
	}
	if err != nil {
		return err
	}
	body := historyBody{Total: page.Total, Filter: filterOf(p, page)}
	if body.Pages, err = pages(r, page.Page, page.Size, page.Total); err != nil {
		return err
	}
	for _, o := range page.Orders {
		body.Orders = append(body.Orders, historyOrder{Order: o, State: orderState(o.Status), Paid: o.Payments()})
	}
	return s.pageStatus(w, r, listStatus(notes), "order_history", "Your orders", body, notes...)
}

// historyParams reads the filter of an address.
func historyParams(r *http.Request) (endpoint.HistoryParams, error) {
	var p endpoint.HistoryParams
	err := input.Query(r.URL.Query(), &p)
	return p, err
}

// filterOf is the filter that chose a page, as the form shows it.
func filterOf(p endpoint.HistoryParams, page endpoint.OrderPage) historyFilter {
	return historyFilter{Status: page.Status, From: p.From, To: p.To, Q: p.Text}
}

// pageIn reads the number of a page from the field of an address, 1 when none
// is named.
func pageIn(r *http.Request, field string) (int, error) {
	var p endpoint.Paging
	err := input.Query(url.Values{"page": r.URL.Query()[field]}, &p)
	return p.Page(), err
}

// whyDeclined is why the payment of an order was declined, for its owner or for
// staff.
func whyDeclined(o orders.Order, owner bool) string {
	p := o.Payment
	limit := money.New(p.FailureLimit, o.Currency)
	if owner {
		return problem.PaymentDeclined(p.Failure, limit)
	}
	why := "Payment declined: " + problem.ChargeFailed(p.Failure, limit) + "."
	if p.DeclineCode != "" {
		why += " The provider's code is " + p.DeclineCode + "."
	}
	return why
}
