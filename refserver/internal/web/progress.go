package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/endpoint"
	"github.com/returnkit/returnkit/refserver/internal/input"
	"github.com/returnkit/returnkit/refserver/internal/partner"
	"github.com/returnkit/returnkit/refserver/internal/progress"
	"github.com/returnkit/returnkit/refserver/internal/quality"
)

func (s *server) progressRoutes() {
	s.use("GET /admin/operations", endpoint.ReadOperation, s.operations)
	s.use("GET /admin/operations/{id}", endpoint.ReadOperation, s.operation)
	s.use("GET /admin/operations/{id}/file", endpoint.ReadOperation, s.operationFile)
	s.use("POST /admin/operations/{id}/cancel", endpoint.CancelOperation, s.cancelOperation)
	s.use("POST /admin/orders/export", endpoint.StartExport, s.exportOrders)
	s.use("POST /admin/returns/export", endpoint.StartExport, s.exportReturns)
	s.use("POST /admin/audit/log/export", endpoint.StartExport, s.exportAudit)
}

// operationsShown is how many operations the list has.
const operationsShown = 100

// operationView is an operation as pages show it.
type operationView struct {
	progress.Operation

	Badge   badge
	Running bool
	Left    string // about how long it will take from now on; empty where that can't be said
	Waits   bool   // nobody executes it yet
	File    string // address of its file
	Expires time.Time
	Refused string // what of a feed was refused; empty for nothing
	More    string // address of the page that says more
	MoreIs  string
}

var operationStates = map[progress.State]badge{
	progress.Running: {"info", "running"}, progress.Done: {"good", "done"}, progress.Failed: {"bad", "failed"},
	progress.Canceled: {"warn", "canceled"}, progress.Interrupted: {"warn", "interrupted"},
}

func (s *server) viewOf(o progress.Operation) operationView {
	v := operationView{
		Operation: o, Badge: operationStates[o.State], Running: o.State == progress.Running, Waits: o.BegunAt.IsZero(),
	}
	if left, ok := o.Left(s.Now()); ok {
		v.Left = about(left)
	}
	if until := o.FileUntil(); o.State == progress.Done && o.HasFile && s.Now().Before(until) {
		v.File, v.Expires = operationsPath+o.ID+"/file", until
	}
	switch o.Kind {
	case partner.Operation:
		v.More, v.MoreIs = "/admin/partners/"+o.OwnerID, "The partner and its feeds"
		if run, err := partner.RunOf(o); err == nil && run.Rejected > 0 {
			v.Refused = plural(run.Rejected, "row was refused", "rows were refused")
		}
	case quality.Operation, quality.Load:
		v.More, v.MoreIs = "/admin/scenarios/"+o.ID, "The report"
		if o.State != progress.Done {
			v.More, v.MoreIs = "/admin/scenarios", "All quality scenarios"
		}
	}
	return v
}

// about is a time to wait, in words.
func about(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return "a few seconds"
	case d < 90*time.Second:
		return fmt.Sprintf("%d seconds", int(d.Round(10*time.Second)/time.Second))
	case d < 90*time.Minute:
		return fmt.Sprintf("%d minutes", int(d.Round(time.Minute)/time.Minute))
	}
	return fmt.Sprintf("%d hours", int(d.Round(time.Hour)/time.Hour))
}

func (s *server) operations(w http.ResponseWriter, r *http.Request) error {
	list, err := s.Endpoints.Operations(r.Context(), user(r), operationsShown)
	if err != nil {
		return err
	}
	views := make([]operationView, len(list))
	for i, o := range list {
		views[i] = s.viewOf(o)
	}
	return s.page(w, r, "admin_operations", "Operations", views)
}

func (s *server) operation(w http.ResponseWriter, r *http.Request) error {
	o, err := s.Endpoints.Operation(r.Context(), user(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.page(w, r, "admin_operation", strconv.Itoa(o.Percent)+" %, "+o.Title, s.viewOf(o))
}

// operationsPath is where operations are; their files are below it.
const operationsPath = "/admin/operations/"

// operationFile sends a file, for as long as its reader keeps taking it. One that breaks off ends
// the connection, so that half of it is not mistaken for the whole.
func (s *server) operationFile(w http.ResponseWriter, r *http.Request) error {
	file := &csvDownload{w: w, slow: http.NewResponseController(w)}
	err := s.Endpoints.OperationFile(r.Context(), user(r), r.PathValue("id"), file, func(name string) {
		file.name = name
	})
	if err != nil && file.begun {
		panic(http.ErrAbortHandler)
	}
	return err
}

func (s *server) cancelOperation(w http.ResponseWriter, r *http.Request) error {
	o, err := s.Endpoints.CancelOperation(r.Context(), user(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.redirect(w, r, operationsPath+o.ID, "")
}

// exporting goes to the page that shows how far an export is.
func (s *server) exporting(w http.ResponseWriter, r *http.Request, o progress.Operation, err error) error {
	if err != nil {
		return err
	}
	return s.redirect(w, r, operationsPath+o.ID, "")
}

// The filter of an export is in its address, as in the address of the list.

func (s *server) exportOrders(w http.ResponseWriter, r *http.Request) error {
	p, err := historyParams(r)
	if err != nil {
		return err
	}
	o, err := s.Endpoints.ExportOrders(r.Context(), user(r), p)
	return s.exporting(w, r, o, err)
}

func (s *server) exportReturns(w http.ResponseWriter, r *http.Request) error {
	var p endpoint.ListParams
	if err := input.Query(r.URL.Query(), &p); err != nil {
		return err
	}
	o, err := s.Endpoints.ExportReturns(r.Context(), user(r), p)
	return s.exporting(w, r, o, err)
}

func (s *server) exportAudit(w http.ResponseWriter, r *http.Request) error {
	query, _, err := s.logQuery(r)
	if err != nil {
		return err
	}
	if query == nil { // nobody has the name
		return s.redirect(w, r, "/admin/audit/log?"+r.URL.RawQuery, "No entry matches: there is nothing to export.")
	}
	o, err := s.Endpoints.ExportAudit(r.Context(), user(r), *query)
	return s.exporting(w, r, o, err)
}

// exportHref is the address that exports what the list shows.
func exportHref(r *http.Request) string {
	q := r.URL.Query()
	q.Del("page")
	q.Del("after")
	return strings.TrimSuffix(r.URL.Path+"/export?"+q.Encode(), "?")
}
