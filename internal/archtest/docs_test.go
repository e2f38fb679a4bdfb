package archtest

import (
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
