package endpoint

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/export"
	"github.com/returnkit/returnkit/refserver/internal/problem"
	"github.com/returnkit/returnkit/refserver/internal/progress"
	"github.com/returnkit/returnkit/refserver/internal/quality"
)

// Operations returns the newest operations of who asks, and of everybody to an admin.
func (e *Endpoints) Operations(ctx context.Context, by auth.User, limit int) ([]progress.Operation, error) {
	if err := ReadOperation.Permit(by); err != nil {
		return nil, err
	}
	q := progress.Query{Limit: limit}
	if !by.IsAdmin() {
		q.OwnerID = by.ID
	}
	return e.d.Progress.Operations(ctx, q)
}

// Operation returns an operation to its owner and to admins.
func (e *Endpoints) Operation(ctx context.Context, by auth.User, id string) (progress.Operation, error) {
	if err := ReadOperation.Permit(by); err != nil {
		return progress.Operation{}, err
	}
	return e.OperationOf(ctx, id, by.ID, by.IsAdmin())
}

// OperationOf returns an operation to its owner, and to anybody with all.
func (e *Endpoints) OperationOf(ctx context.Context, id, ownerID string, all bool) (progress.Operation, error) {
	o, err := e.d.Progress.Operation(ctx, id)
	if err == nil && !all && (ownerID == "" || o.OwnerID != ownerID) {
		err = progress.ErrNotFound
	}
	return o, operationError(err)
}

// CancelOperation ends an operation, for its owner and for admins.
func (e *Endpoints) CancelOperation(ctx context.Context, by auth.User, id string) (progress.Operation, error) {
	if err := CancelOperation.Permit(by); err != nil {
		return progress.Operation{}, err
	}
	if o, err := e.Operation(ctx, by, id); err != nil {
		return o, err
	}
	o, err := e.d.Progress.Cancel(ctx, id)
	return o, operationError(err)
}

// ExportOrders starts an export of all orders that match.
func (e *Endpoints) ExportOrders(ctx context.Context, by auth.User, p HistoryParams) (progress.Operation, error) {
	if err := StartExport.Permit(by); err != nil {
		return progress.Operation{}, err
	}
	_, q, err := e.orderQuery(p, "")
	if err != nil {
		return progress.Operation{}, err
	}
	return e.startExport(ctx, by, export.Params{Source: export.Orders, Orders: &q})
}

// ExportReturns starts an export of all returns that match.
func (e *Endpoints) ExportReturns(ctx context.Context, by auth.User, p ListParams) (progress.Operation, error) {
	if err := StartExport.Permit(by); err != nil {
		return progress.Operation{}, err
	}
	q, err := e.returnText(ctx, p)
	if err != nil {
		return progress.Operation{}, err
	}
	if _, q, err = e.returnQuery(p, q); err != nil {
		return progress.Operation{}, err
	}
	return e.startExport(ctx, by, export.Params{Source: export.Returns, Returns: &q})
}

// ExportAudit starts an export of all entries of the audit that match.
func (e *Endpoints) ExportAudit(ctx context.Context, by auth.User, q audit.Query) (progress.Operation, error) {
	if err := StartExport.Permit(by); err != nil {
		return progress.Operation{}, err
	}
	q.After, q.Limit = "", 0
	return e.startExport(ctx, by, export.Params{Source: export.Audit, Audit: &q})
}

func (e *Endpoints) startExport(ctx context.Context, by auth.User, p export.Params) (progress.Operation, error) {
	o, err := e.d.Exports.Start(ctx, by.ID, p)
	if errors.Is(err, progress.ErrBusy) {
		err = problem.New(http.StatusConflict, "BUSY",
			"An export of yours is still being written. Wait until it is ready, or cancel it.")
	}
	return o, err
}

// exportNeeds is what somebody must be permitted to fetch an export: what it took to start it.
var exportNeeds = map[string]access.Permission{
	export.Orders: access.OrdersRead, export.Returns: access.ReturnsRead, export.Audit: access.AuditRead,
}

