package archtest

import (
	"flag"
	"testing"
)

var beforeTree = flag.String("before", "", "a checkout of an older commit, for the census")

// TestCensus prints the table of the house, and with -before beside it that of an older
// tree; it fails where the tree can't be read.
func TestCensus(t *testing.T) {
	now := takeCensus(repoSources(t))
	var before *census
	if *beforeTree != "" {
		sources, err := readSources(*beforeTree)
		if err != nil {
			t.Fatal(err)
		}
		c := takeCensus(sources)
		before = &c
	}
	t.Log("\n" + now.table(before))
	if len(now.branches) == 0 || now.packages == 0 || len(now.exported) == 0 {
		t.Errorf("nothing was found: %+v", now)
	}
}

// TestCensusCounts: on the module in testdata, where each number is known.
func TestCensusCounts(t *testing.T) {
	sources, err := readSources("testdata/census")
	if err != nil {
		t.Fatal(err)
	}
	c := takeCensus(sources)
	if got := c.exported["shapes"]; got != 6 || len(c.exported) != 1 {
		t.Errorf("exported names: %v, want 6 of shapes: two constants, a type, its method, a variable, a function",
			c.exported)
	}
	if len(c.branches) != 6 || at(c.branches, 100) != 3 || c.busiest != "shapes.Area" {
		t.Errorf("branches: %v, most in %s; want six functions, and 3 in shapes.Area", c.branches, c.busiest)
	}
	if c.repeated != 1 {
		t.Errorf("%d pairs of places, want the one of first and second", c.repeated)
	}
	if c.packages != 1 {
		t.Errorf("%d packages below refserver/internal, want 1", c.packages)
	}
}
