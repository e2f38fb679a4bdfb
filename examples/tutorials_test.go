package examples

import (
	"go/format"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	block   = regexp.MustCompile("(?ms)^```(go|text)\n(.*?)^```$")
	link    = regexp.MustCompile(`\]\(([^)#:]+)\)`)
	runOnly = regexp.MustCompile(`-run ([A-Za-z]+)`)
)

// TestTutorialsAreOfTheProgramsThatAreCompiled: the Go of each page is found in the source of
// the programs, its output in what a test compares with what they print, and its links and
// tests are there.
func TestTutorialsAreOfTheProgramsThatAreCompiled(t *testing.T) {
	pages, err := filepath.Glob("*/README.md")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"async-gateway", "http-server", "own-database", "own-orders", "property-test"}
	var found []string
	source, tests := sources(t, "*/*.go"), sources(t, "*/*_test.go")
	for _, page := range pages {
		dir := filepath.Dir(page)
		found = append(found, dir)
		text := read(t, page)
		blocks := block.FindAllStringSubmatch(text, -1)
		if len(blocks) < 3 {
			t.Errorf("%s has %d blocks of code and output", page, len(blocks))
		}
		for _, b := range blocks {
			in := source
			if b[1] == "text" {
				in = tests
			}
			if !strings.Contains(in, flat(b[2])) {
				t.Errorf("%s: this is in no program, or is printed by none; copy it anew:\n%s", page, b[2])
			}
		}
		for _, run := range runOnly.FindAllStringSubmatch(text, -1) {
			if !regexp.MustCompile(`\nfunc Test\w*` + strings.TrimPrefix(run[1], "Test")).
				MatchString(sources(t, dir+"/*_test.go")) {
				t.Errorf("%s: -run %s runs no test", page, run[1])
			}
		}
	}
	if !slices.Equal(found, want) {
		t.Errorf("there are pages for %v, want %v", found, want)
	}
	for _, page := range append(pages, "README.md", "../README.md") {
		for _, l := range link.FindAllStringSubmatch(read(t, page), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), l[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

// TestGoOnPagesIsFormatted: what is pasted is as gofmt leaves it, indented with tabs.
func TestGoOnPagesIsFormatted(t *testing.T) {
	for _, pattern := range []string{"../*.md", "*.md", "*/*.md", "../refserver/docs/*.md"} {
		pages, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range pages {
			for _, b := range block.FindAllStringSubmatch(read(t, page), -1) {
				if b[1] != "go" {
					continue
				}
				text := b[2]
				if strings.HasPrefix(text, "\t") && strings.HasSuffix(text, "\n}\n") { // the end of a function
					text = "func end() {\n" + text
				}
				if want, err := format.Source([]byte(text)); err != nil || string(want) != text {
					t.Errorf("%s: gofmt (%v) makes this\n%s\nof\n%s", page, err, want, text)
				}
			}
		}
	}
}

// sources is the text of the files, flat.
func sources(t *testing.T, pattern string) string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		all.WriteString(flat(read(t, name)))
	}
	return all.String()
}

// flat is the text without the indentation, and without what makes output a comment or a
// string.
func flat(text string) string {
	var all strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(text, "`", "\n")) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "// ")
		all.WriteString("\n" + strings.TrimSpace(line))
	}
	return all.String()
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
