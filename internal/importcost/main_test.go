package main

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestDocumentIsReadAsItWasWritten(t *testing.T) {
	costs := []cost{{"orders", 3, 12, 1_200_000}, {"throttle", 0, 1, 300_000}}
	got, err := parse(render(costs))
	if err != nil || !slices.Equal(got, costs) {
		t.Fatalf("parse(render(%v)) = %v, %v", costs, got, err)
	}
	for _, text := range []string{"", "| --- |\n", head + "| orders | many | 1 | 0.1 MB |\n", head + "| orders |\n"} {
		if _, err := parse(text); err == nil {
			t.Errorf("parse(%q) finds no fault", text)
		}
	}
}

func TestCompareNamesEachPackageThatCostsSomethingElse(t *testing.T) {
	written := []cost{{"a", 1, 2, 5_000_000}, {"b", 0, 1, 200_000}, {"gone", 0, 1, 0}}
	same := []cost{{"a", 1, 2, 5_400_000}, {"b", 0, 1, 290_000}, {"gone", 0, 1, 0}}
	if found := compare(written, same); len(found) > 0 {
		t.Errorf("sizes within the bounds: %v", found)
	}
	found := compare(written, []cost{{"a", 2, 2, 5_600_000}, {"b", 0, 1, 310_000}, {"new", 0, 1, 0}})
	want := []string{"a brings 2 modules", "a adds 5.6 MB", "b adds 0.3 MB", "new has no row", "gone has a row"}
	if len(found) != len(want) {
		t.Fatalf("found %q, want %d lines", found, len(want))
	}
	for i := range want {
		if !strings.HasPrefix(found[i], want[i]) {
			t.Errorf("line %d is %q, want one that begins with %q", i, found[i], want[i])
		}
	}
}

// The program stands outside the module: a folder in it would be listed and vetted by
// whatever runs at the same time.
func TestProgramsAreBuiltForThePlatformNamedOutsideTheModule(t *testing.T) {
	t.Setenv("GOOS", "plan9")
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	scratch := t.TempDir()
	const program = "package main\n\nimport _ \"github.com/returnkit/returnkit/orders/money\"\n\nfunc main() {}\n"
	if n, err := size(root, scratch, program); err != nil || n == 0 {
		t.Fatalf("size %d, %v", n, err)
	}
	built, err := exec.Command("go", "version", "-m", filepath.Join(scratch, "program")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, built)
	}
	for _, setting := range []string{"GOOS=" + goos, "GOARCH=" + goarch, "CGO_ENABLED=0"} {
		if !strings.Contains(string(built), setting) {
			t.Errorf("the program is not built with %s:\n%s", setting, built)
		}
	}
}
