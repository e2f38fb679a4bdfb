package api

import (
	"net/http"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/progress"
)

func (a *API) operationRoutes() {
	a.open("GET /api/progress/{operation_id}", a.progress)
	a.use("POST /api/progress/{operation_id}/cancel", endpoint.CancelOperation, a.cancelOperation)
	a.use("POST /api/admin/scenarios/{id}/run", endpoint.RunScenario, a.runScenario)
}

// operationJSON is how far an operation is. What follows SecondsLeft is of feeds alone.
type operationJSON struct {
	ID          string              `json:"operation_id"`
	Kind        string              `json:"kind"`
	Percent     int                 `json:"percent"`
	Done        int                 `json:"done"`
	Total       int                 `json:"total"`
	Message     string              `json:"message"`
	State       progress.State      `json:"state"`
	StartedAt   time.Time           `json:"started_at"`
	FinishedAt  *time.Time          `json:"finished_at"`
	SecondsLeft *int                `json:"seconds_left"` // null: it can't be said
	Accepted    *int                `json:"accepted,omitempty"`
	Rejected    *int                `json:"rejected,omitempty"`
	Errors      *[]partner.RowError `json:"errors,omitempty"`
}

func operationOf(o progress.Operation, now time.Time) (operationJSON, error) {
	j := operationJSON{
		ID: o.ID, Kind: o.Kind, Percent: o.Percent, Done: o.Done, Total: o.Total, Message: o.Message, State: o.State,
		StartedAt: o.StartedAt, FinishedAt: when(o.FinishedAt),
	}
	if left, ok := o.Left(now); ok {
		seconds := int(left.Round(time.Second) / time.Second)
		j.SecondsLeft = &seconds
	}
	if o.Kind != partner.Operation {
		return j, nil
	}
	run, err := partner.RunOf(o)
	if run.Errors == nil {
		run.Errors = []partner.RowError{}
	}
	j.Accepted, j.Rejected, j.Errors = &run.Accepted, &run.Rejected, &run.Errors
	return j, err
}

// progress returns the progress of an operation to the user who started it and to admins. A
// partner shows its key.
func (a *API) progress(r *http.Request) (int, any, error) {
	u, signedIn := auth.FromContext(r.Context())
	owner := u.ID
	if !signedIn && r.Header.Get(keyHeader) == "" {
		return 0, nil, problem.New(http.StatusUnauthorized, "SIGN_IN", "Sign in, or send your X-API-Key.")
	}
	if !signedIn {
		p, err := a.partnerOf(r)
		if err != nil {
			return 0, nil, err
		}
		owner = p.ID
	}
	o, err := a.Endpoints.OperationOf(r.Context(), r.PathValue("operation_id"), owner, u.IsAdmin())
	if err != nil {
		return 0, nil, err
	}
	j, err := operationOf(o, time.Now())
	return http.StatusOK, j, err
}

func (a *API) cancelOperation(r *http.Request) (int, any, error) {
	o, err := a.Endpoints.CancelOperation(r.Context(), user(r), r.PathValue("operation_id"))
	if err != nil {
		return 0, nil, err
	}
	j, err := operationOf(o, time.Now())
	return http.StatusOK, j, err
}

// runScenario starts a scenario; the body may ask for its short form.
func (a *API) runScenario(r *http.Request) (int, any, error) {
	var options endpoint.ScenarioOptions
	if r.ContentLength != 0 {
		if err := input.JSON(r, &options); err != nil {
			return 0, nil, err
		}
	}
	o, err := a.Endpoints.RunScenario(r.Context(), user(r), endpoint.ScenarioParams{
		ID: r.PathValue("id"), ScenarioOptions: options,
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusAccepted, map[string]any{
		"success": true, "operation_id": o.ID,
		"message": "The scenario has started. Its progress is at /api/progress/" + o.ID + ".",
	}, nil
}
