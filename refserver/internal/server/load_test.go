package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/quality"
)

var fakeLoads = []quality.Scenario{
	{ID: "load-rush", Stimulus: "many at once", Measure: "rush", Target: "the service level A.1"},
}

// fakeLoad is a quality.Runner of a load of 200 checkouts, which waits after each step.
type fakeLoad struct{ at, goOn chan int }

func (f fakeLoad) run(ctx context.Context, a quality.Asked, step func(quality.Step)) (quality.Report, error) {
	step(quality.Step{ID: a.IDs[0], Stimulus: "many at once", Of: 1})
	for _, done := range []int{0, 60, 40, 150} { // 40: an answer that is late must not set it back
		step(quality.Step{ID: a.IDs[0], Done: done, Of: 200, Message: fmt.Sprint(done, " orders accepted.")})
		select {
		case f.at <- done:
		case <-ctx.Done():
			return quality.Report{}, ctx.Err()
		}
		select {
		case <-f.goOn:
		case <-ctx.Done():
			return quality.Report{}, ctx.Err()
		}
	}
	row := quality.Row{Scenario: fakeLoads[0], Result: quality.Result{Observed: "200 accepted", Fulfilled: true}}
	step(quality.Step{ID: a.IDs[0], Done: 1, Of: 1, Row: &row})
	return quality.Report{Machine: "a machine", Rows: []quality.Row{row}}, nil
}

// begun starts the load from the desk and executes it until ctx ends, and returns its page.
func (f fakeLoad) begun(ctx context.Context, b *bench, admin browser) (page string, ended chan error) {
	b.t.Helper()
	page = admin.form("/admin/scenarios", url.Values{"id": {"load-rush"}}).
		want(b.t, http.StatusFound).header.Get("Location")
	ended = make(chan error, 1)
	go func() {
		_, err := b.Progress.WorkDue(ctx, b.Quality.Kinds()[1])
		ended <- err
	}()
	return page, ended
}

// TestALoadIsAnOperation: its progress never goes back and is the same after a reload, one runs at
// a time, and its report is on the page of the scenarios.
func TestALoadIsAnOperation(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		f := fakeLoad{make(chan int), make(chan int)}
		b := openWith(t, []app.Option{app.WithScenarios(fakeScenarios, fakeLoads, f.run)}, settings...)
		admin, auditor := b.signIn(), b.withRole("alice", auth.Auditor)
		admin.get("/admin/scenarios").want(t, 200, "Loads", "rush", "many at once")
		auditor.form("/admin/scenarios", url.Values{"id": {"load-rush"}}).want(t, http.StatusForbidden)
		page, ended := f.begun(context.WithoutCancel(t.Context()), b, admin)
		id := strings.TrimPrefix(page, "/admin/operations/")
		for _, want := range []int{0, 30, 30, 75} {
			done := <-f.at
			for range 2 { // and a reload
				var o struct {
					Kind, State, Message string
					Percent, Total       int
				}
				a := admin.get("/api/progress/"+id).want(t, 200)
				if err := json.Unmarshal([]byte(a.body), &o); err != nil {
					t.Fatal(err)
				}
				if o.Percent != want || o.Total != 200 || o.Kind != "load" || o.State != "running" ||
					o.Message != fmt.Sprint(done, " orders accepted.") {
					t.Errorf("after %d: %+v, want %d %%", done, o, want)
				}
			}
			admin.get(page).want(t, 200, "Load: rush", fmt.Sprint(done, " orders accepted."), "Cancel")
			admin.json("/api/admin/scenarios/X.1/run", "").want(t, http.StatusConflict, `"code":"BUSY"`)
			f.goOn <- 0
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		admin.get("/api/progress/"+id).want(t, 200, `"percent":100`, `"done":200`, `"state":"done"`, "200 accepted")
		auditor.get("/admin/scenarios").want(t, 200, "Load: rush", "200 accepted", "/admin/scenarios/"+id)
		auditor.get("/admin/scenarios/"+id).want(t, 200, "a machine", "200 accepted")
	})
}

// TestALoadThatIsCutOffEnds: one that is canceled stops, and one whose process stops is not running
// for ever; the next may begin.
func TestALoadThatIsCutOffEnds(t *testing.T) {
	t.Parallel()
	f := fakeLoad{make(chan int), make(chan int)}
	b := openWith(t, []app.Option{app.WithScenarios(fakeScenarios, fakeLoads, f.run)})
	admin := b.signIn()
	page, ended := f.begun(context.WithoutCancel(t.Context()), b, admin)
	<-f.at
	admin.form(page+"/cancel", nil).want(t, http.StatusFound)
	if err := <-ended; err != nil { // within a second
		t.Error(err)
	}
	admin.get(page).want(t, 200, "canceled", "Canceled after 0 of 200.")

	process, stop := context.WithCancel(t.Context())
	page, ended = f.begun(process, b, admin)
	<-f.at
	stop()
	<-ended
	admin.get(page).want(t, 200, "interrupted", "Start it again.")
	page, ended = f.begun(process, b, admin) // by a process that is stopping
	<-ended
	admin.form(page+"/cancel", nil).want(t, http.StatusFound)
}
