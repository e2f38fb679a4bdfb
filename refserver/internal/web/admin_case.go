package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// adminCaseBody is one case as staff work on it.
type adminCaseBody struct {
	Case     caseView
	Events   []entry
	Findings []caseFinding // of the request, in words
	Terms    returns.Terms
	Quote    *quoteView // nil: nothing can be paid back now
	NotYet   string     // why not
	Methods  []payment.Method
	Rules    []string
	Form     url.Values // what was typed into an action that was refused
	Self     string
	Key      string // makes a double click on the refund one
	Outside  *outsideView
	Rests    []restView
	Rest     *restDue // nil: nothing more is owed
	// What can be done in this status.
	CanAuthorize, CanReject, CanAsk, CanShip, CanReceive, CanInspect, CanRefund, CanOverride bool

	Conditions   []returns.Condition
	Dispositions []returns.Disposition
	Proposed     returns.Disposition // from the reason alone
}

// caseFinding is a finding of the verdict with what it is about.
type caseFinding struct {
	About   string
	Message string
}

// quoteView is what would be paid back, line by line.
type quoteView struct {
	refunds.Quote
	Lines   []quoteLine
	Balance refunds.Balance
}

// Decimal is the amount as a form sends it back: what somebody saw is what is
// paid, or nothing.
func (q quoteView) Decimal() string { return money.New(q.Amount, q.Currency).Decimal() }

type quoteLine struct {
	Name string
	refunds.QuoteLine
}

// RefundButton names what the button of the refund does.
func (b adminCaseBody) RefundButton() string {
	if r := b.Case.Refund; r != nil && r.Status != refunds.StatusFailed && r.Status != refunds.StatusReversed {
		return "Retry refund"
	}
	if b.Quote != nil {
		return "Refund " + amount(b.Quote.Amount, b.Quote.Currency)
	}
	return "Pay refund"
}

// MoneyTitle is the heading over what is refunded.
func (b adminCaseBody) MoneyTitle() string {
	switch {
	case b.Case.Refund != nil:
		return "Refund"
	case b.Case.Inspection == nil:
		return "Refund summary (estimate before inspection)"
	}
	return "Refund summary"
}

// Value is what was typed into a field.
func (b adminCaseBody) Value(field string) string { return b.Form.Get(field) }

// Chosen reports whether a field holds the value.
func (b adminCaseBody) Chosen(field, value string) bool {
	for _, v := range b.Form[field] {
		if v == value {
			return true
		}
	}
	return false
}

