package web

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
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
	c, err := s.Returns.Return(r.Context(), r.PathValue("id"))
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
		Findings: findingsOf(
			v,
		), Conditions: returns.AllConditions(), Dispositions: returns.AllDispositions(), Proposed: returns.ProposeDisposition(c.Reason, ""),
		CanAuthorize: c.Status == returns.StatusPendingAuthorization && v.canGo(returns.StatusAuthorized),
		CanReject: v.canGo(returns.StatusRejected) &&
			(c.Status == returns.StatusPendingAuthorization || c.Status == returns.StatusAuthorized ||
				c.Status == returns.StatusPendingCustomerInfo),
		CanAsk: v.canGo(returns.StatusPendingCustomerInfo), CanShip: v.canGo(returns.StatusInTransit),
		CanInspect: c.Status == returns.StatusReceived ||
			c.Status == returns.StatusUnderInspection, CanOverride: !c.Status.Final(),
	}
	body.CanReceive = v.canGo(returns.StatusReceived) || c.Status == returns.StatusReceived
	if body.Terms, err = s.termsOf(r, c.TermsID); err != nil {
		return err
	}
	if body.Events, err = s.timeline(r, v, true); err != nil {
		return err
	}
	if err := s.quote(r, &body); err != nil {
		return err
	}
	return s.pageStatus(w, r, status, "admin_return", v.Name(), body, notes...)
}

// quote fills in what would be paid back, or why nothing can be.
func (s *server) quote(r *http.Request, body *adminCaseBody) error {
	c := body.Case
	if c.Refund != nil && c.Refund.Status != refunds.StatusFailed && c.Refund.Status != refunds.StatusReversed &&
		c.Refund.HoldRef != refunds.AwaitingMethod {
		body.CanRefund = c.Refund.Status.Open()
		body.Methods = []payment.Method{c.Refund.Method}
		body.Quote = quoteOf(c, c.Refund.Quote, refunds.Balance{})
		return nil
	}
	q, balance, err := s.Returns.Quote(r.Context(), c.ID, "")
	if p := problem.Of(err); err != nil && p.Internal {
		return err
	} else if err != nil {
		body.NotYet = p.Message
		// A method the terms do not take says nothing about the others.
		if refunds.CodeOf(err) != refunds.CodeMethod {
			return nil
		}
	} else {
		body.Quote = quoteOf(c, q, balance)
	}
	body.CanRefund = true
	for _, m := range []payment.Method{payment.OriginalMethod, payment.Card, payment.Cash, payment.StoreCredit} {
		if m == payment.Card && c.Order.Payment.Method != payment.Card {
			continue
		}
		if allowed(c.Return, body.Terms.Policy, m) {
			body.Methods = append(body.Methods, m)
		}
	}
	return nil
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

// act reads the form of an action, does it, and goes back to the case. A
// refusal shows the case again with what was typed.
func (s *server) act(w http.ResponseWriter, r *http.Request, do func(id string, f url.Values) (string, error)) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	id := r.PathValue("id")
	message, err := "", once(r.PostForm)
	if err == nil {
		message, err = do(id, r.PostForm)
	}
	if err == nil {
		return s.redirect(w, r, "/admin/returns/"+id, message)
	}
	p := problem.Of(err)
	if p.Internal || p.Status == http.StatusNotFound {
		return err
	}
	c, readErr := s.Returns.Return(r.Context(), id)
	if readErr != nil {
		return readErr
	}
	return s.showAdminCase(w, r, p.Status, c, r.PostForm, note{Tone: "bad", Text: p.Message})
}

func (s *server) authorize(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, func(id string, f url.Values) (string, error) {
		switch decision := strings.ToLower(strings.TrimSpace(f.Get("decision"))); decision {
		case "approve":
			c, err := s.Returns.Authorize(r.Context(), id, actor(r), f.Get("decision_notes"))
			return "The return is authorized: " + c.RMA + ".", err
		case "reject":
			if strings.TrimSpace(f.Get("decision_notes")) == "" {
				return "", problem.Invalid(
					"decision_notes",
					"Enter the reason for the rejection. The customer reads it.",
				)
			}
			_, err := s.Returns.Reject(r.Context(), id, actor(r), f.Get("decision_notes"))
			return "The return is rejected.", err
		default:
			return "", problem.Invalid(
				"decision",
				fmt.Sprintf("decision is %q; it must be approve or reject.", clip(decision)),
			)
		}
	})
}

func (s *server) requestInfo(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, func(id string, f url.Values) (string, error) {
		_, err := s.Returns.RequestInfo(r.Context(), id, actor(r), f.Get("note"))
		return "The question is sent to the customer.", err
	})
}

