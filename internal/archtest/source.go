package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// source is a file that people edit.
type source struct {
	dir  string // of its package or folder, below the root and with slashes
	path string
	text []byte
	fset *token.FileSet
	file *ast.File // nil unless it is Go
}

// kinds are the endings of the files that are read.
var kinds = []string{".go", ".html", ".sql", ".js", ".css", ".sh", ".md"}

// readSources reads the files below a folder, but testdata and what is generated.
func readSources(root string) ([]source, error) {
	var all []source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"
		if d.IsDir() && hidden && name != root {
			return fs.SkipDir
		}
		if d.IsDir() || hidden || !slices.Contains(kinds, filepath.Ext(name)) {
			return nil
		}
		s, err := readSource(root, name)
		if err == nil && !(s.file != nil && ast.IsGenerated(s.file)) {
			all = append(all, s)
		}
		return err
	})
	return all, err
}

func readSource(root, name string) (source, error) {
	path, err := filepath.Rel(root, name)
	if err != nil {
		return source{}, err
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return source{}, err
	}
	path = filepath.ToSlash(path)
	s := source{path: path, text: text, dir: "."}
	if i := strings.LastIndex(path, "/"); i >= 0 {
		s.dir = path[:i]
	}
	if filepath.Ext(name) == ".go" {
		s.fset = token.NewFileSet()
		s.file, err = parser.ParseFile(s.fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
	}
	return s, err
}

// test reports whether the file is a test or part of a suite.
func (s source) test() bool {
	return strings.HasSuffix(s.path, "_test.go") || ofSuite(s.dir)
}

// ofSuite reports whether a folder is a suite's, or below one: its generators.
func ofSuite(dir string) bool {
	return strings.Contains(dir+"/", "test/")
}

// line is the line of an offset in the text.
func (s source) line(offset int) int { return 1 + bytes.Count(s.text[:offset], []byte("\n")) }

// finding is a place that breaks a rule.
type finding struct {
	dir, rule, path string
	line            int
	what            string
}

func (s source) finding(rule string, line int, what string) finding {
	return finding{dir: s.dir, rule: rule, path: s.path, line: line, what: what}
}