// OperationFile writes the file of an operation of who asks; an admin may fetch any. begin is
// called with its name before the first byte.
func (e *Endpoints) OperationFile(
	ctx context.Context, by auth.User, id string, w io.Writer, begin func(name string),
) error {
	o, err := e.Operation(ctx, by, id)
	if err != nil {
		return err
	}
	p, err := export.ParamsOf(o)
	if err != nil || o.Kind != export.Operation || !access.Has(by.Role, exportNeeds[p.Source]) {
		return operationError(progress.ErrNotFound)
	}
	begin(export.FileName(o))
	return operationError(e.d.Progress.File(ctx, id, w))
}

// ScenarioParams say what to run.
type ScenarioParams struct {
	ID string `json:"id"` // empty: all
	ScenarioOptions
}

// ScenarioOptions say how to run it.
type ScenarioOptions struct {
	Short bool `json:"short"` // smaller numbers, the same targets
}

// Scenarios returns the quality scenarios and the newest runs, at most limit.
func (e *Endpoints) Scenarios(
	ctx context.Context, by auth.User, limit int,
) ([]quality.Scenario, []progress.Operation, error) {
	if err := ReadScenarios.Permit(by); err != nil {
		return nil, nil, err
	}
	var runs []progress.Operation
	for _, kind := range e.d.Quality.Kinds() {
		found, err := e.d.Progress.Operations(ctx, progress.Query{Kind: kind.Name, Limit: limit})
		if err != nil {
			return nil, nil, err
		}
		runs = append(runs, found...)
	}
	slices.SortStableFunc(runs, func(a, b progress.Operation) int { return b.StartedAt.Compare(a.StartedAt) })
	return e.d.Quality.Scenarios(), runs[:min(len(runs), limit)], nil
}

// Loads returns the loads that can be run as scenarios are, by their ids.
func (e *Endpoints) Loads() []quality.Scenario { return e.d.Quality.Loads() }

// RunScenario starts a run of scenarios against shops of their own.
func (e *Endpoints) RunScenario(ctx context.Context, by auth.User, p ScenarioParams) (progress.Operation, error) {
	if err := RunScenario.Permit(by); err != nil {
		return progress.Operation{}, err
	}
	a := quality.Asked{Short: p.Short}
	if p.ID != "" {
		a.IDs = []string{p.ID}
	}
	o, err := e.d.Quality.Start(ctx, by.ID, a)
	if err == nil {
		audit.Created(ctx, o.ID)
	}
	return o, operationError(err)
}

// operationError says what is wrong with what was asked of an operation; nil for nil.
func operationError(err error) error {
	switch {
	case errors.Is(err, progress.ErrNotFound):
		return problem.New(http.StatusNotFound, "NOT_FOUND", "There is nothing with that id.")
	case errors.Is(err, progress.ErrBusy):
		return problem.New(http.StatusConflict, "BUSY",
			"Quality scenarios or a load are running already. Wait until they have ended, or cancel them.")
	case errors.Is(err, quality.ErrUnknown):
		return problem.New(http.StatusNotFound, "NOT_FOUND", "There is no such scenario.")
	case errors.Is(err, quality.ErrNotHere):
		return problem.New(
			http.StatusForbidden,
			"NOT_HERE",
			"Quality scenarios can't be run in this shop. Ask its operator to allow them.",
		)
	}
	return err
}

// MayRunScenarios reports whether the user may run scenarios in this shop.
func (e *Endpoints) MayRunScenarios(by auth.User) bool {
	return e.d.Quality.Runs() && access.Has(by.Role, access.ScenariosRun)
}

// ScenarioRun returns a run of scenarios to a user who may read them.
func (e *Endpoints) ScenarioRun(ctx context.Context, by auth.User, id string) (progress.Operation, error) {
	if err := ReadScenarios.Permit(by); err != nil {
		return progress.Operation{}, err
	}
	o, err := e.d.Progress.Operation(ctx, id)
	if err == nil && o.Kind != quality.Operation && o.Kind != quality.Load {
		err = progress.ErrNotFound
	}
	return o, operationError(err)
}
