package scenarios

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/quality"
)

func run(t *testing.T, o Options) quality.Report {
	t.Helper()
	o.Short = true
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestScenariosAreFulfilled runs all fifteen in their short form.
func TestScenariosAreFulfilled(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/scenarios/")
	for name, test := range map[string]struct {
		o    Options
		rows int
	}{
		"sqlite": {Options{}, 15},
		// What the database has a part in.
		"postgres": {Options{
			DatabaseURL: sqlstoretest.PostgresURL(t),
			IDs:         []string{"A.3", "S.1", "M.2", "P.2", "I.1", "I.2", "T.1", "U.2"},
		}, 8},
	} {
		t.Run(name, func(t *testing.T) {
			sound := map[string]bool{}
			test.o.sound = func(id string) { sound[id] = true }
			r := run(t, test.o)
			if len(r.Rows) != test.rows {
				t.Errorf("%d scenarios", len(r.Rows))
			}
			for _, row := range r.Rows {
				t.Log(row.Line())
				if !row.Fulfilled && !sound[row.ID] {
					t.Errorf("%s is %s", row.ID, row.Word())
				}
			}
		})
	}
}

// TestEveryScenarioCanFail does something wrong on purpose in each: a scenario that stays
// fulfilled measures nothing.
func TestEveryScenarioCanFail(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/scenarios/")
	for _, row := range run(t, Options{broken: true}).Rows {
		t.Log(row.Line())
		switch {
		case row.Fulfilled:
			t.Errorf("%s is fulfilled, though something is wrong: %s", row.ID, row.Observed)
		case row.Error != "":
			t.Errorf("%s ends with an error, and does not measure what is wrong: %s", row.ID, row.Error)
		}
	}
}

func TestScenariosAreChosenByID(t *testing.T) {
	got, err := Choose([]string{"m.1", "T.2"})
	if err != nil || len(got) != 2 || got[0].ID != "M.1" || got[1].ID != "T.2" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := Choose([]string{"X.9"}); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "A.1, A.2") {
		t.Error(err)
	}
}

// TestLoadsAreRunByTheirIDs: they are no scenarios, and tell how far they are.
func TestLoadsAreRunByTheirIDs(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/scenarios/")
	if len(All()) != 15 || len(Loads()) != 3 {
		t.Fatalf("%d scenarios and %d loads", len(All()), len(Loads()))
	}
	for _, l := range Loads() {
		t.Run(l.ID, func(t *testing.T) {
			sound, last := false, quality.Step{}
			see := func(s quality.Step) {
				if s.Message == "" {
					return
				}
				if s.Done < last.Done || s.Of < 100 || s.Done > s.Of {
					t.Errorf("%+v after %+v", s, last)
				}
				last = s
			}
			r := run(t, Options{IDs: []string{l.ID}, sound: func(string) { sound = true }, Progress: see})
			t.Log(r.Rows[0].Line())
			if !sound || last.Done == 0 {
				t.Errorf("%s; the last of its progress is %+v", r.Rows[0].Line(), last)
			}
		})
	}
}

func TestReportsSayWhatWasMeasured(t *testing.T) {
	r := run(t, Options{IDs: []string{"M.1"}})
	r.Rows = append(r.Rows, quality.Row{Scenario: Described()[0], Error: "the shop did not open"})
	r.Rows[0].Charts = []quality.Chart{
		{Title: "Some", Labels: []string{"1", "2"}, Names: []string{"a"}, Lines: map[string][]float64{"a": {1, 2}}},
	}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"table":    func(b *bytes.Buffer) error { return r.Table(b) },
		"JSON":     func(b *bytes.Buffer) error { return r.JSON(b) },
		"HTML":     func(b *bytes.Buffer) error { return r.HTML(b) },
		"Markdown": func(b *bytes.Buffer) error { return r.Markdown(b) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := write(&out); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"M.1", "2 of 2 products read", "the shop did not open", "A.1"} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in %s", want, out.String())
				}
			}
			var v any
			if name == "JSON" && json.Unmarshal(out.Bytes(), &v) != nil {
				t.Error("it is not JSON")
			}
		})
	}
	if r.Fulfilled() {
		t.Error("a run with a scenario that was not measured is fulfilled")
	}
}

// TestTheDocumentIsThatOfARun: refserver/docs/quality-scenarios.md was written by the command,
// of the scenarios as they are.
func TestTheDocumentIsThatOfARun(t *testing.T) {
	data, err := os.ReadFile("../../docs/quality-scenarios.md")
	if err != nil {
		t.Fatal(err)
	}
	var r quality.Report
	for _, s := range Described() {
		r.Rows = append(r.Rows, quality.Row{Scenario: s, Result: quality.Result{Fulfilled: true, Observed: "OBSERVED"}})
	}
	var want bytes.Buffer
	if err := r.Markdown(&want); err != nil {
		t.Fatal(err)
	}
	measured := regexp.MustCompile(`(?m)^(- Observed: .+|Measured on .+)$`)
	got := measured.ReplaceAllString(string(data), "")
	if blank := measured.ReplaceAllString(want.String(), ""); got != blank {
		t.Error("the document is not of these scenarios: run go run ./refserver scenarios --markdown " +
			"refserver/docs/quality-scenarios.md")
	}
	if strings.Contains(string(data), "OBSERVED") || !strings.Contains(string(data), "in the whole form") {
		t.Error("the document is not of a whole run")
	}
}
