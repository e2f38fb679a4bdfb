package web

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"image/png"
	"net/http"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

const (
	factorPage  = "/account/second-factor"
	factorTitle = "Second factor"
	codeTitle   = "Enter your code"
	qrSize      = 240 // pixels of the picture that an app reads
)

func (s *server) factorRoutes() {
	s.public("GET /login/code", s.codeForm)
	s.public("POST /login/code", s.loginCode)
	s.member("GET "+factorPage, s.factorForm)
	s.member("POST "+factorPage+"/start", s.startFactor)
	s.member("POST "+factorPage+"/confirm", s.confirmFactor)
	s.member("POST "+factorPage+"/remove", s.removeFactor)
	s.staff("POST /admin/users/{id}/second-factor/remove", s.removeFactorOf)
}

// codeBody is the form that takes the code after the password.
type codeBody struct{ Problem string }

func (s *server) codeForm(w http.ResponseWriter, r *http.Request) error {
	if !s.Auth.AwaitsCode(r.Context()) {
		return s.redirect(w, r, "/login", "")
	}
	return s.page(w, r, "account_code", codeTitle, codeBody{})
}

func (s *server) loginCode(w http.ResponseWriter, r *http.Request) error {
	if !s.Auth.AwaitsCode(r.Context()) {
		return s.redirect(w, r, "/login", "") // a message would make a session for anybody
	}
	_, err := s.Auth.SignInCode(r.Context(), r.PostForm.Get("code"), s.ClientAddress(r))
	if err == nil {
		return s.redirect(w, r, "/", "")
	}
	p := problem.Of(err)
	switch {
	case p.Internal:
		return err
	case auth.CodeOf(err) == auth.CodeCredentials:
		return s.redirect(w, r, "/login", p.Message+".")
	}
	p.SetRetryAfter(w.Header())
	refused(r, aboutField(p, "code"), nil)
	return s.pageStatus(w, r, p.Status, "account_code", codeTitle, codeBody{Problem: p.Message + "."})
}

// factorBody is the second factor of the user's account.
type factorBody struct {
	On       bool
	Required bool         // staff may not be without
	Secret   string       // of one that is being set up; shown this once
	Picture  template.URL // the same as a picture
	Started  bool
	Codes    []string // for recovery; shown this once
	Problem  string
}

func (s *server) factorBody(r *http.Request) factorBody {
	u := user(r)
	return factorBody{On: u.Factor, Required: s.Gate.StaffFactor && u.IsStaff()}
}

func (s *server) factorForm(w http.ResponseWriter, r *http.Request) error {
	return s.page(w, r, "account_factor", factorTitle, s.factorBody(r))
}

func (s *server) startFactor(w http.ResponseWriter, r *http.Request) error {
	setup, err := s.Auth.BeginFactor(r.Context())
	if err != nil {
		return s.factorRefused(w, r, err, false)
	}
	picture, err := setup.Key.Image(qrSize, qrSize)
	if err != nil {
		return fmt.Errorf("picture of the second factor: %w", err)
	}
	var data bytes.Buffer
	if err := png.Encode(&data, picture); err != nil {
		return fmt.Errorf("picture of the second factor: %w", err)
	}
	body := s.factorBody(r)
	body.Started, body.Secret = true, setup.Secret
	// Made here, of base64 alone.
	body.Picture = template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(data.Bytes()))
	return s.page(w, r, "account_factor", factorTitle, body)
}

func (s *server) confirmFactor(w http.ResponseWriter, r *http.Request) error {
	codes, err := s.Auth.ConfirmFactor(r.Context(), r.PostForm.Get("code"), s.ClientAddress(r))
	if err != nil {
		return s.factorRefused(w, r, err, true)
	}
	body := s.factorBody(r)
	body.On, body.Codes = true, codes
	return s.page(w, r, "account_factor", factorTitle, body)
}

func (s *server) removeFactor(w http.ResponseWriter, r *http.Request) error {
	if s.factorBody(r).Required {
		return s.factorRefused(w, r, problem.New(http.StatusForbidden, "SECOND_FACTOR_REQUIRED",
			"Staff of this shop must have a second factor"), false)
	}
	if err := s.Auth.RemoveFactor(r.Context(), r.PostForm.Get("password"), s.ClientAddress(r)); err != nil {
		return s.factorRefused(w, r, err, false)
	}
	return s.redirect(w, r, "/account", "Your second factor is off. All other sessions have ended.")
}

// factorRefused shows the page again with what was wrong.
func (s *server) factorRefused(w http.ResponseWriter, r *http.Request, err error, started bool) error {
	p := problem.Of(err)
	if p.Internal {
		return err
	}
	p.SetRetryAfter(w.Header())
	field := "password"
	if started {
		field = "code"
	}
	refused(r, aboutField(p, field), nil)
	body := s.factorBody(r)
	body.Started, body.Problem = started, p.Message+"."
	return s.pageStatus(w, r, p.Status, "account_factor", factorTitle, body)
}

func (s *server) removeFactorOf(w http.ResponseWriter, r *http.Request) error {
	u, err := s.Auth.RemoveFactorOf(r.Context(), user(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.redirect(w, r, "/admin/users/"+u.ID, "The second factor of "+u.Username+" is removed.")
}
