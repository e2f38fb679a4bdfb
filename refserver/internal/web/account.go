package web

import (
	"cmp"
	"net/http"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

func (s *server) accountRoutes() {
	s.public("GET /login", s.loginForm)
	s.public("POST /login", s.login)
	s.public("GET /register", s.registerPage)
	s.public("POST /register", s.register)
	s.public("GET /logout", s.logoutForm)
	s.public("POST /logout", s.logout)
}

// accountForm is what a sign-in form holds; the password never goes back into a page.
type accountForm struct {
	Username string
	Problem  string
	Open     bool // new accounts are made
}

func (s *server) loginForm(w http.ResponseWriter, r *http.Request) error {
	if _, ok := auth.FromContext(r.Context()); ok {
		return s.redirect(w, r, "/", "")
	}
	return s.page(w, r, "login", "Sign in", accountForm{Open: s.Endpoints.RegistrationOpen() == nil})
}

// unknown says that nobody has the name and the password, which may be missing.
func (f accountForm) unknown(password string) error {
	wrong := []problem.Mistake{{Field: "username", Prompt: f.Problem}}
	if f.Username == "" {
		wrong[0].Prompt += ". Enter your username."
	}
	if password == "" {
		wrong = append(wrong, problem.Mistake{Field: "password", Prompt: "Enter your password."})
	}
	return problem.Mistaken(wrong...)
}

func (s *server) login(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	form := accountForm{Username: r.PostForm.Get("username"), Open: s.Endpoints.RegistrationOpen() == nil}
	_, err := s.Auth.SignIn(r.Context(), form.Username, r.PostForm.Get("password"), s.ClientAddress(r))
	switch auth.CodeOf(err) {
	case auth.CodeSecondFactor:
		return s.redirect(w, r, "/login/code", "")
	case auth.CodeCredentials:
		form.Problem = "Invalid username or password"
		refused(r, problem.Of(form.unknown(r.PostForm.Get("password"))), nil)
		return s.page(w, r, "login", "Sign in", form)
	case auth.CodeTooManyAttempts, auth.CodeLocked:
		p := problem.Of(err)
		p.SetRetryAfter(w.Header())
		form.Problem = p.Message
		refused(r, p, nil)
		return s.pageStatus(w, r, p.Status, "login", "Sign in", form)
	}
	if err != nil {
		return err
	}
	return s.redirect(w, r, s.pageAskedFor(w, r), "")
}

func (s *server) registerPage(w http.ResponseWriter, r *http.Request) error {
	if err := s.Endpoints.RegistrationOpen(); err != nil {
		return err
	}
	return s.page(w, r, "register", "Create an account", registerForm{})
}

func (s *server) register(w http.ResponseWriter, r *http.Request) error {
	if err := s.Endpoints.RegistrationOpen(); err != nil {
		return err
	}
	var p endpoint.RegisterParams
	err := readForm(r, &p)
	if err == nil {
		err = s.Endpoints.Register(r.Context(), p)
	}
	if err == nil {
		return s.redirect(w, r, "/login", "Your account is ready.")
	}
	q := problem.Of(err)
	if q.Internal {
		return err
	}
	q.SetRetryAfter(w.Header())
	form := registerForm{Username: p.Username, Email: p.Email}
	if form.check(p.Password); len(form.Mistakes) == 0 {
		form.Mistakes.add(cmp.Or(q.Field, "username"), "%s", q.PageMessage())
	}
	return s.pageStatus(w, r, q.Status, "register", form.Mistakes.titled("Create an account"), form)
}

func (s *server) logoutForm(w http.ResponseWriter, r *http.Request) error {
	return s.page(w, r, "logout", "Sign out", nil)
}

func (s *server) logout(w http.ResponseWriter, r *http.Request) error {
	if err := s.Auth.SignOut(r.Context()); err != nil {
		return err
	}
	return s.redirect(w, r, "/login", "")
}

// formError is what is said of a form that can't be read.
func formError(err error) error {
	if p := problem.Of(err); !p.Internal {
		return err
	}
	return problem.Invalid("form", "The form could not be read. Go back, reload the page and send it again.")
}
