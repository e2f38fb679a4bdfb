package suite

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

// Check compares the promises of a suite with the numbered sentences in the
// documentation of the interface, which is in the Go file: each is there once, word
// for word, and in order.
func Check[B any](t *testing.T, file, iface string, promises []Promise[B]) {
	t.Helper()
	documented, err := sentences(file, iface)
	if err != nil {
		t.Fatal(err)
	}
	var held []string
	for _, p := range promises {
		held = append(held, p.Sentence)
		if len(p.Cases) == 0 {
			t.Errorf("no case holds anybody to %q", p.Sentence)
		}
	}
	for _, line := range unlike(documented, held) {
		t.Error(line)
	}
}

// unlike says what is in one list and not in the other, and what is out of order.
func unlike(documented, held []string) (lines []string) {
	in := func(list []string, s string) (n int) {
		for _, one := range list {
			if one == s {
				n++
			}
		}
		return n
	}
	for i, s := range documented {
		if !strings.HasPrefix(s, fmt.Sprintf("%d. ", i+1)) {
			lines = append(lines, fmt.Sprintf("sentence %d is numbered otherwise: %q", i+1, s))
		}
		if n := in(held, s); n != 1 {
			lines = append(lines, fmt.Sprintf("documented, and %d times in the suite: %q", n, s))
		}
	}
	for i, s := range held {
		if in(documented, s) == 0 {
			lines = append(lines, fmt.Sprintf("in the suite and not documented: %q", s))
		} else if documented[min(i, len(documented)-1)] != s {
			lines = append(lines, fmt.Sprintf("out of order: %q", s))
		}
	}
	return lines
}

var numbered = regexp.MustCompile(`^\s*\d+\. `)

// sentences are the numbered ones of a type's documentation, each on one line.
func sentences(file, name string) ([]string, error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	for _, d := range f.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range decl.Specs {
			if spec, ok := s.(*ast.TypeSpec); ok && spec.Name.Name == name {
				return listed(decl.Doc.Text() + spec.Doc.Text()), nil
			}
		}
	}
	return nil, fmt.Errorf("%s has no type %s", file, name)
}

func listed(doc string) (all []string) {
	inside := false
	for line := range strings.Lines(doc) {
		text := strings.TrimSpace(line)
		switch {
		case numbered.MatchString(line):
			all, inside = append(all, text), true
		case text == "" || !strings.HasPrefix(line, " "):
			inside = false
		case inside:
			all[len(all)-1] += " " + text
		}
	}
	return all
}
