package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/idempotency"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/upload"
)

// readPhotos reads a form with photos. judge, which may be nil, is asked as soon as
// the first photo begins. Close what it returns.
func (s *server) readPhotos(
	w http.ResponseWriter,
	r *http.Request,
	judge func(url.Values) error,
) (*upload.Intake, error) {
	in, err := s.Uploads.Begin(w, r, user(r).ID, false)
	if err != nil {
		return in, err
	}
	if err := in.ReadForm(judge); err != nil {
		return in, err
	}
	return in, problem.CheckFields(in.Form)
}

// onceRead runs h once under the Idempotency-Key of the header or of the
// form that was read.
func (s *server) onceRead(w http.ResponseWriter, in *upload.Intake, h handler) error {
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

// unlessKnown is judge for a request that was not sent before under its key: one
// that was is answered the same, whatever has changed since.
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
	Staged                   []string          // ids of photos that were sent before and are kept
	Unkept                   bool              // some were sent that are not kept

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
		Staged: f[stagedField], Unkept: f.Has(unkeptField),
	}
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

// readRequest reads the form of a request. A line that is left empty, or at 0,
// is not returned.
func readRequest(f url.Values) (endpoint.ReturnParams, error) {
	var p endpoint.ReturnParams
	err := input.Form(f, &p)
	p.Items = slices.DeleteFunc(p.Items, func(it endpoint.ItemParams) bool {
		return it.Quantity == nil || *it.Quantity == 0
	})
	return p, err
}

// refuse notes what was wrong, on the line it is about where there is one.
func (f *requestForm) refuse(p problem.Problem) {
	f.Field, f.LineProblems = p.Field, map[string]string{}
	f.Problem = p.PageMessage()
	for _, m := range p.Mistakes {
		if id, ok := strings.CutPrefix(m.Field, quantityPrefix); ok {
			f.LineProblems[id] = m.Words()
		}
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
