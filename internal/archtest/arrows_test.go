package archtest

import (
	"slices"
	"sync"
	"testing"
)

// repo is the root of the module as seen from a test of this package.
const repo = "../.."

// fixture is a module of the same name that breaks every rule.
const fixture = "testdata/module"

// listed are the packages of the module.
var listed = sync.OnceValues(func() (map[string]pkg, error) { return goList(repo, "./...") })

// exported are those that others may import, with their compiled types and what they need.
var exported = sync.OnceValues(func() (map[string]pkg, error) {
	return goList(repo, "-export", "-deps", "./orders/...", "./refunds/...", "./returns/...", "./resilience/...",
		"./throttle/...", "./observability/...")
})

// read are the sources of the module.
var read = sync.OnceValues(func() ([]source, error) { return readSources(repo) })

func exportedPackages(t *testing.T) map[string]pkg {
	t.Helper()
	p, err := exported()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func repoSources(t *testing.T) []source {
	t.Helper()
	s, err := read()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func packages(t *testing.T) map[string]pkg {
	t.Helper()
	p, err := listed()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// exceptions are the imports that the design does not have and the code still does. Nothing
// is added here; what is not needed any more fails and is removed.
var exceptions = []exception{}

func TestArrowsPointOneWay(t *testing.T) {
	for _, line := range checkArrows(packages(t), exceptions) {
		t.Error(line)
	}
}

// heavy is what a domain package brings to nobody: a database, metrics, a payment client.
var heavy = []string{
	"github.com/uptrace/bun", "github.com/prometheus", "github.com/stripe", "modernc.org/sqlite",
	"github.com/jackc/pgx", "github.com/pressly/goose", "net/http/httptest",
	module + "/internal/sqldb", module + "/orders/event/outboxdb", module + "/orders/sqlstore",
}

var burdens = []burden{
	{
		packages: []string{
			"orders", "orders/money", "orders/event", "orders/payment", "orders/purchase", "refunds", "returns",
			"resilience", "throttle",
		},
		without: heavy,
	},
	{packages: []string{"refunds", "resilience", "throttle"}, without: []string{"net/http"}},
	{packages: []string{"resilience/resiliencehttp", "throttle/throttlehttp"}, without: heavy},
	{packages: []string{"orders/sqlstore", "orders/sqlstore/postgres"}, without: []string{"modernc.org/sqlite"}},
	{
		packages: []string{"orders/sqlstore", "orders/sqlstore/sqlite"},
		without:  []string{"github.com/jackc/pgx/v5/stdlib"},
	},
	{
		packages: []string{"orders/ordersdb", "refunds/refundsdb", "returns/returnsdb"},
		without:  []string{"modernc.org/sqlite", "github.com/prometheus", "github.com/stripe"},
	},
	{
		// What has gopter in its API is in packages of their own.
		packages: []string{"orders/orderstest", "refunds/refundstest", "returns/returnstest"},
		without:  []string{"github.com/leanovate/gopter"},
	},
	{
		// The page of the HTTP interface is made when the shop is built.
		packages: []string{"refserver"},
		without: []string{
			"github.com/leanovate/gopter", "github.com/getkin/kin-openapi", "github.com/santhosh-tekuri/jsonschema",
		},
	},
}

// burdened is what imports still bring and the design does not allow; it shrinks as exceptions do.
var burdened = []exception{}

func TestImportsBringNoMoreThanTheirRoomNeeds(t *testing.T) {
	for _, line := range checkBurdens(packages(t), burdens, burdened) {
		t.Error(line)
	}
}

// foreign are the modules that rooms at the bottom may import, besides the standard library.
var foreign = map[string][]string{
	"orders/money": {"github.com/bojanz/currency", "github.com/cockroachdb/apd"},
	"orders/event": {},
	"resilience":   {"github.com/cenkalti/backoff"},
	"throttle":     {},
}

func TestRoomsAtTheBottomStandOnTheStandardLibrary(t *testing.T) {
	for _, line := range checkForeign(packages(t), foreign) {
		t.Error(line)
	}
}

func TestNoExportedSignatureNamesAnInternalType(t *testing.T) {
	found, err := checkAPI(exportedPackages(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range found {
		t.Error(line)
	}
}

// The rules themselves, on a module that breaks each.

func TestRulesOfImportsCatch(t *testing.T) {
	p, err := goList(fixture, "./...")
	if err != nil {
		t.Fatal(err)
	}
	unneeded := exception{"returns", "orders/money"}
	expect(t, checkArrows(p, []exception{{"internal/helper", "orders/money"}, unneeded}),
		"orders imports internal/helper; it may import orders, orders/event, orders/money, orders/payment, "+
			"orders/purchase, resilience",
		"attic is in no room of the design",
		"orders/money imports refunds; it may import orders/money",
		"refunds/refundstest imports refserver; it may import internal/csvcell, internal/differ, "+
			"internal/linear, internal/paging, internal/suite, "+
			"orders/event, orders/money, orders/payment, orders/purchase, refunds, refunds/refundstest, resilience",
		"returns imports orders; it may import internal/csvcell, orders/event, orders/event/outbox, orders/money, "+
			"orders/payment, orders/purchase, refunds, resilience, returns",
		"returns -> orders/money is no longer needed: remove the exception",
	)
	expect(t, checkBurdens(p, []burden{
		{packages: []string{"refunds", "attic"}, without: []string{"github.com/uptrace/bun"}},
		{packages: []string{"refunds"}, without: []string{"net/url"}},
		{packages: []string{"nowhere"}},
		{packages: []string{"refunds"}, without: []string{"path"}},
	}, []exception{{"refunds", "path"}, unneeded}),
		"returns -> orders/money is no longer needed: remove the exception",
		"importing refunds brings github.com/uptrace/bun",
		"importing refunds brings net/url",
		"there is no package nowhere",
	)
	expect(t, checkForeign(p, map[string][]string{"orders/event": {}, "refunds": {}}),
		"refunds depends on github.com/uptrace/bun")
}

func TestRuleOfSignaturesCatches(t *testing.T) {
	p, err := goList(fixture, "-export", "-deps", "./orders/...")
	if err != nil {
		t.Fatal(err)
	}
	found, err := checkAPI(p)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, name := range []string{
		"Alias", "Constraint", "Embeds", "Field", "Func", "Generic", "Iface", "Map", "Method", "Promoted", "Var",
	} {
		want = append(want, module+"/orders."+name+" names "+module+"/internal/helper.Handle, which importers can't")
	}
	expect(t, found, want...)
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("unexpected: %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("not caught: %s", line)
		}
	}
}
