// Package archtest asserts which package may import which, so that the arrows
// of the design stay arrows.
package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/returnkit/returnkit"

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// load lists the packages of the module, tests left out.
func load(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", module+"/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	all := map[string]pkg{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimPrefix(p.ImportPath, module+"/")] = p
	}
}

// room is the first folder of one of our import paths; "" for others.
func room(path string) string {
	rest, ok := strings.CutPrefix(path, module+"/")
	if !ok {
		return ""
	}
	first, _, _ := strings.Cut(rest, "/")
	return first
}

// arrows says which rooms a room may import. internal is for all but the
// domain packages themselves, which is checked apart.
var arrows = map[string][]string{
	"orders":        {"orders", "resilience", "internal"},
	"refunds":       {"refunds", "orders", "internal"},
	"returns":       {"returns", "refunds", "orders", "internal"},
	"resilience":    {"resilience"},
	"throttle":      {"throttle"},
	"observability": {"observability", "orders", "returns", "refunds", "resilience", "throttle", "internal"},
	"internal":      {"internal", "orders", "resilience"},
	"examples":      {"orders", "returns", "refunds", "resilience", "throttle", "observability"},
	"refserver":     {"refserver", "orders", "returns", "refunds", "resilience", "throttle", "observability", "internal"},
}

func TestArrowsPointOneWay(t *testing.T) {
	for path, p := range load(t) {
		if p.ImportPath == module {
			continue
		}
		allowed, known := arrows[room(p.ImportPath)]
		if !known {
			t.Errorf("%s is in no room of the design", path)
		}
		for _, imported := range p.Imports {
			if r := room(imported); r != "" && !slices.Contains(allowed, r) {
				t.Errorf("%s imports %s; it may import %v", path, imported, allowed)
			}
		}
	}
}

// bare are the packages that users import for the logic alone.
var bare = []string{"orders", "orders/event/outbox", "returns", "refunds", "resilience", "throttle"}

func TestDomainPackagesBringNoDatabaseMetricsOrPaymentClient(t *testing.T) {
	heavy := []string{
		"github.com/uptrace/bun", "github.com/prometheus/", "github.com/stripe/",
		"modernc.org/sqlite", "github.com/jackc/pgx", "github.com/pressly/goose", "net/http/httptest",
		module + "/internal/sqldb", module + "/orders/event/outboxdb",
	}
	all := load(t)
	for _, name := range bare {
		p, ok := all[name]
		if !ok {
			t.Errorf("there is no package %s", name)
		}
		for _, dep := range p.Deps {
			for _, h := range heavy {
				if strings.HasPrefix(dep, h) {
					t.Errorf("importing %s pulls in %s", name, dep)
				}
			}
		}
	}
}

func TestResilienceAndThrottleStandOnTheStandardLibraryAndBackoff(t *testing.T) {
	all := load(t)
	for _, name := range []string{"resilience", "throttle"} {
		for _, dep := range all[name].Deps {
			first, _, _ := strings.Cut(dep, "/")
			if strings.Contains(first, ".") && !strings.HasPrefix(dep, "github.com/cenkalti/backoff/v4") && dep != module+"/"+name {
				t.Errorf("%s depends on %s", name, dep)
			}
		}
	}
}

func TestStoresAndSuitesAreImportedByNoDomainPackage(t *testing.T) {
	for path, p := range load(t) {
		r := room(p.ImportPath)
		if r == "refserver" || r == "examples" {
			continue
		}
		for _, imported := range p.Imports {
			name := imported[strings.LastIndex(imported, "/")+1:]
			if name == "outboxdb" && strings.HasSuffix(path, "db") {
				continue // stores write their events with it
			}
			suite := strings.HasSuffix(name, "test") && !strings.HasSuffix(path, "test") && room(imported) != ""
			if suite || (room(imported) != "" && room(imported) != "internal" && strings.HasSuffix(name, "db")) {
				t.Errorf("%s imports %s", path, imported)
			}
		}
	}
}
