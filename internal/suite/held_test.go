package suite

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestEachSuiteHasMutants: promises that are compared with the documentation are those
// that mutants break, under the build tag, and every list of promises is compared.
func TestEachSuiteHasMutants(t *testing.T) {
	folders := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "promises_test.go") {
			folders[filepath.Dir(path)] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(folders) < 3 {
		t.Errorf("suites found in %v, want three at least", folders)
	}
	for folder := range folders {
		used := uses(t, folder)
		for list, in := range used {
			if !in["Mutants"] {
				t.Errorf("%s: the promises %s have no mutants: suite.Mutants(t, ..., len(%s), ...) in a test whose "+
					"name ends in Mutants", folder, list, list)
			}
		}
		if len(used) == 0 {
			t.Errorf("%s compares no promises with what is documented", folder)
		}
	}
}

// uses are the lists of promises that a folder's suite.Check names, with the functions of
// this package that they are given to.
func uses(t *testing.T, folder string) map[string]map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]map[string]bool{}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || name.Sel.Name != "Check" && name.Sel.Name != "Mutants" {
				return true
			}
			for _, arg := range call.Args {
				for _, list := range lists(arg) {
					if found[list] == nil {
						found[list] = map[string]bool{}
					}
					found[list][name.Sel.Name] = true
				}
			}
			return true
		})
	}
	return found
}

// lists are the names in an expression that are those of promises.
func lists(e ast.Expr) (names []string) {
	ast.Inspect(e, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && strings.HasSuffix(id.Name, "Promises") {
			names = append(names, id.Name)
		}
		return true
	})
	return names
}
