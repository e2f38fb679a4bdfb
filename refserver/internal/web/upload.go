package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/idempotency"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/upload"
	"github.com/returnkit/returnkit/returns"
)

// maxLines is far over what any order has.
const maxLines = 200

// takeIn admits the body of a request with photos, and reads it with judge, who
// is asked as soon as the first photo begins. Close what it returns.
func (s *server) takeIn(w http.ResponseWriter, r *http.Request, judge func(url.Values) error) (*upload.Intake, error) {
	in, err := s.Uploads.Begin(w, r, user(r).ID, false)
	if err != nil {
		return in, err
	}
	if err := in.ReadForm(judge); err != nil {
		return in, err
	}
	return in, problem.CheckFields(in.Form)
}

// onceTaken carries out h once under the Idempotency-Key of the header or of
// the form that was taken in.
func (s *server) onceTaken(w http.ResponseWriter, in *upload.Intake, h handler) error {
	r := in.Request()
	keys := s.keys(false)
	keys.Once(w, r, formKey(r, in.Form), in.Sum(), s.adapt(h))
	return nil
}

// formKey is the Idempotency-Key of a request.
func formKey(r *http.Request, f url.Values) string {
	if key := r.Header.Get(idempotency.Header); key != "" {
		return key
	}
	return f.Get(idempotency.Header)
}

// unlessKnown is judge for a request that was not sent before under its key:
// one that was is answered the same, whatever has become of what it asked for.
func (s *server) unlessKnown(r *http.Request, judge func(url.Values) error) func(url.Values) error {
	return func(f url.Values) error {
		keys := s.keys(false)
		known, err := keys.Known(r, formKey(r, f))
		if known || err != nil {
			return err
		}
		return judge(f)
	}
}

// requestForm is a request for a return as it was typed, so that a refused one
// comes back as it was.
type requestForm struct {
	OrderID, Reason, Details string
	Quantities               map[string]string // by order line id
	Problem                  string
	Field                    string            // what the problem is about
	LineProblems             map[string]string // by order line id

	// For staff alone.
	OverrideReason string
	Rules          []string
}

const quantityPrefix = "quantity_"

func requestFormOf(f url.Values) requestForm {
	return requestForm{
		OrderID: strings.TrimSpace(
			f.Get("sale_id"),
		), Reason: strings.ToUpper(strings.TrimSpace(f.Get("reason"))), Details: f.Get("details"),
		Quantities: perLine(f, quantityPrefix), OverrideReason: f.Get("override_reason"), Rules: f["rules"],
	}
}

// once refuses a form that gives a field more than once: which of them would
// count is nobody's to guess. rules is a list.
func once(f url.Values) error {
	for _, name := range sortedKeys(f) {
		if len(f[name]) > 1 && name != "rules" {
			return problem.Invalid(
				name,
				fmt.Sprintf(
					"The field %s is given %d times. Give it once, with the whole quantity.",
					name,
					len(f[name]),
				),
			)
		}
	}
	return nil
}

// perLine are the fields prefixLINEID, by line id.
func perLine(f url.Values, prefix string) map[string]string {
	out := map[string]string{}
	for name, values := range f {
		if id, ok := strings.CutPrefix(name, prefix); ok && id != "" && len(values) > 0 {
			out[id] = strings.TrimSpace(values[0])
		}
	}
	return out
}

// request checks the shape of the form: that numbers are numbers. A line that
// is left empty, or at 0, does not come back. What may be asked for is for the
// policy to say.
func (f requestForm) request() (returns.CreateParams, error) {
	q := returns.CreateParams{OrderID: f.OrderID, Reason: returns.Reason(f.Reason), Details: f.Details}
	if f.OrderID == "" {
		return q, problem.Invalid("sale_id", "Choose an order.")
	}
	if f.Reason == "" {
		return q, problem.Invalid("reason", "Choose a reason.")
	}
	if len(f.Quantities) > maxLines {
		return q, problem.Invalid(
			"quantity",
			fmt.Sprintf("The form has %d lines; an order has at most %d.", len(f.Quantities), maxLines),
		)
	}
	for _, id := range sortedKeys(f.Quantities) {
		n, err := units(quantityPrefix+id, f.Quantities[id])
		if err != nil {
			return q, err
		}
		if n != 0 {
			q.Items = append(q.Items, returns.RequestItem{OrderLineID: id, Quantity: n})
		}
	}
	return q, nil
}

// units reads a whole number of units; empty is 0.
func units(field, text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, problem.Invalid(
			field,
			fmt.Sprintf("A quantity is %q; it must be a whole number, such as 1.", clip(text)),
		)
	}
	return n, nil
}

// refuse notes what was wrong, on the line it is about where there is one.
func (f *requestForm) refuse(p problem.Problem) {
	f.Problem, f.Field, f.LineProblems = p.Message, p.Field, map[string]string{}
	if id, ok := strings.CutPrefix(p.Field, quantityPrefix); ok {
		f.LineProblems[id] = p.Message
	}
	if p.Verdict == nil {
		return
	}
	for _, l := range p.Verdict.Lines {
		for _, finding := range l.Findings {
			f.LineProblems[l.OrderLineID] = strings.TrimSpace(f.LineProblems[l.OrderLineID] + " " + finding.Message())
		}
	}
}

// Quantity is what was typed for a line, 0 when nothing was.
func (f requestForm) Quantity(lineID string) string {
	if text, ok := f.Quantities[lineID]; ok {
		return text
	}
	return "0"
}

// LineProblem is what was wrong with a line.
func (f requestForm) LineProblem(lineID string) string { return f.LineProblems[lineID] }

// HasRule reports whether the override names the rule.
func (f requestForm) HasRule(rule string) bool { return slices.Contains(f.Rules, rule) }
