package archtest

import (
	"flag"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

const listingFile = "api.txt"

var releasedListing = flag.String("released", "", "the api.txt of a release, which may not be broken")

// TestListing: the public names are those of api.txt. With -update the file is written, with
// -released they are held to what a release promised.
func TestListing(t *testing.T) {
	now, err := listAPI(exportedPackages(t), deprecations(repoSources(t)))
	if err != nil {
		t.Fatal(err)
	}
	if *releasedListing != "" {
		for _, line := range breaks(readListing(t, *releasedListing), now) {
			t.Errorf("breaks a program that was written for the release: %s", line)
		}
	}
	if *update {
		if err := os.WriteFile(listingFile, []byte(strings.Join(now, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	removed, added := difference(readListing(t, listingFile), now)
	for _, line := range removed {
		t.Error("-", line)
	}
	for _, line := range added {
		t.Error("+", line)
	}
	if len(removed)+len(added) > 0 {
		t.Error("the public names are not those of api.txt; if that is meant, say so in CHANGELOG.md and run " +
			"go test ./internal/archtest -run Listing -args -update")
	}
}

func readListing(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func TestBreaksAreWhatStopsABuild(t *testing.T) {
	released := []string{
		"pkg a, func Gone()", "pkg a, func Kept()", "pkg a, func Old() // deprecated",
		"pkg a, func Changed(int)", "pkg a, type Store interface", "pkg a, type Store interface, Get()",
		"pkg a, type Closed interface", "pkg a, type Closed interface, unexported methods",
	}
	now := []string{
		"pkg a, func Changed(string)", "pkg a, func Kept() // deprecated", "pkg a, func New()",
		"pkg a, type Store interface", "pkg a, type Store interface, Get()", "pkg a, type Store interface, Put()",
		"pkg a, type Fresh interface", "pkg a, type Fresh interface, Get()",
		"pkg a, type Closed interface", "pkg a, type Closed interface, Get()",
		"pkg a, type Closed interface, unexported methods",
	}
	slices.Sort(now)
	expect(t, breaks(released, now),
		"pkg a, func Changed(int)", "pkg a, func Gone()", "pkg a, type Store interface, Put()")
}

// TestDeprecationsAreFound wherever their paragraph stands.
func TestDeprecationsAreFound(t *testing.T) {
	const text = `package a

// A is one.
//
// Deprecated: since v0.2.0; use B.
const A = 1

// Deprecated: since v0.2.0; use C.
var V, W int

// Deprecated: both.
const (
	X = 1
	Y = 2
)

const (
	// Deprecated: this one.
	P = 1
	Q = 2 // not it
)

// T is a type.
type T struct {
	// Deprecated: a field.
	F int
	G int
}

// Deprecated: a type.
type U interface{ M() }

// I is open.
type I interface {
	// Deprecated: a method.
	N()
}

// Deprecated: a function.
func Fn() {}

// M is a method.
//
// Deprecated: use another.
func (t *T) M() {}

// Not is no longer Deprecated: it never was.
func Not() {}
`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "a.go", text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	found := deprecations([]source{{dir: "a", path: "a/a.go", text: []byte(text), fset: fset, file: f}})
	expect(t, slices.Sorted(maps.Keys(found)),
		"a.A", "a.Fn", "a.I.N", "a.P", "a.T.F", "a.T.M", "a.U", "a.V", "a.W", "a.X", "a.Y")
}
