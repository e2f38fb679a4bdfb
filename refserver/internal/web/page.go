package web

import (
	"cmp"
	"encoding/json"
	"errors"
	"html/template"
	"log/slog"
	"net/http"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// page is what the layout shows around a page's own Body.
type page struct {
	Title        string
	StyleVersion string
	User         *auth.User // nil: nobody signed in
	Staff        bool
	Nav          template.HTML
	Desk         []navGroup // of pages of the desk
	DeskHome     string     // where this member of staff begins
	CartUnits    int
	Unread       int  // notices
	InCart       bool // this is the page of the cart
	Notes        []note
	RequestID    string
	Body         any
}

// page renders the page name with status 200.
func (s *server) page(w http.ResponseWriter, r *http.Request, name, title string, body any, notes ...note) error {
	return s.pageStatus(w, r, http.StatusOK, name, title, body, notes...)
}

func (s *server) pageStatus(
	w http.ResponseWriter,
	r *http.Request,
	status int,
	name, title string,
	body any,
	notes ...note,
) error {
	p := page{
		Title: title, StyleVersion: s.pages.style, Body: body, Notes: notes,
		RequestID: w.Header().Get(observability.RequestIDHeader),
	}
	if u, ok := auth.FromContext(r.Context()); ok {
		nav, err := s.pages.nav(r.URL.Path)
		if err != nil {
			return err
		}
		p.User, p.Staff, p.Nav = &u, u.IsStaff(), nav
		p.CartUnits, p.InCart = s.cartUnits(r, body), r.URL.Path == "/cart"
		p.Unread = s.unread(r)
		if p.Staff {
			p.DeskHome = deskHome(u)
		}
		if onDesk(u, r.URL.Path) {
			p.Desk = s.deskNav(r, u)
		}
	}
	if message := s.Auth.TakeFlash(r.Context()); message != "" {
		p.Notes = append([]note{{Tone: "info", Text: message}}, p.Notes...)
	}
	refused := refusalOf(r)
	if refused == nil || name == "error" {
		return s.pages.render(w, status, name, p)
	}
	shown, err := s.pages.bytes(name, p)
	if err == nil {
		shown, err = s.mark(shown, cmp.Or(refused.action, r.URL.Path), refused)
	}
	if err != nil {
		return err
	}
	return writePage(w, status, shown)
}

// failBody is the Body of the error page.
type failBody struct {
	Status  int
	Heading string
	Message string
}

// fail answers an error, in words, with the status the table gives it; a cause
// that is ours is logged and never shown.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if to, ok := errors.AsType[elsewhere](err); ok {
		http.Redirect(w, r, string(to), http.StatusSeeOther)
		return
	}
	p := problem.Of(err)
	if p.Internal {
		s.Log.ErrorContext(r.Context(), "request failed", "error", err.Error())
	} else {
		s.Log.DebugContext(r.Context(), "request refused", "code", p.Code, "error", err.Error())
	}
	if s.again(w, r, p) {
		return
	}
	s.failWith(w, r, p)
}

func (s *server) failWith(w http.ResponseWriter, r *http.Request, p problem.Problem) {
	p.SetRetryAfter(w.Header())
	body := failBody{Status: p.Status, Heading: heading(p.Status), Message: asSentence(p.Message)}
	err := s.pageStatus(w, r, p.Status, "error", body.Heading, body)
	if err != nil {
		s.Log.ErrorContext(r.Context(), "error page failed", slog.Any("error", err))
		http.Error(w, p.Message, p.Status)
	}
}

func heading(status int) string {
	switch status {
	case http.StatusForbidden:
		return "Not allowed"
	case http.StatusNotFound:
		return "Not found"
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return "Busy"
	case http.StatusConflict, http.StatusPreconditionFailed:
		return "This has changed"
	case http.StatusPaymentRequired:
		return "Payment declined"
	}
	if status >= http.StatusInternalServerError {
		return "Something went wrong"
	}
	return "Request failed"
}

// answer writes v as JSON.
func answer(w http.ResponseWriter, status int, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return errors.Join(errors.New("encode answer"), err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, err = w.Write(append(data, '\n'))
	return err
}
