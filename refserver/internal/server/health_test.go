package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
)

// component is a part of a health report.
type component struct{ Status, Reason string }

// report returns what a probe gets.
func (b *bench) report(path string) (status int, word string, components map[string]component) {
	b.t.Helper()
	res, err := http.Get(b.url + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	var report struct {
		Status     string
		Components map[string]component
	}
	if err := json.NewDecoder(res.Body).Decode(&report); err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, report.Status, report.Components
}

// health returns what a probe gets, and what it says of the database.
func (b *bench) health(path string) (status int, word, database, reason string) {
	b.t.Helper()
	status, word, components := b.report(path)
	return status, word, components["database"].Status, components["database"].Reason
}

var probes = []string{"/health", "/api/system/health", "/health/ready"}

func TestAFullDiskIsToldAndNothingElseIs(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.customer("ada")
	ada := b.signInAs("ada", "correct horse")
	// SQLite takes no page more than it has.
	if _, err := b.DB.Writer().ExecContext(t.Context(), "PRAGMA max_page_count = 1"); err != nil {
		t.Fatal(err)
	}
	for _, path := range probes {
		b.eventually("a probe that says that the disk is full", func() bool {
			status, word, database, reason := b.health(path)
			return status == 503 && word == "DEGRADED" && database == "DOWN" && reason == "disk full"
		})
	}
	// Writes that need room are refused in words, and reading still works.
	refused := false
	for i := range 500 {
		a := ada.form("/register", url.Values{
			"username": {fmt.Sprintf("guest_%d", i)}, "email": {"guest@example.com"}, "password": {"battery staple"},
		})
		if refused = a.status == http.StatusServiceUnavailable; refused {
			internal := strings.Contains(a.body, "SQL") || strings.Contains(a.body, "auth:")
			if a.header.Get("Retry-After") == "" || internal {
				t.Errorf("%v %s", a.header, a.body)
			}
			break
		}
	}
	if !refused {
		t.Error("500 accounts were made on a full disk")
	}
	ada.get("/").want(t, http.StatusOK, "Keyboard")
	if _, err := b.DB.Writer().ExecContext(t.Context(), "PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	for _, path := range probes {
		b.eventually("a probe that says that all is well", func() bool {
			status, word, database, _ := b.health(path)
			return status == http.StatusOK && word == "UP" && database == "UP"
		})
	}
}

func TestASlowDatabaseDegradesTheShopAndDoesNotStopIt(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/server/")
	t.Parallel()
	b := open(t)
	tx, err := b.DB.Writer().BeginTx(t.Context(), nil) // nobody else writes meanwhile
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	for _, path := range probes {
		b.eventually("a probe that says that the database is slow", func() bool {
			status, word, database, reason := b.health(path)
			return status == http.StatusOK && word == "DEGRADED" && database == "DEGRADED" && reason == "slow"
		})
	}
	b.eventually("a probe that says that nothing can be written", func() bool {
		status, _, database, reason := b.health("/health")
		return status == http.StatusServiceUnavailable && database == "DOWN" && reason == "timeout"
	})
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	b.eventually("a probe that says that all is well", func() bool {
		status, word, _, _ := b.health("/health/ready")
		return status == http.StatusOK && word == "UP"
	})
}