func (s *server) adminCase(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Endpoints.AnyReturn(r.Context(), user(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.showAdminCase(w, r, http.StatusOK, c, nil)
}

func (s *server) showAdminCase(
	w http.ResponseWriter,
	r *http.Request,
	status int,
	c returns.Return,
	form url.Values,
	notes ...note,
) error {
	views, err := s.caseViews(r, []returns.Return{c})
	if err != nil {
		return err
	}
	v := views[0]
	body := adminCaseBody{
		Case: v, Form: form, Self: user(r).Username, Key: newKey(), Rules: returns.Rules(),
		Findings: findingsOf(v), Conditions: returns.AllConditions(), Dispositions: returns.AllDispositions(),
		Proposed: returns.ProposeDisposition(c.Reason, ""),
	}
	body.allowSteps()
	if body.Terms, err = s.Endpoints.TermsOf(r.Context(), c.TermsID); err != nil {
		return err
	}
	if body.Events, err = s.timeline(r, v, true); err != nil {
		return err
	}
	if err := s.quote(r, &body); err != nil {
		return err
	}
	if body.Outside, err = s.outsideOf(r, v.Order); err != nil {
		return err
	}
	if body.Rests, err = s.restsOf(r.Context(), c.OrderID); err != nil {
		return err
	}
	if body.Rest, err = s.restDueOf(r, v.Order); err != nil {
		return err
	}
	if err := s.lessOutside(r, c, &body); err != nil {
		return err
	}
	own, err := s.permit(r, &body)
	if err != nil {
		return err
	}
	return s.pageStatus(w, r, status, "admin_return", v.Name(), body, append(notes, own...)...)
}

// allowSteps sets which steps the status of the return allows.
func (b *adminCaseBody) allowSteps() {
	v, status := b.Case, b.Case.Status
	b.CanAuthorize = status == returns.StatusPendingAuthorization && v.canGo(returns.StatusAuthorized)
	b.CanReject = v.canGo(returns.StatusRejected) &&
		(status == returns.StatusPendingAuthorization || status == returns.StatusAuthorized ||
			status == returns.StatusPendingCustomerInfo)
	b.CanAsk = v.canGo(returns.StatusPendingCustomerInfo)
	b.CanShip = v.canGo(returns.StatusInTransit)
	b.CanReceive = v.canGo(returns.StatusReceived) || status == returns.StatusReceived
	b.CanInspect = status == returns.StatusReceived || status == returns.StatusUnderInspection
	b.CanOverride = !status.Final()
}

// quote fills in what would be paid back, or why nothing can be.
func (s *server) quote(r *http.Request, body *adminCaseBody) error {
	c := body.Case
	if c.Refund != nil && c.Refund.Status != refunds.StatusFailed && c.Refund.Status != refunds.StatusReversed &&
		c.Refund.HoldRef != refunds.AwaitingMethod && len(c.Refund.Failed()) == 0 {
		body.CanRefund = c.Refund.Status.Open()
		body.Methods = []payment.Method{c.Refund.Method}
		body.Quote = quoteOf(c, c.Refund.Quote, refunds.Balance{})
		return nil
	}
	q, balance, err := s.Endpoints.QuoteRefund(r.Context(), user(r), c.ID, false)
	if p := problem.Of(err); err != nil && p.Internal {
		return err
	} else if err != nil {
		body.NotYet = asSentence(p.Message)
		// A method the terms do not take says nothing about the others.
		if refunds.CodeOf(err) != refunds.CodeMethod {
			return nil
		}
	} else {
		body.Quote = quoteOf(c, q, balance)
	}
	body.CanRefund = true
	for _, m := range []payment.Method{payment.OriginalMethod, payment.Card, payment.Cash, payment.StoreCredit} {
		if m == payment.Card && !paidByCard(c.Order.Purchase()) {
			continue
		}
		if allowed(c.Return, body.Terms.Policy, m) {
			body.Methods = append(body.Methods, m)
		}
	}
	body.Methods = s.Endpoints.Offered(c.CustomerID, body.Methods)
	return nil
}

// lessOutside offers to refund what is left, where others gave back so much that the case can't
// be refunded whole.
func (s *server) lessOutside(r *http.Request, c returns.Return, body *adminCaseBody) error {
	o, q := body.Outside, body.Quote
	if o == nil || q == nil || !body.CanRefund || c.Status != returns.StatusApproved && !c.Reversed() {
		return nil
	}
	left, _, err := s.Endpoints.QuoteRefund(r.Context(), user(r), c.ID, true)
	if err != nil || left.Amount >= q.Amount {
		return err
	}
	o.CaseID, o.Key, o.Left = c.ID, body.Key, left.Amount
	// Store credit where it is given, else cash.
	o.Method = s.Endpoints.Offered(c.CustomerID, []payment.Method{payment.StoreCredit, payment.Cash})[0]
	return nil
}

// paidByCard reports whether a payment of the order was by card.
func paidByCard(o purchase.Purchase) bool {
	return slices.ContainsFunc(o.Payments, func(p purchase.Payment) bool { return p.Method == payment.Card })
}

func allowed(c returns.Return, p returns.Policy, m payment.Method) bool {
	if len(p.Methods) == 0 || c.Overridden(returns.RuleRefundMethod) {
		return true
	}
	for _, a := range p.Methods {
		if a == m {
			return true
		}
	}
	return false
}

// Joined is what the refunds before carried over and this one pays, in minor units.
func (q quoteView) Joined() int64 { return -q.Carried }

func quoteOf(c caseView, q refunds.Quote, b refunds.Balance) *quoteView {
	v := &quoteView{Quote: q, Balance: b}
	for _, l := range q.Lines {
		bought, _ := c.Order.Line(l.OrderLineID)
		v.Lines = append(v.Lines, quoteLine{Name: bought.Name, QuoteLine: l})
	}
	return v
}

func findingsOf(c caseView) []caseFinding {
	var out []caseFinding
	for _, f := range c.Verdict.Findings {
		out = append(out, caseFinding{About: "Request", Message: f.Message()})
	}
	for _, l := range c.Verdict.Lines {
		bought, _ := c.Order.Line(l.OrderLineID)
		for _, f := range l.Findings {
			out = append(out, caseFinding{About: cmp.Or(bought.Name, "Item"), Message: f.Message()})
		}
	}
	return out
}

// doer does something to the case of an address, and returns what to say of it.
type doer[P any] func(r *http.Request, id string, p P) (string, error)

// message is what a use case says of what it did.
func message[P any](do func(context.Context, auth.User, string, P) (endpoint.ReturnChange, error)) doer[P] {
	return func(r *http.Request, id string, p P) (string, error) {
		c, err := do(r.Context(), user(r), id, p)
		return c.Message, err
	}
}

// act reads the form of an action, does it, and goes back to the case. A
// refusal shows the case again with what was typed.
func act[P any](s *server, do doer[P]) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id := r.PathValue("id")
		var p P
		err := readForm(r, &p)
		if err == nil {
			var done string
			if done, err = do(r, id, p); err == nil {
				return s.redirect(w, r, "/admin/returns/"+id, done)
			}
		}
		q := problem.Of(err)
		if q.Internal || q.Status == http.StatusNotFound {
			return err
		}
		c, err := s.Endpoints.AnyReturn(r.Context(), user(r), id)
		if err != nil {
			return err
		}
		refused(r, q, nil)
		return s.showAdminCase(w, r, q.Status, c, r.PostForm, notesOf(q)...)
	}
}

