package endpoint

import (
	"context"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/input"
)

// UserListParams filter the list of accounts.
type UserListParams struct {
	Paging

	Text string `json:"q"` // part of a name or an e-mail address
	Size int    `json:"-"` // of a page
}

// Users returns a page of accounts, and how many match.
func (e *Endpoints) Users(ctx context.Context, by auth.User, p UserListParams) ([]auth.User, int, error) {
	if err := ListUsers.Permit(by); err != nil {
		return nil, 0, err
	}
	if err := input.Check(p); err != nil {
		return nil, 0, err
	}
	return e.d.Auth.Users(ctx, auth.UserQuery{Text: strings.TrimSpace(p.Text), Page: p.Page(), PageSize: p.Size})
}

// RoleParams gives a user a role.
type RoleParams struct {
	UserID string `json:"user_id" validate:"required"`
	Role   string `json:"role" validate:"word=customer admin"`
}

// SetRole changes what a user may do, at once.
func (e *Endpoints) SetRole(ctx context.Context, by auth.User, p RoleParams) (auth.User, error) {
	if err := SetRole.Permit(by); err != nil {
		return auth.User{}, err
	}
	if err := input.Check(p); err != nil {
		return auth.User{}, err
	}
	return e.d.Auth.SetRole(ctx, by, p.UserID, auth.Role(strings.ToLower(p.Role)))
}
