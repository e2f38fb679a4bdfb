package endpoint

import (
	"context"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/input"
)

// RegisterParams is a new account. Nothing of it is cut or repeated but the
// name and the address.
type RegisterParams struct {
	Username string `json:"username" validate:"required" form:"verbatim"`
	Email    string `json:"email" validate:"required" form:"verbatim"`
	Password string `json:"password" validate:"required" form:"verbatim"`
}

// RegistrationOpen returns a problem if registration is switched off.
func (e *Endpoints) RegistrationOpen() error {
	if !e.d.Features.On(feature.Registration, "") {
		return FeatureOff(feature.Registration)
	}
	return nil
}

// Register makes an account of a customer. Anybody may ask.
func (e *Endpoints) Register(ctx context.Context, p RegisterParams) error {
	if err := e.RegistrationOpen(); err != nil {
		return err
	}
	if err := input.Check(p); err != nil {
		return err
	}
	_, err := e.d.Auth.Register(ctx, auth.Registration(p))
	return err
}

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
	Role   string `json:"role" validate:"word=customer support warehouse finance admin auditor"`
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
