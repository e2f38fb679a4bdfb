package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// confirmBody is the form that takes the password again.
type confirmBody struct {
	Next    string // where the user returns to
	Problem string
}

const confirmTitle = "Enter your password"

// askPassword answers an action that needs the password again with the form
// for it; the user comes back to the page of the action.
func (s *server) askPassword(w http.ResponseWriter, r *http.Request, p problem.Problem) {
	body := confirmBody{Next: "/"}
	if from, err := url.Parse(r.Referer()); err == nil && from.Host == r.Host {
		body.Next = local(from.RequestURI())
	}
	if err := s.pageStatus(w, r, p.Status, "account_confirm", confirmTitle, body,
		note{Tone: "info", Text: p.Message, Code: p.Code}); err != nil {
		s.failWith(w, r, problem.Of(err))
	}
}

func (s *server) confirmForm(w http.ResponseWriter, r *http.Request) error {
	return s.page(w, r, "account_confirm", confirmTitle, confirmBody{Next: local(r.URL.Query().Get("next"))})
}

func (s *server) confirm(w http.ResponseWriter, r *http.Request) error {
	body := confirmBody{Next: local(r.PostForm.Get("next"))}
	err := s.Auth.Confirm(r.Context(), r.PostForm.Get("password"), s.ClientAddress(r))
	if err == nil {
		return s.redirect(w, r, body.Next, "Password confirmed. Send the form again.")
	}
	p := problem.Of(err)
	if p.Internal {
		return err
	}
	p.SetRetryAfter(w.Header())
	refused(r, aboutField(p, "password"), nil)
	body.Problem = p.Message + "."
	return s.pageStatus(w, r, p.Status, "account_confirm", confirmTitle, body)
}

// local is an address within the shop, "/" for any other: a link must not lead
// from the form to another site.
func local(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || !strings.HasPrefix(address, "/") ||
		strings.HasPrefix(address, "//") || strings.ContainsAny(address, "\\\r\n\t") {
		return "/"
	}
	return address
}
