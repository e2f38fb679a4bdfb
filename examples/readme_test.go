// Package examples has the tests of the programs below it, and of those in the README.
package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// program is a block of Go that begins with a package clause, and the block of text after it.
var program = regexp.MustCompile("(?s)```go\n(package main\n.*?)```\n\n```text\n(.*?)```")

// TestProgramsOfTheReadmeRunAsPasted: each prints what stands below it, and none stands there
// without what it prints.
func TestProgramsOfTheReadmeRunAsPasted(t *testing.T) {
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := program.FindAllStringSubmatch(string(page), -1)
	clauses := strings.Count(string(page), "\npackage main\n")
	if len(found) != 3 || clauses != 3 {
		t.Fatalf("%d programs are in README.md, %d with the output below them, want 3 and 3", clauses, len(found))
	}
	for _, block := range found {
		// A file outside the source tree, run from inside it, is compiled against this version of
		// the module and not a released one.
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(block[1]), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "go", "run", file).CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != strings.TrimSpace(block[2]) {
			t.Errorf("it printed\n%s(%v), the page says\n%s\nof\n%s", out, err, block[2], block[1])
		}
	}
}
