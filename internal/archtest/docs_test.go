package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// exampled are the packages that a shop calls most, and how many of a hundred of their
// exported functions, types and methods have an Example at least.
var exampled = map[string]int{"returns": 60, "refunds": 60, "resilience": 60, "throttle": 60}

// pages are the documentation of the packages that anybody may import, by folder.
func pages(t *testing.T) []*page {
	t.Helper()
	var all []*page
	for path, of := range packages(t) {
		dir, ours := relative(path)
		if !ours || dir == "" || !importable(dir, of.Name) || below(dir, "examples") {
			continue
		}
		p, err := readPage(repo, dir)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *page) int { return strings.Compare(a.dir, b.dir) })
	return all
}

// TestExamples: the packages that a shop calls most have an Example for most of what they
// export, and each store and each suite has one. With -v it prints how many each has.
func TestExamples(t *testing.T) {
	for _, p := range pages(t) {
		t.Logf("%-40s %3d of %3d = %3d %%", p.dir, p.examples, p.symbols, p.share())
		least, named := exampled[p.dir]
		if named && p.share() < least {
			t.Errorf("%s: %d %% of what it exports has an Example, less than %d; without: %s",
				p.dir, p.share(), least, strings.Join(p.without, ", "))
		}
		if kit := strings.HasSuffix(p.dir, "db") || strings.HasSuffix(p.dir, "test"); kit && p.examples == 0 {
			t.Errorf("%s: nothing has an Example; show how a store, or a suite, is used", p.dir)
		}
	}
}

// sections are what the documentation of a package says under a heading of its own, where it
// applies.
var sections = []struct{ dir, headings string }{
	{"observability", "Concurrency, Units, Zero values"},
	{"observability/observabilitydb", "Concurrency, Tables"},
	{"orders", "Concurrency, Errors, Units, Zero values"},
	{"orders/event", "Errors, Units, Zero values"},
	{"orders/event/outbox", "Concurrency, Zero values"},
	{"orders/event/outboxdb", "Concurrency, Errors, Tables"},
	{"orders/money", "Errors, Sources"},
	{"orders/ordersdb", "Concurrency, Errors, Tables"},
	{"orders/orderstest", "Concurrency"},
	{"orders/payment", "Concurrency, Units, Zero values"},
	{"orders/payment/guard", "Concurrency, Zero values"},
	{"orders/payment/stripegateway", "Concurrency, Errors, Sources, Units, Zero values"},
	{"orders/purchase", "Errors, Units, Zero values"},
	{"orders/sqlstore", "Concurrency, Errors, Tables, Zero values"},
	{"refunds", "Concurrency, Errors, Sources, Units, Zero values"},
	{"refunds/refundsdb", "Concurrency, Errors, Tables"},
	{"refunds/refundstest", "Concurrency, Zero values"},
	{"resilience", "Concurrency, Errors, Sources, Units, Zero values"},
	{"resilience/resiliencehttp", "Concurrency, Errors, Sources, Zero values"},
	{"returns", "Concurrency, Errors, Units, Zero values"},
	{"returns/budget", "Concurrency, Errors, Sources"},
	{"returns/returnsdb", "Concurrency, Errors, Tables"},
	{"returns/returnstest", "Concurrency"},
	{"throttle", "Concurrency, Errors, Sources, Units, Zero values"},
	{"throttle/redisthrottle", "Concurrency, Errors, Sources, Zero values"},
	{"throttle/throttlehttp", "Concurrency, Errors, Sources, Zero values"},
	{"throttle/throttletest", "Concurrency, Errors, Sources, Zero values"},
}

// TestPackageDocs: each package says what it must under headings of its own, and links to
// what it speaks of; no name in brackets is one that does not exist. A package of a few names, such
// as one that registers a driver, needs none.
func TestPackageDocs(t *testing.T) {
	all := pages(t)
	for _, p := range all {
		links, broken := p.links()
		for _, name := range broken {
			t.Errorf("%s: the documentation links to [%s], which does not exist", p.dir, name)
		}
		if p.symbols > 3 && len(links) < 2 {
			t.Errorf("%s: the documentation has %d links to what it speaks of", p.dir, len(links))
		}
	}
	for _, want := range sections {
		i := slices.IndexFunc(all, func(p *page) bool { return p.dir == want.dir })
		if i < 0 {
			t.Errorf("%s: there is no such package", want.dir)
			continue
		}
		for heading := range strings.SplitSeq(want.headings, ", ") {
			if !slices.Contains(all[i].headings(), heading) {
				t.Errorf("%s: the documentation has no section %s", want.dir, heading)
			}
		}
	}
}

// TestDocumentedTables: the section Tables of a store names the tables that its migrations
// make, and no others.
func TestDocumentedTables(t *testing.T) {
	name := regexp.MustCompile(`(?m)^\s*(rk_\w+)`)
	created := regexp.MustCompile(`(?i)create table (rk_\w+)`)
	for _, p := range pages(t) {
		files, err := filepath.Glob(filepath.Join(repo, p.dir, "migrations", "*", "*.sql"))
		if err != nil {
			t.Fatal(err)
		}
		var made []string
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			made = append(made, submatches(created, string(text))...)
		}
		slices.Sort(made)
		made = slices.Compact(made)
		said := submatches(name, p.doc.Doc)
		slices.Sort(said)
		if !slices.Equal(said, made) {
			t.Errorf("%s: the documentation names the tables %v, the migrations make %v", p.dir, said, made)
		}
	}
}

func submatches(re *regexp.Regexp, text string) (all []string) {
	for _, m := range re.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}
