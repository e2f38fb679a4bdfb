package archtest

import (
	"flag"
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
	p, err := goList(repo, "-export", "-deps", "./orders/...", "./refunds/...", "./returns/...", "./resilience/...",
		"./throttle/...", "./observability/...")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := readSources(repo)
	if err != nil {
		t.Fatal(err)
	}
	now, err := listAPI(p, deprecations(sources))
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
	}
	now := []string{
		"pkg a, func Changed(string)", "pkg a, func Kept() // deprecated", "pkg a, func New()",
		"pkg a, type Store interface", "pkg a, type Store interface, Get()", "pkg a, type Store interface, Put()",
		"pkg a, type Fresh interface", "pkg a, type Fresh interface, Get()",
	}
	slices.Sort(now)
	expect(t, breaks(released, now),
		"pkg a, func Changed(int)", "pkg a, func Gone()", "pkg a, type Store interface, Put()")
}
