package web

import (
	"html/template"
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
}

// scenariosShown is how many runs the page lists, and looks for the last values in.
const scenariosShown = 50

// scenariosBody is the page of the quality scenarios.
type scenariosBody struct {
	Scenarios []scenarioView
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
	body := scenariosBody{May: s.Endpoints.MayRunScenarios(user(r)), Key: newKey()}
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

type reportPicture struct {
	quality.Chart

	SVG template.HTML
}

func (s *server) scenarioReport(w http.ResponseWriter, r *http.Request) error {
	o, err := s.Endpoints.ScenarioRun(r.Context(), user(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	report, ok := quality.ReportOf(o)
	if !ok {
		return problem.New(http.StatusNotFound, "NOT_FOUND", "This run has no report: it has not ended.")
	}
	body := reportBody{Report: report, Title: o.Title}
	for _, row := range report.Rows {
		v := reportRow{Row: row, State: scenarioStates[row.Word()]}
		for _, c := range row.Charts {
			svg, err := quality.Draw(c)
			if err != nil {
				return err
			}
			v.Pictures = append(v.Pictures, reportPicture{c, svg})
		}
		body.Rows = append(body.Rows, v)
	}
	return s.page(w, r, "admin_scenario", o.Title, body)
}
