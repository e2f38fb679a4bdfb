package archtest

import (
	"os"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
)

// TestExportedNamesAreNeeded prints who needs the exported names of each package, and fails
// for those that nobody needs and exported.txt does not list.
func TestExportedNamesAreNeeded(t *testing.T) {
	testreq.Slow(t, "./internal/archtest") // it type-checks all there is
	text, err := os.ReadFile("exported.txt")
	if err != nil {
		t.Fatal(err)
	}
	list, err := parseExported(text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := loadProgram(repo)
	if err != nil {
		t.Fatal(err)
	}
	u := takeUsage(p)
	t.Log("\n" + u.table())
	for _, line := range u.compare(list) {
		t.Error(line)
	}
}

// TestUsersOfNames: on the module in testdata, where each name says who needs it.
func TestUsersOfNames(t *testing.T) {
	p, err := loadProgram("testdata/uses")
	if err != nil {
		t.Fatal(err)
	}
	u := takeUsage(p)
	for _, n := range u.names() {
		want := nobody
		id := n.name[strings.Index(n.name, ".")+1:]
		switch {
		case strings.HasPrefix(id, "Users"), id == "Store":
			want = users
		case strings.HasPrefix(id, "Stores"):
			want = stores
		case strings.HasPrefix(id, "Tests"):
			want = tests
		case !strings.HasPrefix(id, "Nobody"):
			t.Fatalf("%s.%s does not say who needs it", n.dir, n.name)
		}
		if got := u.by[n]; got != want {
			t.Errorf("%s.%s is needed by %d, want %d", n.dir, n.name, got, want)
		}
	}
	expect(t, strings.Split(strings.TrimSpace(u.table()), "\n")[2:], "| shapes | 25 | 11 | 4 | 5 | 5 |")

	list, err := parseExported([]byte("# a comment\nshapes NobodyFunc so that it is seen\n" +
		"shapes UsersFunc it is used\nshapes Gone it was there\n" +
		"shapes NobodyType.NobodyMethod one\nshapes NobodyType two\nshapes TestsFunc three\n"))
	if err != nil {
		t.Fatal(err)
	}
	const hint = " is exported and needed by nobody outside of tests: " +
		"give it a lower-case name, or list it in exported.txt with the reason"
	expect(t, u.compare(list),
		"exported.txt:3: shapes.UsersFunc is needed now; remove the line",
		"exported.txt:4: shapes does not export Gone",
		"shapes.NobodyConst"+hint,
	)
	if _, err := parseExported([]byte("\nshapes NobodyFunc")); err == nil ||
		!strings.Contains(err.Error(), "exported.txt:2: ") {
		t.Errorf("a name without a reason: %v", err)
	}
}
