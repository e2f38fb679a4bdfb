package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/auth/mail"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

func (s *server) accountPageRoutes() {
	s.member("GET /account", s.accountPage)
	s.factorRoutes()
	s.member("GET /account/confirm", s.confirmForm)
	s.member("POST /account/confirm", s.confirm)
	s.member("POST /account/password", s.changePassword)
	s.member("POST /account/sessions/end", s.endSessions)
	s.member("POST /account/delete", s.deleteAccount)
	s.public("GET /account/forgot", s.forgotForm)
	s.public("POST /account/forgot", s.forgot)
	s.public("GET /account/reset", s.resetForm)
	s.public("POST /account/reset", s.resetPassword)
	s.staff("GET /admin/users/{id}", s.adminUser)
	s.staff("POST /admin/users/{id}/lock", s.lockUser(true))
	s.staff("POST /admin/users/{id}/unlock", s.lockUser(false))
	s.staff("POST /admin/users/{id}/sign-out", s.signOutUser)
	s.staff("POST /admin/users/{id}/delete", s.deleteUser)
	s.staff("GET /dev/mail", s.keptMails)
}

// accountBody is the user's account.
type accountBody struct {
	User     auth.User
	Sessions []auth.SessionInfo
	// SendsMail says whether the shop mails, WantsMail whether notices too.
	SendsMail, WantsMail bool
}

func (s *server) accountPage(w http.ResponseWriter, r *http.Request) error {
	return s.showAccount(w, r, http.StatusOK)
}

func (s *server) showAccount(w http.ResponseWriter, r *http.Request, status int, notes ...note) error {
	body := accountBody{User: user(r)}
	var err error
	body.SendsMail = s.Endpoints.SendsMail()
	if body.WantsMail, err = s.Endpoints.WantsMail(r.Context(), body.User); err != nil {
		return err
	}
	if body.Sessions, err = s.Auth.Sessions(r.Context(), body.User.ID); err != nil {
		return err
	}
	return s.pageStatus(w, r, status, "account", "Your account", body, notes...)
}

// accountDone answers an action on the user's account: a refusal shows the page again,
// with what was wrong.
func (s *server) accountDone(w http.ResponseWriter, r *http.Request, err error, to, message string) error {
	if err == nil {
		return s.redirect(w, r, to, message)
	}
	p := problem.Of(err)
	if p.Internal {
		return err
	}
	p.SetRetryAfter(w.Header())
	refused(r, p, nil)
	return s.showAccount(w, r, p.Status, note{Tone: "bad", Text: p.Message + ".", Code: p.Code})
}

// typedTwice is what is wrong with the second of two new passwords.
func typedTwice(f url.Values) error {
	switch f.Get("new_password_again") {
	case f.Get("new_password"):
		if f.Get("new_password") != "" {
			return nil
		}
		fallthrough
	case "":
		return problem.Invalid("new_password_again", "Type the new password a second time")
	}
	return problem.Invalid("new_password_again", "The two passwords differ. Type the same one twice")
}

func (s *server) changePassword(w http.ResponseWriter, r *http.Request) error {
	f := r.PostForm
	err := problem.Join(auth.CheckPasswordText(f.Get("new_password")), typedTwice(f))
	if err != nil {
		err = problem.Join(s.Auth.CheckOwnPassword(r.Context(), f.Get("old_password"), s.ClientAddress(r)), err)
	} else {
		err = s.Auth.ChangePassword(r.Context(), f.Get("old_password"), f.Get("new_password"), s.ClientAddress(r))
	}
	return s.accountDone(w, r, err, "/account", "Your password is changed. All other sessions have ended.")
}

func (s *server) endSessions(w http.ResponseWriter, r *http.Request) error {
	err := s.Auth.EndSession(r.Context(), r.PostForm.Get("session"))
	return s.accountDone(w, r, err, "/account", "Signed out there.")
}

func (s *server) deleteAccount(w http.ResponseWriter, r *http.Request) error {
	err := s.Auth.DeleteOwn(r.Context(), r.PostForm.Get("password"), s.ClientAddress(r))
	return s.accountDone(w, r, err, "/login", "Your account is deleted.")
}

// forgotBody is the form that requests a mail to reset a password.
type forgotBody struct{ Off, Sent bool }

