package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

func (a *API) featureRoutes() {
	a.member("GET /api/features", a.listFeatures)
	a.staff("POST /api/features/{name}/toggle", a.toggleFeature)
}

// featureJSON is a switch: what it is for whoever asks, and for staff how it is set.
type featureJSON struct {
	Name       feature.Name `json:"name"`
	Label      string       `json:"label"`
	Enabled    bool         `json:"enabled"` // for whoever asks
	Mode       feature.Mode `json:"mode,omitempty"`
	Percentage *int         `json:"rollout_percentage,omitempty"`
	Users      []string     `json:"users,omitempty"`
	Version    *int         `json:"version,omitempty"`
	ChangedAt  *time.Time   `json:"changed_at,omitempty"`
	ChangedBy  string       `json:"changed_by,omitempty"`
}

func (a *API) featureOf(r *http.Request, s feature.Switch) featureJSON {
	d, _ := feature.Define(s.Name)
	u := user(r)
	j := featureJSON{Name: s.Name, Label: d.Label, Enabled: s.For(u.ID)}
	if u.IsAdmin() {
		j.Mode, j.Percentage, j.Users, j.Version = s.Mode, &s.Percentage, s.Users, &s.Version
		j.ChangedAt, j.ChangedBy = timeOrNil(s.ChangedAt), s.ChangedBy
	}
	return j
}

func (a *API) listFeatures(r *http.Request) (int, any, error) {
	out := []featureJSON{}
	for _, s := range a.Features.Switches() {
		out = append(out, a.featureOf(r, s))
	}
	return http.StatusOK, map[string]any{"features": out}, nil
}

// featureModes are what the actions of the interface set.
var featureModes = map[string]feature.Mode{"enable": feature.On, "disable": feature.Off, "rollout": feature.Rollout}

func (a *API) toggleFeature(r *http.Request) (int, any, error) {
	var in struct {
		Action     string   `json:"action"`
		Percentage int      `json:"rollout_percentage"`
		Users      []string `json:"users"`
		Version    *int     `json:"version"`
	}
	if err := decode(r, maxJSON, &in); err != nil {
		return 0, nil, err
	}
	set, err := a.Features.Set(r.Context(), feature.Name(r.PathValue("name")), user(r).Username, feature.Change{
		Mode: featureModes[in.Action], Percentage: in.Percentage, Users: in.Users, Version: in.Version,
	})
	if err != nil {
		return 0, nil, featureProblem(err)
	}
	return http.StatusOK, map[string]any{"success": true, "feature": a.featureOf(r, set)}, nil
}

// featureOff is what is answered where a switch is off.
func featureOff(n feature.Name) error {
	d, _ := feature.Define(n)
	return problem.New(http.StatusForbidden, "FEATURE_OFF", d.Off)
}

// featureProblem says why a switch was not changed.
func featureProblem(err error) error {
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
