package server_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/auth/access"
	"github.com/returnkit/returnkit/refserver/internal/problem"
)

// withRole registers somebody, gives them the role, and signs them in.
func (b *bench) withRole(name string, r auth.Role) browser {
	b.t.Helper()
	who := b.customer(name)
	if _, err := b.Auth.SetRole(b.t.Context(), auth.User{ID: "test"}, who.ID, r); err != nil {
		b.t.Fatal(err)
	}
	return b.signInAs(name, "correct horse")
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// call sends a request without fields to the route, and returns status and the
// address of a redirect. What it names does not exist.
func (u browser) call(t *testing.T, pattern string) (status int, to string) {
	t.Helper()
	method, path, found := strings.Cut(pattern, " ")
	if !found {
		method, path = http.MethodGet, pattern
	}
	path = placeholder.ReplaceAllString(strings.TrimSuffix(path, "{$}"), "999999")
	ctx, cancel := context.WithCancel(t.Context()) // a stream ends with it
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, u.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if strings.HasPrefix(path, "/api/") {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := u.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode, res.Header.Get("Location")
}

// wantRefused checks that nobody who is not signed in passes.
func wantRefused(t *testing.T, row access.Route, status int, to string) {
	t.Helper()
	want := "302 /login"
	if row.Script || strings.Contains(row.Pattern, " /api/") {
		want = "401 "
	}
	if got := fmt.Sprint(status, " ", to); got != want {
		t.Errorf("without a sign-in: %s, want %s", got, want)
	}
}

func TestEveryRouteLetsTheRolesOfItsRowPassAndNobodyElse(t *testing.T) {
	t.Parallel()
	b := openWith(t, []app.Option{app.WithScenarios(fakeScenarios, fakeLoads, fakeRun{}.run)})
	who := map[auth.Role]browser{}
	for _, r := range auth.Roles() {
		who[r] = b.withRole("a_"+string(r), r)
	}
	nobody := browser{b, &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	for _, row := range access.Routes() {
		t.Run(row.Pattern, func(t *testing.T) {
			if row.Needs == access.Open {
				status, _ := nobody.call(t, row.Pattern)
				keyed := strings.Contains(row.Note, "key") && status == http.StatusUnauthorized
				if !keyed && (status == http.StatusUnauthorized || status == http.StatusForbidden) {
					t.Errorf("without a sign-in: %d", status)
				}
				return
			}
			status, to := nobody.call(t, row.Pattern)
			wantRefused(t, row, status, to)
			for _, role := range auth.Roles() {
				status, to := who[role].call(t, row.Pattern)
				refused := status == http.StatusForbidden || status == http.StatusUnauthorized || to == "/login"
				if refused == access.Has(role, row.Needs) || status >= http.StatusInternalServerError {
					t.Errorf("%s: %d %s", role, status, to)
				}
			}
		})
	}
	t.Log("\n" + access.Text())
}

func TestTheAuditorReadsEverythingAndChangesNothing(t *testing.T) {
	for _, row := range access.Routes() {
		reads := strings.HasPrefix(row.Pattern, "GET ") || row.Pattern == "POST /api/returns/estimate" ||
			row.Audit == "export"
		own := row.Needs == access.OwnAccount || row.Needs == access.Open || row.Needs == access.OperationsOwn
		// The one form that is shown to those alone who may send it.
		form := row.Pattern == "GET /admin/returns/new" ||
			row.Pattern == "GET /dev/mail" || // whoever reads it can take over accounts
			row.Acts // as the way back from the provider's page, which settles the order
		if may := access.Has(auth.Auditor, row.Needs); !own && !form && may != reads {
			t.Errorf("%s: the auditor may: %t", row.Pattern, may)
		}
	}
}

func TestARouteWithoutARowIsRefusedAndReported(t *testing.T) {
	gate := access.New(access.Config{})
	passed := false
	var told problem.Problem
	h := gate.Guard("GET /new", func(_ http.ResponseWriter, _ *http.Request, p problem.Problem) { told = p },
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed = true }))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/new", nil)
	if err != nil {
		t.Fatal(err)
	}
	h.ServeHTTP(nil, r)
	if passed || told.Status != http.StatusForbidden {
		t.Errorf("passed: %t, answered %d", passed, told.Status)
	}
	if err := gate.Check(); err == nil || !strings.Contains(err.Error(), `the route "GET /new" has no row`) {
		t.Errorf("Check = %v", err)
	}
}

// TestNoRouteGoesPastTheTable reads the source: a mux that is handed a handler
// other than by Guard would not be seen by Check.
func TestNoRouteGoesPastTheTable(t *testing.T) {
	call := regexp.MustCompile(`(mux|inner)\.Handle(Func)?\(.*`)
	allowed := regexp.MustCompile(`Gate\.Guard\(|mux\.Handler\(|inner\.Handler\(|` +
		`inner\.Handle\("(/api/|POST /checkout|/)", |` +
		`inner\.Handle\("GET "\+(docs|document)Address, pages`) // what is behind these is guarded itself
	for _, pattern := range []string{"../web/*.go", "../api/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range call.FindAllString(string(raw), -1) {
				if !strings.HasSuffix(file, "_test.go") && !allowed.MatchString(found) {
					t.Errorf("%s registers a route past the table: %s", file, found)
				}
			}
		}
	}
}

// A search shows accounts to who may read them; the returns of a customer to all staff.
func TestASearchShowsAccountsOnlyToWhoMayReadThem(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.approved(b.buy(b.customer("lovelace"), 1))
	for role, reads := range map[auth.Role]bool{
		auth.Admin: true, auth.Auditor: true, auth.Support: false, auth.Warehouse: false, auth.Finance: false,
	} {
		a := b.withRole("staff-"+string(role), role).get("/admin/search?q=lovel").want(t, http.StatusOK, "RMA-")
		if got := strings.Contains(a.body, "lovelace@"); got != reads {
			t.Errorf("the search shows the e-mail address to the role %s: %v", role, got)
		}
	}
}
