package web

import (
	"fmt"
	"io"
	"net/http"

	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/progress"
	"github.com/returnkit/returnkit/refserver/internal/quality"
)

func (s *server) scenarioRoutes() {
	s.use("GET /admin/scenarios", endpoint.ReadScenarios, s.scenarios)
	s.use("POST /admin/scenarios", endpoint.RunScenario, s.runScenario)
	s.use("GET /admin/scenarios/{id}", endpoint.ReadScenarios, s.scenarioReport)
	s.use("GET /admin/scenarios/{id}/charts/{name}", endpoint.ReadScenarios, s.scenarioChart)
}

// scenariosShown is how many runs the page lists, and looks for the last values in.
const scenariosShown = 50

// scenariosBody is the page of the quality scenarios.
type scenariosBody struct {
	Scenarios []scenarioView
	Loads     []quality.Scenario
	Runs      []operationView
	Running   *operationView // nil: none
	May       bool           // start one
	Key       string         // of the forms: a double click is one run
}

type scenarioView struct {
	quality.Scenario

	Last  *quality.Measured // nil: it was not run here yet
	State badge
}

var scenarioStates = map[string]badge{
	"fulfilled": {
		"good",
		"fulfilled",
	}, "NOT fulfilled": {"bad", "not fulfilled"}, "not measured": {"warn", "not measured"},
}

func (s *server) scenarios(w http.ResponseWriter, r *http.Request) error {
	all, runs, err := s.Endpoints.Scenarios(r.Context(), user(r), scenariosShown)
	if err != nil {
		return err
	}
	body := scenariosBody{May: s.Endpoints.MayRunScenarios(user(r)), Key: newKey(), Loads: s.Endpoints.Loads()}
	latest := quality.Latest(runs)
	for _, one := range all {
		v := scenarioView{Scenario: one}
		if last, ok := latest[one.ID]; ok {
			v.Last, v.State = &last, scenarioStates[last.Word()]
		}
		body.Scenarios = append(body.Scenarios, v)
	}
	for _, o := range runs {
		v := s.viewOf(o)
		if o.State == progress.Running {
			body.Running = &v
		}
		body.Runs = append(body.Runs, v)
	}
	return s.page(w, r, "admin_scenarios", "Quality scenarios", body)
}

func (s *server) runScenario(w http.ResponseWriter, r *http.Request) error {
	var p endpoint.ScenarioParams
	if err := readForm(r, &p); err != nil {
		return err
	}
	o, err := s.Endpoints.RunScenario(r.Context(), user(r), p)
	if err != nil {
		return err
	}
	return s.redirect(w, r, "/admin/operations/"+o.ID, "")
}

// reportBody is what a run has measured.
type reportBody struct {
	quality.Report

	Title string
	Rows  []reportRow
}

type reportRow struct {
	quality.Row

	State    badge
	Pictures []reportPicture
}

// reportPicture is a chart of a report. A page holds no styles of its own, so that it is an image.
type reportPicture struct {
	quality.Chart

	Source string // address of the drawing
}

// scenarioRun returns the report of the run that the address names.
func (s *server) scenarioRun(r *http.Request) (quality.Report, string, error) {
	o, err := s.Endpoints.ScenarioRun(r.Context(), user(r), r.PathValue("id"))
	if err != nil {
		return quality.Report{}, "", err
	}
	report, ok := quality.ReportOf(o)
	if !ok {
		return report, "", problem.New(http.StatusNotFound, "NOT_FOUND", "This run is not over; it has no report yet.")
	}
	return report, o.Title, nil
}

func (s *server) scenarioReport(w http.ResponseWriter, r *http.Request) error {
	report, title, err := s.scenarioRun(r)
	if err != nil {
		return err
	}
	body := reportBody{Report: report, Title: title}
	for _, row := range report.Rows {
		v := reportRow{Row: row, State: scenarioStates[row.Word()]}
		for i, c := range row.Charts {
			v.Pictures = append(v.Pictures, reportPicture{
				c, fmt.Sprintf("/admin/scenarios/%s/charts/%s-%d.svg", r.PathValue("id"), row.ID, i+1),
			})
		}
		body.Rows = append(body.Rows, v)
	}
	return s.page(w, r, "admin_scenario", title, body)
}

// scenarioChart draws a chart of a report.
func (s *server) scenarioChart(w http.ResponseWriter, r *http.Request) error {
	report, _, err := s.scenarioRun(r)
	if err != nil {
		return err
	}
	for _, row := range report.Rows {
		for i, c := range row.Charts {
			if r.PathValue("name") != fmt.Sprintf("%s-%d.svg", row.ID, i+1) {
				continue
			}
			svg, err := quality.Draw(c)
			if err != nil {
				return fmt.Errorf("draw a chart of %s: %w", row.ID, err)
			}
			w.Header().Set("Content-Type", "image/svg+xml")
			w.Header().Set("Cache-Control", "private, max-age=86400, immutable")
			_, err = io.WriteString(w, string(svg))
			return err
		}
	}
	return problem.New(http.StatusNotFound, "NOT_FOUND", "There is no such chart.")
}
