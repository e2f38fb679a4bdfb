package web

import (
	"net/http"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
)

const usersPage = 50

// usersBody is a page of accounts.
type usersBody struct {
	Users []auth.User
	Total int
	Q     string
	Self  string
	Roles []auth.Role
	// CanChange: the reader may give roles.
	CanChange bool
	Pages     pager
}

func (s *server) adminUsers(w http.ResponseWriter, r *http.Request) error {
	p := endpoint.UserListParams{Size: usersPage}
	if err := input.Query(r.URL.Query(), &p); err != nil {
		return err
	}
	users, total, err := s.Endpoints.Users(r.Context(), user(r), p)
	if err != nil {
		return err
	}
	links, err := pages(r, p.Page(), usersPage, total)
	if err != nil {
		return err
	}
	return s.page(w, r, "admin_users", "Users", usersBody{
		Users: users, Total: total, Q: p.Text, Self: user(r).ID, Pages: links,
		Roles: auth.Roles(), CanChange: access.Has(user(r).Role, access.UsersChange),
	})
}

func (s *server) setRole(w http.ResponseWriter, r *http.Request) error {
	var p endpoint.RoleParams
	if err := readForm(r, &p); err != nil {
		return err
	}
	changed, err := s.Endpoints.SetRole(r.Context(), user(r), p)
	if err != nil {
		return err
	}
	return s.redirect(w, r, "/admin/users", changed.Username+" is now "+string(changed.Role))
}