func (s *server) forgotForm(w http.ResponseWriter, r *http.Request) error {
	return s.page(w, r, "account_forgot", "Reset your password", forgotBody{Off: !s.Auth.SendsMail()})
}

// forgot answers the same whether there is such an account or not.
func (s *server) forgot(w http.ResponseWriter, r *http.Request) error {
	if !s.Auth.SendsMail() {
		return s.forgotForm(w, r)
	}
	email := strings.TrimSpace(r.PostForm.Get("email"))
	if !auth.IsAddress(email) {
		p := problem.Invalid("email", "Enter the e-mail address of your account, such as ada@example.com").Problem
		refused(r, p, nil)
		return s.pageStatus(w, r, p.Status, "account_forgot", "Reset your password", forgotBody{})
	}
	if err := s.Auth.RequestReset(r.Context(), email); err != nil {
		return err
	}
	return s.page(w, r, "account_forgot", "Reset your password", forgotBody{Sent: true})
}

// resetBody is the form that chooses a new password.
type resetBody struct{ Token, Problem string }

func (s *server) resetForm(w http.ResponseWriter, r *http.Request) error {
	return s.page(w, r, "account_reset", "Choose a new password", resetBody{Token: r.URL.Query().Get("token")})
}

func (s *server) resetPassword(w http.ResponseWriter, r *http.Request) error {
	f := r.PostForm
	body := resetBody{Token: f.Get("token")}
	err := problem.Join(auth.CheckPasswordText(f.Get("new_password")), typedTwice(f))
	if err == nil {
		_, err = s.Auth.ResetPassword(r.Context(), body.Token, f.Get("new_password"))
	}
	if err == nil {
		return s.redirect(w, r, "/login", "Your password is changed. Sign in with it.")
	}
	p := problem.Of(err)
	if p.Internal {
		return err
	}
	body.Problem = p.Message + "."
	refused(r, p, nil)
	return s.pageStatus(w, r, p.Status, "account_reset", "Choose a new password", body)
}

// userBody is an account as admins see it.
type userBody struct {
	User      auth.User
	Sessions  []auth.SessionInfo
	CanChange bool
}

func (s *server) adminUser(w http.ResponseWriter, r *http.Request) error {
	u, err := s.Auth.User(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	by := user(r)
	body := userBody{User: u}
	body.CanChange = access.Has(by.Role, access.UsersChange) && !u.Super && !u.Deleted && by.ID != u.ID
	if body.Sessions, err = s.Auth.Sessions(r.Context(), u.ID); err != nil {
		return err
	}
	return s.page(w, r, "account_user", u.Username, body)
}

func (s *server) lockUser(locked bool) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		u, err := s.Auth.Lock(r.Context(), user(r), r.PathValue("id"), locked)
		if err != nil {
			return err
		}
		message := u.Username + " is unlocked."
		if locked {
			message = u.Username + " is locked, and all sessions of the account have ended."
		}
		return s.redirect(w, r, "/admin/users/"+u.ID, message)
	}
}

func (s *server) signOutUser(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if err := s.Auth.EndSessionsOf(r.Context(), id); err != nil {
		return err
	}
	return s.redirect(w, r, "/admin/users/"+id, "All sessions of the account have ended.")
}

// deleteUser deletes an account whose name is typed, so that a slip of the hand
// deletes none.
func (s *server) deleteUser(w http.ResponseWriter, r *http.Request) error {
	u, err := s.Auth.User(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if r.PostForm.Get("username") != u.Username {
		return problem.Invalid("username", "Type the name of the account to delete it: "+u.Username)
	}
	if _, err := s.Auth.Delete(r.Context(), user(r), u.ID); err != nil {
		return err
	}
	return s.redirect(w, r, "/admin/users", "The account "+u.Username+" is deleted. Its orders stay.")
}

// mailsBody is what a development shop would have sent.
type mailsBody struct{ Mails []mail.Kept }

func (s *server) keptMails(w http.ResponseWriter, r *http.Request) error {
	if s.Mails == nil {
		return &problem.Error{Problem: notFound}
	}
	return s.page(w, r, "account_mails", "Mails", mailsBody{Mails: s.Mails.Messages()})
}