func (s *server) ship(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, func(id string, f url.Values) (string, error) {
		d := returns.Shipment{
			Carrier:        f.Get("carrier"),
			TrackingNumber: f.Get("tracking_number"),
			Notes:          f.Get("notes"),
		}
		_, err := s.Returns.Ship(r.Context(), id, actor(r), d)
		return "The shipment is recorded.", err
	})
}

// receive takes received_LINEID, the units of this arrival; with none given
// everything that is outstanding has arrived.
func (s *server) receive(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, func(id string, f url.Values) (string, error) {
		var lines []returns.ReceiptLine
		given := perLine(f, "received_")
		for _, line := range sortedKeys(given) {
			if given[line] == "" {
				continue
			}
			n, err := units("received_"+line, given[line])
			if err != nil {
				return "", err
			}
			lines = append(lines, returns.ReceiptLine{OrderLineID: line, Received: n})
		}
		_, err := s.Returns.Receive(
			r.Context(),
			id,
			actor(r),
			returns.ReceiveParams{Lines: lines, Notes: f.Get("notes")},
		)
		return "The parcel is marked as received.", err
	})
}

func (s *server) inspect(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, func(id string, f url.Values) (string, error) {
		in, err := inspection(f)
		if err != nil {
			return "", err
		}
		in.InspectedBy = cmp.Or(in.InspectedBy, user(r).Username)
		c, err := s.Returns.Inspect(r.Context(), id, actor(r), in)
		return "The inspection is recorded: " + strings.ToLower(caseState(c.Status).Text) + ".", err
	})
}

// inspection reads the form. A line counts as named when anything about its
// units is given; empty fields leave the choice to the result.
func inspection(f url.Values) (returns.InspectionInput, error) {
	in := returns.InspectionInput{
		Result:      returns.InspectionResult(strings.ToUpper(strings.TrimSpace(f.Get("result")))),
		InspectedBy: strings.TrimSpace(f.Get("inspected_by")), Notes: f.Get("notes"),
	}
	if in.Result == "" {
		return in, problem.Invalid("result", "Choose the result of the inspection.")
	}
	accepted, dispositions := perLine(f, "accepted_"), perLine(f, "disposition_")
	conditions, notes := perLine(f, "condition_"), perLine(f, "note_")
	named := map[string]bool{}
	for _, fields := range []map[string]string{accepted, dispositions, conditions, notes} {
		for line, value := range fields {
			if value != "" {
				named[line] = true
			}
		}
	}
	if in.Result == returns.InspectionApproved {
		for line := range dispositions { // sent by the form, though empty: one is proposed
			named[line] = true
		}
	}
	for _, line := range sortedKeys(named) {
		l := returns.InspectionLine{
			OrderLineID: line, Disposition: returns.Disposition(strings.ToLower(dispositions[line])),
			Condition: returns.Condition(strings.ToUpper(conditions[line])), Note: notes[line],
		}
		if accepted[line] != "" {
			n, err := units("accepted_"+line, accepted[line])
			if err != nil {
				return in, err
			}
			l.Accepted = &n
		}
		in.Lines = append(in.Lines, l)
	}
	return in, nil
}

func (s *server) override(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, func(id string, f url.Values) (string, error) {
		o := returns.Override{Reason: f.Get("reason")}
		for _, field := range f["rules"] {
			for _, rule := range strings.FieldsFunc(field, func(c rune) bool { return c == ',' || c == ' ' }) {
				o.Rules = append(o.Rules, strings.ToUpper(rule))
			}
		}
		_, err := s.Returns.Override(r.Context(), id, actor(r), o)
		return "The policy is overridden for this return.", err
	})
}

func (s *server) refund(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, func(id string, f url.Values) (string, error) {
		m := payment.Method(strings.ToLower(strings.TrimSpace(f.Get("method"))))
		paid, err := s.payBack(r, id, m, strings.TrimSpace(f.Get("refund_amount_available")))
		if err != nil {
			return "", err
		}
		state, more := refundState(paid)
		return fmt.Sprintf("Refund of %s by %s: %s. %s", amount(paid.Amount(), paid.Quote.Currency),
			strings.ToLower(words(paid.Method)), strings.ToLower(state.Text), more), nil
	})
}

func (s *server) closeTask(w http.ResponseWriter, r *http.Request) error {
	return s.act(w, r, func(id string, f url.Values) (string, error) {
		task, err := strconv.Atoi(r.PathValue("task"))
		if err != nil {
			return "", returns.ErrNotFound
		}
		_, err = s.Returns.CloseTask(r.Context(), id, actor(r), returns.Task{ID: task, Note: f.Get("note")})
		return "The task is closed.", err
	})
}
