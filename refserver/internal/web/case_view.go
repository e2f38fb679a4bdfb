package web

import (
	"fmt"
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

// Items says what the return is of: "2 × Mouse, 1 × Keyboard".
func (c caseView) Items() string {
	out := make([]string, len(c.Lines))
	for i, l := range c.Lines {
		out[i] = fmt.Sprintf("%d × %s", l.Quantity, l.Name)
	}
	return strings.Join(out, ", ")
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
	refunds.Intent
	State     badge
	Words     string
	Reference string
	Why       string    // it failed or was reversed; for staff
	Parts     []legView // where several payments give parts of it back
}

// legView is the part of a refund that one payment gives back.
type legView struct {
	refunds.Refund
	State     badge
	Reference string
}

// By is the method in words, empty where one has to be chosen again.
func (v legView) By() string {
	if v.HoldRef == refunds.AwaitingMethod {
		return ""
	}
	return strings.ToLower(words(v.Method))
}

// viewRefund is a refund in words, part by part where there are several.
func viewRefund(in refunds.Intent) *refundView {
	v := &refundView{Intent: in}
	v.State, v.Words = refundState(in.Refund)
	v.Reference, v.Why = referenceOf(in.Refund)
	if len(in.Legs) < 2 {
		return v
	}
	v.Reference = ""
	if in.Status == refunds.StatusSucceeded {
		v.Words = "All parts of the refund are paid. Banks can take up to 10 days to show what was sent to a card."
	}
	failed := in.Failed()
	for _, leg := range in.Legs {
		l := legView{Refund: leg}
		l.State, _ = refundState(leg)
		l.Reference, _ = referenceOf(leg)
		v.Parts = append(v.Parts, l)
	}
	if len(failed) > 0 {
		v.State, v.Words = badge{"warn", "Partly paid"}, "A part of the refund failed. The other parts are not "+
			"affected, and we will try the failed part again or pay it by another method."
		_, v.Why = referenceOf(failed[0])
	}
	return v
}

// referenceOf is the provider's or our reference of a refund, and why it failed.
func referenceOf(r refunds.Refund) (reference, why string) {
	a := r.Attempt()
	if a == nil {
		return "", ""
	}
	if r.Status == refunds.StatusFailed || r.Status == refunds.StatusReversed {
		why = problem.RefundFailed(a.FailureCode, a.FailureReason)
	}
	return a.ProviderID, why
}

// Paid is what goes back, in minor units.
func (v refundView) Paid() int64 { return v.Amount() }

// By is the method in words, empty where one has to be chosen again.
func (v refundView) By() string {
	if v.HoldRef == refunds.AwaitingMethod {
		return ""
	}
	return strings.ToLower(words(v.Method))
}

// reversed reports whether the provider reversed the refund and nothing was paid instead.
func (v *refundView) reversed() bool {
	return v != nil && (v.Status == refunds.StatusReversed || v.OnHold() && v.HoldRef == refunds.AwaitingMethod)
}

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
		return badge{"", "Canceled"}
	case returns.StatusPendingCustomerInfo:
		return badge{"warn", "Awaiting customer"}
	case returns.StatusPendingAuthorization:
		return badge{"warn", "Awaiting authorization"}
	case returns.StatusAuthorized:
		return badge{"info", "Authorized"}
	}
	return badge{"info", words(s)}
}

// show sets the state and the steps, which depend on the refund too: a case stays
// refunded in its own books when the provider reverses the refund.
func (c *caseView) show() {
	c.State, c.Steps = caseState(c.Status), stepsOf(c.Return)
	if c.Status != returns.StatusRefunded || c.Refund == nil || c.Refund.Status == refunds.StatusSucceeded {
		return
	}
	c.State = badge{"warn", "Refund pending"}
	if c.Refund.reversed() {
		c.State = badge{"bad", reversedText}
	}
	last := &c.Steps[len(c.Steps)-1]
	last.Done, last.Now = false, true
}

// reversedText says on every page that the provider reversed a refund.
const reversedText = "Reversed by the provider"

// stepsOf says what has happened of a case. Items may arrive that nobody recorded
// as shipped; a case that was ended keeps what it reached.
func stepsOf(c returns.Return) []step {
	received := len(c.Receipts) > 0
	out := []step{
		{Name: "Requested", Done: true},
		{Name: "Authorized", Done: c.RMA != ""},
		{Name: "Shipped", Done: c.Shipment != nil, Skipped: c.Shipment == nil && received},
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
		return badge{"good", "Paid"}, "The amount was added as store credit."
	case r.Status == refunds.StatusSucceeded && r.Method == payment.Cash:
		return badge{"good", "Paid"}, "The amount was paid in cash."
	case r.Status == refunds.StatusSucceeded:
		return badge{"good", "Paid"}, "The refund was sent to the card. Banks can take up to 10 days to show it."
	case r.Status == refunds.StatusUnknown:
		return badge{"warn", "Outcome unknown"},
			"The payment provider has not confirmed this refund. We keep checking, and it is never paid twice."
	case r.OnHold() && r.HoldRef == refunds.AwaitingMethod:
		return badge{"warn", reversedText},
			"The payment provider reversed this refund, so it was not paid. We will pay it again by another method."
	case r.OnHold() && r.HoldRef == refunds.PaidOutside:
		return badge{"warn", "On hold"},
			"Part of the payment was refunded already, so we have to check this refund first."
	case r.OnHold():
		return badge{"warn", "On hold"}, "The payment is disputed. The refund is on hold until the dispute is resolved."
	case r.Status.Open():
		return badge{"warn", "Pending"}, "The payment provider is processing the refund. No action is needed."
	case r.Status == refunds.StatusReversed:
		return badge{"bad", reversedText},
			"The payment provider reversed this refund, so it was not paid. We will pay it again."
	}
	return badge{"bad", "Failed"}, "The refund failed and nothing was paid. We will retry or use another method."
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
			Order:    c.Order,
			Currency: c.Order.Currency,
			Customer: people[c.CustomerID],
		}
		if c.Refund != nil {
			v.Refund = viewRefund(*c.Refund)
		}
		v.show()
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
		s.Log.DebugContext(r.Context(), "photo was not sent completely", "error", err.Error())
	}
	return nil
}
