package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/feature"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

func (s *server) featureRoutes() {
	s.staff("GET /admin/features", s.features)
	s.staff("POST /admin/features/{name}", s.changeFeature)
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
	for _, now := range s.Features.Switches() {
		d, _ := feature.Define(now.Name)
		history, err := s.Features.History(r.Context(), now.Name, historyShown)
		if err != nil {
			return err
		}
		c := featureCard{Definition: d, Switch: now, Users: strings.Join(now.Users, "\n"), State: featureState(now)}
		if refused != nil && refused.Switch.Name == now.Name {
			c.Switch, c.Users, c.Problem, c.Field = refused.Switch, refused.Users, refused.Problem, refused.Field
		}
		c.History = history
		cards = append(cards, c)
	}
	return s.pageStatus(w, r, status, "admin_features", "Switches", cards)
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

func (s *server) changeFeature(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return formError(err)
	}
	name, f := feature.Name(r.PathValue("name")), r.PostForm
	c := feature.Change{Mode: feature.Mode(f.Get("mode")), Users: strings.Fields(f.Get("users"))}
	var err error
	if c.Mode == feature.Rollout {
		if c.Percentage, err = strconv.Atoi(strings.TrimSpace(f.Get("percentage"))); err != nil {
			err = problem.Invalid("rollout_percentage", "Enter a whole number from 0 to 100.")
		}
	}
	version, verr := strconv.Atoi(f.Get("version"))
	if verr == nil {
		c.Version = &version
	}
	if err == nil {
		if _, err = s.Features.Set(r.Context(), name, user(r).Username, c); err == nil {
			d, _ := feature.Define(name)
			return s.redirect(w, r, "/admin/features", d.Label+": saved. All processes know within a second.")
		}
	}
	if errors.Is(err, feature.ErrUnknown) {
		return problem.New(http.StatusNotFound, "NOT_FOUND", "There is no such switch.")
	}
	p := problem.Of(featureProblem(err))
	if p.Internal {
		return err
	}
	shown := feature.Switch{Name: name, Mode: c.Mode, Percentage: c.Percentage, Version: version}
	return s.showFeatures(w, r, p.Status, &featureCard{
		Switch: shown, Users: f.Get("users"), Problem: p.Message, Field: p.Field,
	})
}

// featureProblem says why a switch was not changed.
func featureProblem(err error) error {
	var invalid *feature.Invalid
	switch {
	case errors.As(err, &invalid):
		return problem.Invalid(invalid.Field, invalid.Message)
	case errors.Is(err, feature.ErrChanged):
		return problem.New(http.StatusConflict, "CHANGED",
			"Somebody else has changed this switch meanwhile. Look at it again, then decide.")
	}
	return err
}

// featureOff is what is answered where a switch is off.
func featureOff(n feature.Name) error {
	d, _ := feature.Define(n)
	return problem.New(http.StatusForbidden, "FEATURE_OFF", d.Off)
}
