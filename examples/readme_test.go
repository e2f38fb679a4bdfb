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

// TestProgramsOfTheReadmeRunAsPasted: each prints what stands below it.
func TestProgramsOfTheReadmeRunAsPasted(t *testing.T) {
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := program.FindAllStringSubmatch(string(page), -1)
	if len(found) != 3 {
		t.Fatalf("%d programs with their output are in README.md, want 3", len(found))
	}
	for _, block := range found {
		// In the module, so that it is compiled against this version and not a released one.
		dir, err := os.MkdirTemp(".", "readme-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := os.RemoveAll(dir); err != nil {
				t.Error(err)
			}
		})
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(block[1]), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "go", "run", "./"+dir).CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != strings.TrimSpace(block[2]) {
			t.Errorf("it printed\n%s(%v), the page says\n%s\nof\n%s", out, err, block[2], block[1])
		}
	}
}
