package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/upload"
	"github.com/returnkit/returnkit/returns"
)

func (s *server) requestReturn(w http.ResponseWriter, r *http.Request) error {
	var mistake error // in the fields of the owner's form, whose photos are kept all the same
	in, err := s.readPhotos(w, r, s.unlessKnown(r, func(f url.Values) error {
		p, err := readRequest(f)
		if err != nil {
			return nil // what is missing may come behind the photos
		}
		mistake = s.Endpoints.CheckRequest(r.Context(), user(r), p)
		if s.staysOpen(r, p.OrderID, mistake) {
			return nil
		}
		return mistake
	}))
	defer func() { in.Close() }()
	if err = cmp.Or(mistake, err); err != nil {
		return s.requestAgain(w, in, err)
	}
	if in.Form.Get("step") == stepEstimate {
		s.stage(in, nil)
		return s.estimateAgain(w, in.Request(), in.Form)
	}
	return s.onceRead(w, in, func(w http.ResponseWriter, r *http.Request) error {
		p, err := readRequest(in.Form)
		if err != nil {
			return s.requestAgain(w, in, err)
		}
		photos, end, err := s.photosOf(in)
		defer end()
		if err != nil {
			return s.requestAgain(w, in, err)
		}
		c, err := s.Endpoints.RequestReturn(r.Context(), user(r), p, photos)
		if err != nil {
			return s.requestAgain(w, in, err)
		}
		s.unstage(in)
		return s.redirect(w, r, "/returns", c.Message)
	})
}

// staysOpen reports whether a request with a mistake is shown again to who can correct it, so that
// its photos are worth keeping.
func (s *server) staysOpen(r *http.Request, orderID string, mistake error) bool {
	if mistake == nil || problem.Of(mistake).Internal || s.Endpoints.Off(feature.Returns, user(r).ID) != "" {
		return false
	}
	_, err := s.ownOrderOf(r, strings.TrimSpace(orderID))
	return err == nil
}

// requestAgain is requestRefused with the photos kept.
func (s *server) requestAgain(w http.ResponseWriter, in *upload.Intake, err error) error {
	if s.staysOpen(in.Request(), in.Form.Get("sale_id"), err) {
		s.stage(in, err)
	}
	return s.requestRefused(w, in.Request(), in.Form, err)
}

// alsoWrong adds to what is missing in a form what its items would be refused for, so that all of it
// is said at once. Another error it returns as it is. Where no returns are accepted, that is all there
// is to say.
func (s *server) alsoWrong(r *http.Request, f url.Values, err error) error {
	if s.Endpoints.Off(feature.Returns, user(r).ID) != "" {
		return endpoint.FeatureOff(feature.Returns)
	}
	p := problem.Of(err)
	o, failed := s.ownOrderOf(r, f.Get("sale_id"))
	if p.Status != http.StatusBadRequest || failed != nil || len(o.Lines) == 0 {
		return err
	}
	ask, _ := readRequest(f)
	unread := slices.ContainsFunc(p.Mistakes, func(m problem.Mistake) bool {
		return strings.HasPrefix(m.Field, quantityPrefix)
	})
	switch nothing := problem.Invalid(quantityPrefix+o.Lines[0].ID, noItems); {
	case len(ask.Items) == 0 && (p.Verdict != nil || p.Field == "items"):
		return nothing
	case len(ask.Items) == 0 && !unread:
		return problem.Join(err, nothing)
	case p.Verdict != nil || p.Code != string(returns.CodeInvalid):
		return err
	}
	ask.Estimate, ask.Reason = nil, cmp.Or(ask.Reason, string(returns.ReasonOther))
	verdict := problem.Of(s.Endpoints.CheckRequest(r.Context(), user(r), ask)).Verdict
	if verdict == nil {
		return err
	}
	var more []problem.Mistake
	for _, l := range verdict.Lines {
		for _, finding := range l.Findings {
			more = append(more, problem.Mistake{Field: quantityPrefix + l.OrderLineID, Prompt: finding.Message()})
		}
	}
	return problem.Join(err, problem.Mistaken(more...))
}

// noItems is said to a request for nothing.
const noItems = "Choose at least one item and how many of it you want to return."

// requestRefused shows the form again, as it was filled in, with what is wrong.
func (s *server) requestRefused(w http.ResponseWriter, r *http.Request, f url.Values, err error) error {
	form := requestFormOf(f)
	p := problem.Of(s.alsoWrong(r, f, err))
	if p.Internal || form.OrderID == "" && len(f) == 0 {
		return err
	}
	if p.Code == string(returns.CodePriceChanged) {
		return s.inPageTurn(w, r, func(w http.ResponseWriter) error { return s.estimateChanged(w, r, f) })
	}
	form.refuse(p)
	if p.RetryAfter > 0 {
		p.SetRetryAfter(w.Header())
	}
	refusedIn(r, p, f, "/returns/request")
	return s.inPageTurn(w, r, func(w http.ResponseWriter) error {
		if s.Endpoints.Off(feature.Returns, user(r).ID) != "" {
			return s.showReturns(w, r, p.Status, form, notesOf(p)...)
		}
		if _, err := s.ownOrderOf(r, form.OrderID); err == nil {
			return s.showNewReturn(w, r, p.Status, form, s.estimateOf(r, f), notesOf(p)...)
		}
		return s.showReturns(w, r, p.Status, form, notesOf(p)...)
	})
}
