package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// FeatureParams sets a switch.
type FeatureParams struct {
	Action     string   `json:"action" validate:"word=enable disable rollout"`
	Percentage *int     `json:"rollout_percentage" validate:"required_if=Action rollout,omitempty,min=0,max=100"`
	Users      []string `json:"users"`   // names or ids
	Version    *int     `json:"version"` // of the switch that was decided on; nil: whatever it is
}

// featureModes are what the actions set.
var featureModes = map[string]feature.Mode{
	"enable": feature.On, "disable": feature.Off, "rollout": feature.Rollout,
}

// Features returns all switches.
func (e *Endpoints) Features(by auth.User) ([]feature.Switch, error) {
	if err := ListFeatures.Permit(by); err != nil {
		return nil, err
	}
	return e.d.Features.Switches(), nil
}

// FeatureHistory returns the last changes of a switch.
func (e *Endpoints) FeatureHistory(
	ctx context.Context, by auth.User, name feature.Name, limit int,
) ([]feature.Switch, error) {
	if err := ManageFeatures.Permit(by); err != nil {
		return nil, err
	}
	return e.d.Features.History(ctx, name, limit)
}

// SetFeature sets a switch.
func (e *Endpoints) SetFeature(
	ctx context.Context, by auth.User, name feature.Name, p FeatureParams,
) (feature.Switch, error) {
	if err := ManageFeatures.Permit(by); err != nil {
		return feature.Switch{}, err
	}
	if _, ok := feature.Define(name); !ok {
		return feature.Switch{}, featureError(feature.ErrUnknown)
	}
	users, err := e.userIDs(ctx, p.Users)
	if err := problem.Join(input.Check(p), err); err != nil {
		return feature.Switch{}, err
	}
	c := feature.Change{Mode: featureModes[p.Action], Users: users, Version: p.Version}
	set(&c.Percentage, p.Percentage)
	s, err := e.d.Features.Set(ctx, name, by.Username, c)
	return s, featureError(err)
}

// CheckFeatureUsers returns what is wrong with a list of accounts for which a switch is to be on.
func (e *Endpoints) CheckFeatureUsers(ctx context.Context, by auth.User, list []string) error {
	if err := ManageFeatures.Permit(by); err != nil {
		return err
	}
	_, err := e.userIDs(ctx, list)
	return err
}

// userIDs returns the ids of accounts that are listed by name or by id, each once.
func (e *Endpoints) userIDs(ctx context.Context, list []string) ([]string, error) {
	var ids []string
	for _, name := range list {
		id := strings.TrimSpace(name)
		if _, err := uuid.Parse(id); err != nil {
			u, err := e.d.Auth.UserByName(ctx, id)
			if errors.Is(err, auth.ErrNotFound) {
				return nil, problem.Invalid("users", fmt.Sprintf("There is no account %q.", input.Clip(id)))
			}
			if err != nil {
				return nil, err
			}
			id = u.ID
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// FeatureOff says that a part of the shop is switched off.
func FeatureOff(n feature.Name) error {
	d, _ := feature.Define(n)
	return problem.New(http.StatusForbidden, "FEATURE_OFF", d.Off)
}

// Off returns what people read who want what is switched off for the user, and
// "" where it is on.
func (e *Endpoints) Off(n feature.Name, userID string) string {
	if e.d.Features.On(n, userID) {
		return ""
	}
	d, _ := feature.Define(n)
	return d.Off
}

// need returns FeatureOff where a switch is off for the user.
func (e *Endpoints) need(n feature.Name, userID string) error {
	if e.d.Features.On(n, userID) {
		return nil
	}
	return FeatureOff(n)
}

// needPhotos returns FeatureOff for photos of a user for whom they are off.
func (e *Endpoints) needPhotos(userID string, photos []returns.Upload) error {
	if len(photos) == 0 {
		return nil
	}
	return e.need(feature.Photos, userID)
}

// Offered returns the methods that a customer can be refunded by at the moment, out of
// methods: store credit may be off.
func (e *Endpoints) Offered(customerID string, methods []payment.Method) []payment.Method {
	if e.d.Features.On(feature.StoreCredit, customerID) {
		return methods
	}
	return slices.DeleteFunc(slices.Clone(methods), func(m payment.Method) bool { return m == payment.StoreCredit })
}

// needMethod returns FeatureOff for a refund as store credit where that is off
// for the customer. One that has begun is finished.
func (e *Endpoints) needMethod(ctx context.Context, id string, m payment.Method) error {
	if m != payment.StoreCredit {
		return nil
	}
	c, err := e.d.Returns.Return(ctx, id)
	if err != nil || e.d.Features.On(feature.StoreCredit, c.CustomerID) {
		return err
	}
	begun, err := e.d.Refunds.ByClientReference(ctx, c.ID)
	switch {
	case errors.Is(err, refunds.ErrNotFound):
		return FeatureOff(feature.StoreCredit)
	case err != nil:
		return err
	case begun.Method == payment.StoreCredit && begun.HoldRef != refunds.AwaitingMethod &&
		begun.Status.CountsAgainstCaptured():
		return nil
	}
	return FeatureOff(feature.StoreCredit)
}

// featureError says why a switch was not changed.
func featureError(err error) error {
	var invalid *feature.Invalid
	switch {
	case errors.As(err, &invalid):
		return problem.Invalid(invalid.Field, invalid.Message)
	case errors.Is(err, feature.ErrUnknown):
		return problem.New(http.StatusNotFound, "NOT_FOUND", "There is no such switch.")
	case errors.Is(err, feature.ErrChanged):
		return problem.New(http.StatusConflict, "CHANGED",
			"Somebody else changed this switch in the meantime. Check it again, then decide.")
	}
	return err
}
