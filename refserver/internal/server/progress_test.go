package server_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/quality"
)

// exporting starts an export and returns the address of its page.
func (u browser) exporting(path string) string {
	u.t.Helper()
	a := u.form(path, nil).want(u.t, http.StatusFound)
	page := a.header.Get("Location")
	if !strings.HasPrefix(page, "/admin/operations/") {
		u.t.Fatalf("an export leads to %q", page)
	}
	return page
}

// exported exports, and returns the file.
func (b *bench) exported(u browser, path string) string {
	b.t.Helper()
	page := u.exporting(path)
	if _, err := b.Progress.WorkDue(b.t.Context(), b.Exports.Kind()); err != nil {
		b.t.Fatal(err)
	}
	return u.get(page+"/file").want(b.t, http.StatusOK).body
}

func TestAnExportHasAllThatMatches(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		ada := b.customer("ada")
		const n = 3
		var numbers []string
		for range n {
			o := b.buy(ada, 1)
			numbers = append(numbers, o.Number)
			b.approved(o)
		}
		admin := b.signIn()
		for name, tt := range map[string]struct {
			path  string
			rows  int
			first string
		}{
			"orders":            {"/admin/orders/export?page=7", n + 1, "number"}, // that of the demo, too
			"one order":         {"/admin/orders/export?q=" + numbers[1], 1, "number"},
			"queued orders":     {"/admin/orders/export?status=QUEUED", 0, "number"},
			"returns of ada":    {"/admin/returns/export?q=ada", n, "rma"},
			"authorized return": {"/admin/returns/export?status=AUTHORIZED", 1, "rma"},
		} {
			t.Run(name, func(t *testing.T) {
				rows, err := csv.NewReader(strings.NewReader(b.exported(admin, tt.path))).ReadAll()
				if err != nil || len(rows) != tt.rows+1 || rows[0][0] != tt.first {
					t.Errorf("%d rows, want %d and a header: %v, %v", len(rows), tt.rows, rows, err)
				}
			})
		}
		admin.form("/admin/orders/export?from=x", nil).want(t, http.StatusBadRequest)
	})
}

