package web

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/returns"
)

const (
	// uploadMemory is how much of a form with photos is kept in memory; the
	// rest is in files until the request ends.
	uploadMemory = 4 << 20
	// maxDrain is how much of a form that is too large is read, to be able to
	// say so.
	maxDrain = 256 << 20
	// maxFiles and maxLines are far over what any policy takes; the policy's
	// own limits are named to who passes them.
	maxFiles = 100
	maxLines = 200
)

// within refuses a form larger than maxPhotos.
func (s *server) within(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := r.Body
		limited := http.MaxBytesReader(nil, body, maxPhotos)
		r.Body = struct {
			io.Reader
			io.Closer
		}{&drained{limited, body}, body}
		next.ServeHTTP(w, r)
	})
}

// drained reads a body; where that is over its limit, it reads the rest of
// what the client sends before it says so.
type drained struct{ limited, rest io.Reader }

func (d *drained) Read(p []byte) (int, error) {
	n, err := d.limited.Read(p)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		// How far that comes does not matter: the form is refused either way.
		_, _ = io.Copy(io.Discard, d.rest)
	}
	return n, err
}

// upload is the photos of a form.
type upload struct {
	photos []returns.Upload
	files  []io.Closer
	form   *multipart.Form
}

// readUpload reads a form, multipart or not, with the files named photos.
// close must be called whatever the error.
func readUpload(r *http.Request) (*upload, error) {
	u := &upload{}
	err := r.ParseMultipartForm(uploadMemory)
	u.form = r.MultipartForm
	if err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return u, formError(err)
	}
	if u.form == nil {
		return u, nil
	}
	if err := problem.CheckFields(u.form.Value); err != nil {
		return u, err
	}
	headers := u.form.File["photos"]
	if len(headers) > maxFiles {
		return u, problem.Invalid("photos", fmt.Sprintf("There are %d photos. At most %d can be sent at once.", len(headers), maxFiles))
	}
	for _, h := range headers {
		f, err := h.Open()
		if err != nil {
			return u, fmt.Errorf("open an uploaded photo: %w", err)
		}
		u.files = append(u.files, f)
		u.photos = append(u.photos, returns.Upload{Name: h.Filename, Body: f})
	}
	return u, nil
}

// close removes what the form left in files. An error leaves a temporary file
// behind, which the system clears away.
func (u *upload) close() {
	for _, f := range u.files {
		_ = f.Close()
	}
	if u.form != nil {
		_ = u.form.RemoveAll()
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
		OrderID: strings.TrimSpace(f.Get("sale_id")), Reason: strings.ToUpper(strings.TrimSpace(f.Get("reason"))), Details: f.Get("details"),
		Quantities: perLine(f, quantityPrefix), OverrideReason: f.Get("override_reason"), Rules: f["rules"],
	}
}

// once refuses a form that gives a field more than once: which of them would
// count is nobody's to guess. rules is a list.
func once(f url.Values) error {
	for _, name := range sortedKeys(f) {
		if len(f[name]) > 1 && name != "rules" {
			return problem.Invalid(name, fmt.Sprintf("The field %s is given %d times. Give it once, with the whole quantity.", name, len(f[name])))
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
func (f requestForm) request() (returns.Request, error) {
	q := returns.Request{OrderID: f.OrderID, Reason: returns.Reason(f.Reason), Details: f.Details}
	if f.OrderID == "" {
		return q, problem.Invalid("sale_id", "Choose the order first.")
	}
	if f.Reason == "" {
		return q, problem.Invalid("reason", "Choose a reason.")
	}
	if len(f.Quantities) > maxLines {
		return q, problem.Invalid("quantity", fmt.Sprintf("The form has %d lines; an order has at most %d.", len(f.Quantities), maxLines))
	}
	for _, id := range sortedKeys(f.Quantities) {
		n, err := units(quantityPrefix+id, f.Quantities[id])
		if err != nil {
			return q, err
		}
		if n != 0 {
			q.Items = append(q.Items, returns.AskItem{OrderLineID: id, Quantity: n})
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
		return 0, problem.Invalid(field, fmt.Sprintf("A quantity is %q; it must be a whole number, such as 1.", clip(text)))
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
