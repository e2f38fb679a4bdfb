package api

import (
	"net/http"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/input"
)

func (a *API) featureRoutes() {
	a.use("GET /api/features", endpoint.ListFeatures, a.listFeatures)
	a.use("POST /api/features/{name}/toggle", endpoint.ManageFeatures, a.toggleFeature)
}

// featureJSON is a switch: what it is for the caller, and for staff how it is set.
type featureJSON struct {
	Name       feature.Name `json:"name"`
	Label      string       `json:"label"`
	Enabled    bool         `json:"enabled"` // for the caller
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
		j.ChangedAt, j.ChangedBy = when(s.ChangedAt), s.ChangedBy
	}
	return j
}

func (a *API) listFeatures(r *http.Request) (int, any, error) {
	list, err := a.Endpoints.Features(user(r))
	out := all(list, func(s feature.Switch) featureJSON { return a.featureOf(r, s) })
	return http.StatusOK, map[string]any{"features": out}, err
}

func (a *API) toggleFeature(r *http.Request) (int, any, error) {
	var p endpoint.FeatureParams
	if err := input.JSON(r, &p); err != nil {
		return 0, nil, err
	}
	set, err := a.Endpoints.SetFeature(r.Context(), user(r), feature.Name(r.PathValue("name")), p)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{"success": true, "feature": a.featureOf(r, set)}, nil
}