// TestAnExportBelongsToWhoStartedIt, and to admins; what it takes to start it, it takes to fetch.
func TestAnExportBelongsToWhoStartedIt(t *testing.T) {
	t.Parallel()
	b := open(t)
	support, other, admin := b.withRole("sue", auth.Support), b.withRole("wes", auth.Warehouse), b.signIn()
	auditor := b.withRole("alice", auth.Auditor)
	page := support.exporting("/admin/orders/export")
	id := strings.TrimPrefix(page, "/admin/operations/")
	support.get(page).want(t, 200, "Export of orders",
		`<progress id="progress-`+id+`" max="100" value="0">`,
		"http-equiv=\"refresh\"")
	support.get(page+"/file").want(t, http.StatusNotFound)
	support.get("/api/progress/"+id).
		want(t, 200, `"kind":"export"`, `"state":"running"`, `"percent":0`,
			`"finished_at":null`)
	for _, path := range []string{page, page + "/file", "/api/progress/" + id} {
		other.get(path).want(t, http.StatusNotFound)
	}
	other.form(page+"/cancel", nil).want(t, http.StatusNotFound)
	admin.get(page).want(t, 200)
	if _, err := b.Progress.WorkDue(t.Context(), b.Exports.Kind()); err != nil {
		t.Fatal(err)
	}
	file := support.get(page+"/file").want(t, 200, "number,id,status")
	if got := file.header.Get("Content-Disposition"); !strings.HasPrefix(got, `attachment; filename="orders-`) {
		t.Errorf("the file is called %s", got)
	}
	support.get(page).want(t, 200, "100 %", "Download the file")
	admin.get("/admin/operations").want(t, 200, "Export of orders")
	if strings.Contains(other.get("/admin/operations").want(t, 200).body, "Export of orders") {
		t.Error("another one sees the export in the list")
	}
	support.form("/admin/audit/log/export", nil).want(t, http.StatusForbidden)
	mine := auditor.exporting("/admin/audit/log/export")
	if _, err := b.Progress.WorkDue(t.Context(), b.Exports.Kind()); err != nil {
		t.Fatal(err)
	}
	auditor.get(mine+"/file").want(t, 200, "day,number,time")
	u, err := b.Auth.UserByName(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	super, err := b.Auth.UserByName(t.Context(), "super_admin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Auth.SetRole(t.Context(), super, u.ID, auth.Warehouse); err != nil {
		t.Fatal(err)
	}
	b.signInAs("alice", "correct horse").get(mine+"/file").want(t, http.StatusNotFound)
}

// TestAnAccountHasOneExportAtATime: another account has its own, and it may start the next when
// the first is ready or canceled.
func TestAnAccountHasOneExportAtATime(t *testing.T) {
	t.Parallel()
	b := open(t)
	sue, sam := b.withRole("sue", auth.Support), b.withRole("sam", auth.Support)
	first := sue.exporting("/admin/orders/export")
	sue.form("/admin/returns/export", nil).want(t, http.StatusConflict, "still being written", "cancel it")
	sam.exporting("/admin/orders/export")
	sue.form(first+"/cancel", nil).want(t, http.StatusFound)
	if _, err := b.Progress.WorkDue(t.Context(), b.Exports.Kind()); err != nil { // sam's
		t.Fatal(err)
	}
	b.exported(sue, "/admin/returns/export")
	b.exported(sue, "/admin/returns/export")
}

func TestACanceledExportIsInTheAudit(t *testing.T) {
	t.Parallel()
	b := open(t)
	sue := b.withRole("sue", auth.Support)
	page := sue.exporting("/admin/orders/export?q=lamp")
	sue.form(page+"/cancel", nil).want(t, http.StatusFound)
	sue.get(page).want(t, 200, "canceled", "Canceled after 0 of 0.")
	sue.get(page+"/file").want(t, http.StatusNotFound)
	list := b.entries("operation.changed")
	if len(list) != 1 || list[0].ActorName != "sue" || list[0].Details["State"] != `"running" -> "canceled"` {
		t.Errorf("the cancellation: %+v", list)
	}
	var exports []string
	for _, e := range b.entries("export.made") {
		exports = append(exports, e.ActorName+" "+e.Details["route"]+" "+e.Details["query"])
	}
	if len(exports) != 2 || exports[0] != "sue POST /admin/orders/export q=lamp" {
		t.Errorf("the exports: %q", exports)
	}
	sue.json("/api/progress/"+strings.TrimPrefix(page, "/admin/operations/")+"/cancel",
		"").
		want(t, 200, `"state":"canceled"`)
	b.customer("carl")
	b.signInAs("carl", "correct horse").form(page+"/cancel", nil).want(t, http.StatusForbidden)
}

// fakeRun is a quality.Runner that does what the test tells it.
type fakeRun struct {
	begun, goOn chan struct{}
}

func (f fakeRun) run(ctx context.Context, a quality.Asked, step func(quality.Step)) (quality.Report, error) {
	step(quality.Step{ID: "X.1", Stimulus: "something happens", Of: 2})
	close(f.begun)
	select {
	case <-f.goOn:
	case <-ctx.Done():
		return quality.Report{}, ctx.Err()
	}
	r := quality.Report{Machine: "a machine", Database: "SQLite", Short: a.Short, Rows: []quality.Row{
		{
			Scenario: fakeScenarios[0],
			Result: quality.Result{Observed: "observed 7", Fulfilled: true, Charts: []quality.Chart{{
				Title: "Course", Unit: "ms", Labels: []string{"1", "2"}, Names: []string{"a"},
				Lines: map[string][]float64{"a": {1, 2}},
			}}},
		},
		{Scenario: fakeScenarios[1], Error: "the shop did not open"},
	}}
	for i := range r.Rows {
		step(quality.Step{ID: r.Rows[i].ID, Done: i + 1, Of: 2, Row: &r.Rows[i]})
	}
	return r, nil
}

var fakeScenarios = []quality.Scenario{
	{ID: "X.1", Stimulus: "something happens", Measure: "some measure", Target: "7"},
	{ID: "X.2", Stimulus: "something else", Measure: "another", Target: "8", StandIn: "a stand-in"},
}

func TestScenariosAreRunFromTheDesk(t *testing.T) {
	t.Parallel()
	f := fakeRun{make(chan struct{}), make(chan struct{})}
	b := openWith(t, []app.Option{app.WithScenarios(fakeScenarios, fakeLoads, f.run)})
	admin, auditor := b.signIn(), b.withRole("alice", auth.Auditor)
	admin.get("/admin/scenarios").want(t, 200, "X.1", "something happens", "a stand-in", "not yet", "Run all")
	if strings.Contains(auditor.get("/admin/scenarios").want(t, 200, "X.2").body, "Run all") {
		t.Error("an auditor may run scenarios")
	}
	auditor.form("/admin/scenarios", nil).want(t, http.StatusForbidden)
	auditor.json("/api/admin/scenarios/X.1/run", "").want(t, http.StatusForbidden)
	admin.json("/api/admin/scenarios/Z.9/run", "").want(t, http.StatusNotFound, "There is no such scenario.")

	page := admin.form("/admin/scenarios", url.Values{"short": {"1"}}).want(t, http.StatusFound).header.Get("Location")
	id := strings.TrimPrefix(page, "/admin/operations/")
	worked := make(chan error, 1)
	go func() {
		_, err := b.Progress.WorkDue(context.WithoutCancel(t.Context()), b.Quality.Kinds()[0])
		worked <- err
	}()
	<-f.begun
	admin.get(page).want(t, 200, "All quality scenarios, short form", "X.1 is running: something happens.", "Cancel")
	admin.json("/api/admin/scenarios/x.2/run", `{"short":true}`).want(t, http.StatusConflict, `"code":"BUSY"`)
	close(f.goOn)
	if err := <-worked; err != nil {
		t.Fatal(err)
	}
	admin.get("/api/progress/"+id).want(t, 200, `"kind":"scenarios"`, `"percent":100`, `"done":2`, "1 of 2 fulfilled.")
	auditor.get("/admin/scenarios").
		want(t, 200, "observed 7", "fulfilled", "not measured", "the shop did not open",
			"/admin/scenarios/"+id)
	auditor.get("/admin/scenarios/"+id).want(t, 200, "a machine", "short form", "Course, ms", "/charts/X.1-1.svg")
	auditor.get("/admin/scenarios/"+id+"/charts/X.1-1.svg").want(t, 200, "<svg")
	auditor.get("/admin/scenarios/"+id+"/charts/X.1-2.svg").want(t, http.StatusNotFound)
	started := admin.json("/api/admin/scenarios/x.2/run", "").want(t, http.StatusAccepted, `"success":true`)
	var made struct {
		ID string `json:"operation_id"`
	}
	if err := json.Unmarshal([]byte(started.body), &made); err != nil {
		t.Fatal(err)
	}
	admin.json("/api/progress/"+made.ID+"/cancel", "").want(t, 200, `"state":"canceled"`, "Canceled after 0 of 1.")
	if list := b.entries("operation.created"); len(list) != 2 {
		t.Errorf("%d runs are in the audit: %+v", len(list), list)
	}
}

func TestScenariosAreNotRunInProduction(t *testing.T) {
	t.Parallel()
	settings := []string{
		"APP_ENV=production", "SUPER_ADMIN_PASSWORD=a passphrase of the admin",
		"SECRET_KEY=0123456789abcdef0123456789abcdef",
		"PASSWORD_MIN_STRENGTH=0", "PAYMENT_PROVIDER_URL=http://127.0.0.1:1",
	}
	for name, tt := range map[string]struct {
		more   string
		status int
	}{
		"refused": {"SCENARIOS_IN_PRODUCTION=false", http.StatusForbidden},
		"allowed": {"SCENARIOS_IN_PRODUCTION=true", http.StatusAccepted},
	} {
		t.Run(name, func(t *testing.T) {
			b := openWith(
				t,
				[]app.Option{app.WithScenarios(fakeScenarios, fakeLoads, fakeRun{}.run)},
				append(settings, tt.more)...)
			admin := b.signInAs("super_admin", "a passphrase of the admin")
			admin.json("/api/admin/scenarios/load-rush/run", "").want(t, tt.status)
			if tt.status == http.StatusForbidden {
				admin.json("/api/admin/scenarios/X.1/run", "").want(t, tt.status)
			}
		})
	}
}
