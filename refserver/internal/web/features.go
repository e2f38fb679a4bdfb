package web

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

func (s *server) featureRoutes() {
	s.use("GET /admin/features", endpoint.ManageFeatures, s.features)
	s.use("POST /admin/features/{name}", endpoint.ManageFeatures, s.changeFeature)
}

// featureCard is a switch with its form.
type featureCard struct {
	feature.Definition
	feature.Switch

	State   badge
	Users   string // one a line
	History []feature.Switch
	Problem string
	Field   string
}

// Is reports whether the form stands on a mode.
func (c featureCard) Is(mode string) bool { return string(c.Mode) == mode }

// historyShown is how many changes of a switch the page lists.
const historyShown = 5

func (s *server) features(w http.ResponseWriter, r *http.Request) error {
	return s.showFeatures(w, r, http.StatusOK, nil)
}

// showFeatures shows all switches; refused is a form that comes back as it was sent.
func (s *server) showFeatures(w http.ResponseWriter, r *http.Request, status int, refused *featureCard) error {
	var cards []featureCard
	list, err := s.Endpoints.Features(user(r))
	if err != nil {
		return err
	}
	var listed []string
	for _, now := range list {
		listed = append(listed, now.Users...)
	}
	accounts, err := s.Auth.UsersByID(r.Context(), listed)
	if err != nil {
		return err
	}
	for _, now := range list {
		d, _ := feature.Define(now.Name)
		history, err := s.Endpoints.FeatureHistory(r.Context(), user(r), now.Name, historyShown)
		if err != nil {
			return err
		}
		c := featureCard{Definition: d, Switch: now, Users: namesOf(now.Users, accounts), State: featureState(now)}
		if refused != nil && refused.Switch.Name == now.Name {
			c.Switch, c.Users, c.Problem, c.Field = refused.Switch, refused.Users, refused.Problem, refused.Field
		}
		c.History = history
		cards = append(cards, c)
	}
	return s.pageStatus(w, r, status, "admin_features", "Feature switches", cards)
}

// namesOf are the names of accounts, one a line; the id of one that was deleted.
func namesOf(ids []string, accounts map[string]auth.User) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = cmp.Or(accounts[id].Username, id)
	}
	slices.Sort(names)
	return strings.Join(names, "\n")
}

func featureState(now feature.Switch) badge {
	switch now.Mode {
	case feature.Off:
		return badge{"bad", "off"}
	case feature.Rollout:
		return badge{"warn", strconv.Itoa(now.Percentage) + " % of users"}
	}
	return badge{"good", "on"}
}

// featureForm is the form of a switch.
type featureForm struct {
	Mode       feature.Mode `json:"mode"`
	Percentage *int         `json:"percentage" text:"rollout_percentage"`
	Users      []string     `json:"users"`
	Version    *int         `json:"version"`
}

// featureActions are what sets a mode.
var featureActions = map[feature.Mode]string{feature.On: "enable", feature.Off: "disable", feature.Rollout: "rollout"}

func (s *server) changeFeature(w http.ResponseWriter, r *http.Request) error {
	var f featureForm
	name := feature.Name(r.PathValue("name"))
	err := readForm(r, &f)
	if err != nil && f.Mode == feature.Rollout {
		err = problem.Join(err, s.Endpoints.CheckFeatureUsers(r.Context(), user(r), f.Users))
	}
	if err == nil {
		p := endpoint.FeatureParams{Action: featureActions[f.Mode], Version: f.Version}
		if f.Mode == feature.Rollout {
			p.Percentage, p.Users = f.Percentage, f.Users
		}
		if _, err = s.Endpoints.SetFeature(r.Context(), user(r), name, p); err == nil {
			d, _ := feature.Define(name)
			return s.redirect(w, r, "/admin/features", d.Label+": saved. It takes effect within a second.")
		}
	}
	p := problem.Of(err)
	if p.Internal || p.Status == http.StatusNotFound {
		return err
	}
	refused(r, p, nil)
	shown := feature.Switch{Name: name, Mode: f.Mode}
	if f.Percentage != nil {
		shown.Percentage = *f.Percentage
	}
	if f.Version != nil {
		shown.Version = *f.Version
	}
	return s.showFeatures(w, r, p.Status, &featureCard{
		Switch: shown, Users: r.PostForm.Get("users"), Problem: p.PageMessage(), Field: p.Field,
	})
}

// switchedOff is a note for staff where a switch that is for all or for none is off.
func (s *server) switchedOff(n feature.Name) []note {
	if s.Endpoints.Off(n, "") == "" {
		return nil
	}
	d, _ := feature.Define(n)
	return []note{{Tone: "warn", Text: d.OffWords()}}
}