// decisionForm is the form by which a return is authorized or rejected.
type decisionForm struct {
	Decision string `json:"decision" validate:"word=approve reject"`
	Notes    string `json:"decision_notes"`
}

func (s *server) decide(r *http.Request, id string, f decisionForm) (string, error) {
	approve := strings.EqualFold(f.Decision, "approve")
	if !approve && strings.TrimSpace(f.Notes) == "" {
		return "", problem.Invalid("decision_notes", "Enter the reason for the rejection. The customer reads it.")
	}
	p := endpoint.DecisionParams{Approve: &approve, Notes: f.Notes}
	return message(s.Endpoints.DecideReturn)(r, id, p)
}

// inspect records an inspection. A line counts as named when anything about its
// units is filled in; where the whole is approved also when the form sent its
// disposition empty, so that one is proposed.
func (s *server) inspect(r *http.Request, id string, p endpoint.InspectionParams) (string, error) {
	if strings.EqualFold(p.Result, string(returns.InspectionApproved)) {
		for _, line := range sortedKeys(perLine(r.PostForm, "disposition_")) {
			named := func(l endpoint.InspectionLine) bool { return l.OrderLineID == line }
			if !slices.ContainsFunc(p.Lines, named) {
				p.Lines = append(p.Lines, endpoint.InspectionLine{OrderLineID: line})
			}
		}
	}
	return message(s.Endpoints.InspectReturn)(r, id, p)
}

func (s *server) refund(r *http.Request, id string, p endpoint.RefundParams) (string, error) {
	c, err := s.Endpoints.RefundReturn(r.Context(), user(r), id, p)
	return c.Message, err
}

func (s *server) closeTask(r *http.Request, id string, p endpoint.NoteParams) (string, error) {
	task, err := strconv.Atoi(r.PathValue("task"))
	if err != nil {
		return "", returns.ErrNotFound
	}
	c, err := s.Endpoints.CloseReturnTask(r.Context(), user(r), id, task, p)
	return c.Message, err
}
