package web

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// caseView is a return case with all that a page shows around it.
type caseView struct {
	returns.Return
	State    badge
	Steps    []step
	Order    orders.Order
	Currency money.Currency
	Customer auth.User
	Refund   *refundView // nil: none was asked for
}

// Name is what people call the case: its RMA number, once it has one.
func (c caseView) Name() string {
	if c.RMA != "" {
		return c.RMA
	}
	return "Return of " + c.Order.Number
}

// OpenTasks are the tasks that nobody has closed.
func (c caseView) OpenTasks() []returns.Task { return c.Return.OpenTasks() }

// Cancellable reports whether the customer may still take it back.
func (c caseView) Cancellable() bool { return c.canGo(returns.StatusCanceled) && !c.EarlyRefund }

func (c caseView) canGo(to returns.Status) bool {
	for _, s := range c.Status.Next() {
		if s == to {
			return true
		}
	}
	return false
}

// step is one of the stations of a case.
type step struct {
	Name    string
	Done    bool
	Skipped bool // nobody recorded it, and it must have happened
	Now     bool // the one the case waits for
}

// refundView is a refund in words.
type refundView struct {
	refunds.Refund
	State     badge
	Words     string
	Reference string
	Why       string // it failed or was taken back; for staff
}

// Paid is what goes back, in minor units.
func (v refundView) Paid() int64 { return v.Amount() }

// statusWord is a status as addresses and programs have it.
func statusWord(s returns.Status) string { return strings.ToUpper(string(s)) }

// caseState is the status in words, with its tone.
func caseState(s returns.Status) badge {
	switch s {
	case returns.StatusRefunded:
		return badge{"good", "Refunded"}
	case returns.StatusRejected:
		return badge{"bad", "Rejected"}
	case returns.StatusCanceled:
		return badge{"", "Cancelled"}
	case returns.StatusPendingCustomerInfo:
		return badge{"warn", "Waits for the customer"}
	case returns.StatusPendingAuthorization:
		return badge{"warn", "Waits for authorisation"}
	case returns.StatusAuthorized:
		return badge{"info", "Authorised"}
	}
	return badge{"info", words(s)}
}

// stepsOf says what has happened of a case. Goods may arrive that nobody noted
// as sent; a case that was ended keeps what it reached.
func stepsOf(c returns.Return) []step {
	received := len(c.Receipts) > 0
	out := []step{
		{Name: "Requested", Done: true},
		{Name: "Authorised", Done: c.RMA != ""},
		{Name: "Sent", Done: c.Shipment != nil, Skipped: c.Shipment == nil && received},
		{Name: "Received", Done: received},
		{Name: "Inspected", Done: c.Inspection != nil && c.Status != returns.StatusUnderInspection},
		{Name: "Refunded", Done: c.RefundID != ""},
	}
	if i := slices.IndexFunc(out, func(s step) bool { return !s.Done && !s.Skipped }); i >= 0 {
		out[i].Now = !c.Status.Final()
	}
	return out
}

// refundState is what a refund's state means to who waits for it.
func refundState(r refunds.Refund) (badge, string) {
	switch {
	case r.Status == refunds.StatusSucceeded && r.Method == payment.StoreCredit:
		return badge{"good", "Paid"}, "The amount is in the account as store credit."
	case r.Status == refunds.StatusSucceeded && r.Method == payment.Cash:
		return badge{"good", "Paid"}, "The amount was paid out in cash."
	case r.Status == refunds.StatusSucceeded:
		return badge{
			"good",
			"Paid",
		}, "The money is on its way to the account; banks take up to ten days to show a card refund."
	case r.Status == refunds.StatusUnknown:
		return badge{
			"warn",
			"Not known yet",
		}, "The payment provider has not said whether it paid. It is looked up until that is certain, and never paid twice."
	case r.OnHold() && r.HoldRef == refunds.AwaitingMethod:
		return badge{
			"warn",
			"To be paid again",
		}, "The payment provider took the refund back. Staff choose how it is paid again; store credit always works."
	case r.OnHold():
		return badge{
			"warn",
			"Held back",
		}, "The customer's bank disputes the payment, so nothing goes back until that is over."
	case r.Status.Open():
		return badge{"warn", "On its way"}, "The refund waits for the payment provider, and goes on by itself."
	case r.Status == refunds.StatusReversed:
		return badge{"bad", "Taken back"}, "The payment provider took the refund back. Staff pay it again."
	}
	return badge{
		"bad",
		"Failed",
	}, "The refund did not go through and nothing was paid. Staff try again, or pay by another method."
}

// caseViews completes cases with their orders, customers and refunds, each
// read in one query however many cases there are.
func (s *server) caseViews(r *http.Request, cases []returns.Return) ([]caseView, error) {
	if len(cases) == 0 {
		return nil, nil
	}
	found, err := s.Endpoints.Cases(r.Context(), cases)
	if err != nil {
		return nil, err
	}
	customers := make([]string, 0, len(cases))
	for _, c := range cases {
		customers = append(customers, c.CustomerID)
	}
	people, err := s.Auth.UsersByID(r.Context(), customers)
	if err != nil {
		return nil, err
	}
	out := make([]caseView, 0, len(cases))
	for _, c := range found {
		v := caseView{
			Return:   c.Return,
			State:    caseState(c.Status),
			Steps:    stepsOf(c.Return),
			Order:    c.Order,
			Currency: c.Order.Currency,
			Customer: people[c.CustomerID],
		}
		if c.Refund != nil {
			refund := *c.Refund
			v.Refund = &refundView{Refund: refund}
			v.Refund.State, v.Refund.Words = refundState(refund)
			if a := refund.Attempt(); a != nil {
				v.Refund.Reference = a.ProviderID
				if refund.Status == refunds.StatusFailed || refund.Status == refunds.StatusReversed {
					v.Refund.Why = problem.RefundFailed(a.FailureCode, a.FailureReason)
				}
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// photo serves a photo of a case to its customer and to staff. It is always an
// image we made, and is shown as nothing else.
func (s *server) photo(w http.ResponseWriter, r *http.Request) error {
	body, e, err := s.Endpoints.Photo(r.Context(), user(r), r.PathValue("id"), r.PathValue("photo"))
	if err != nil {
		return err
	}
	defer body.Close()
	h := w.Header()
	h.Set("Content-Type", "image/jpeg")
	if e.ContentType == "image/png" {
		h.Set("Content-Type", "image/png")
	}
	h.Set("Content-Length", strconv.FormatInt(e.Bytes, 10))
	h.Set("Content-Disposition", "inline")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "private, max-age=3600")
	if _, err := io.Copy(w, body); err != nil {
		// The answer has begun; its length tells the browser that it is cut.
		s.Log.DebugContext(r.Context(), "photo not sent whole", "error", err.Error())
	}
	return nil
}
