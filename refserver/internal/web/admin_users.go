package web

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

const usersPage = 50

// usersBody is a page of accounts.
type usersBody struct {
	Users []auth.User
	Total int
	Q     string
	Self  string
	Pages pager
}

func (s *server) adminUsers(w http.ResponseWriter, r *http.Request) error {
	page, err := pageNumber(r.URL.Query())
	if err != nil {
		return err
	}
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	users, total, err := s.Auth.Users(r.Context(), auth.UserQuery{Text: q, Page: page, PageSize: usersPage})
	if err != nil {
		return err
	}
	return s.page(
		w,
		r,
		"admin_users",
		"Users",
		usersBody{Users: users, Total: total, Q: q, Self: user(r).ID, Pages: pages(r, page, usersPage, total)},
	)
}

func (s *server) setRole(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	role := auth.Role(strings.ToLower(strings.TrimSpace(r.PostForm.Get("role"))))
	if role != auth.Customer && role != auth.Admin {
		return problem.Invalid("role", fmt.Sprintf("Role is %q; it must be customer or admin.", clip(string(role))))
	}
	changed, err := s.Auth.SetRole(r.Context(), user(r), r.PostForm.Get("user_id"), role)
	if err != nil {
		return err
	}
	return s.redirect(w, r, "/admin/users", changed.Username+" is now "+string(changed.Role))
}
