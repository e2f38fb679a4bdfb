package endpoint

import (
	"context"
	"errors"
	"net/http"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// FeatureParams sets a switch.
type FeatureParams struct {
	Action     string   `json:"action" validate:"word=enable disable rollout"`
	Percentage *int     `json:"rollout_percentage" validate:"required_if=Action rollout,omitempty,min=0,max=100"`
	Users      []string `json:"users"`
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
	if err := input.Check(p); err != nil {
		return feature.Switch{}, err
	}
	c := feature.Change{Mode: featureModes[p.Action], Users: p.Users, Version: p.Version}
	set(&c.Percentage, p.Percentage)
	s, err := e.d.Features.Set(ctx, name, by.Username, c)
	return s, featureError(err)
}

// FeatureOff says that a part of the shop is switched off.
func FeatureOff(n feature.Name) error {
	d, _ := feature.Define(n)
	return problem.New(http.StatusForbidden, "FEATURE_OFF", d.Off)
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
			"Somebody else has changed this switch meanwhile. Look at it again, then decide.")
	}
	return err
}
