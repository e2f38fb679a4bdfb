package archtest

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// program is the module with its types, its tests and its examples. Our own packages are
// checked from source, so that types of two of them may be compared.
type program struct {
	fset     *token.FileSet
	listed   map[string]pkg
	foreign  types.Importer
	packages map[string]*unit // by import path, without tests
	units    []*unit          // packages, tests and examples
}

// unit is what is type-checked as one package: a package, or its tests.
type unit struct {
	dir   string // below the module
	tests bool
	files []*ast.File
	types *types.Package
	info  *types.Info
}

// loadProgram type-checks the packages below root, their tests, and the examples that are
// modules of their own, as far as what those import is listed here.
func loadProgram(root string) (*program, error) {
	p := &program{fset: token.NewFileSet(), packages: map[string]*unit{}}
	paths, err := p.list(root)
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if _, err := p.Import(path); err != nil {
			return nil, err
		}
	}
	for _, path := range paths {
		if err := p.loadTests(path); err != nil {
			return nil, err
		}
	}
	mods, err := filepath.Glob(filepath.Join(root, "examples", "*", "go.mod"))
	if err != nil {
		return nil, err
	}
	for _, mod := range mods {
		dir := filepath.Dir(mod)
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			return nil, err
		}
		if err := p.loadExample("examples/"+filepath.Base(dir), names); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// loadExample checks the program of an example, and then its tests with it.
func (p *program) loadExample(dir string, names []string) error {
	isTest := func(name string) bool { return strings.HasSuffix(name, "_test.go") }
	if _, err := p.check(dir, slices.DeleteFunc(slices.Clone(names), isTest), p, lenient); err != nil {
		return err
	}
	if !slices.ContainsFunc(names, isTest) {
		return nil
	}
	u, err := p.check(dir, names, p, lenient)
	if err == nil {
		u.tests = true
	}
	return err
}

// list asks the go command for the packages below root and all that they and their tests
// import, and returns the paths of ours.
func (p *program) list(root string) ([]string, error) {
	ours, err := goList(root, "./...")
	if err != nil {
		return nil, err
	}
	needed := maps.Clone(ours)
	for _, o := range ours {
		for _, path := range slices.Concat(o.TestImports, o.XTestImports) {
			needed[path] = pkg{}
		}
	}
	delete(needed, "C")
	args := slices.Concat([]string{"-deps", "-export", "--"}, slices.Sorted(maps.Keys(needed)))
	if p.listed, err = goList(root, args...); err != nil {
		return nil, err
	}
	p.foreign = importer.ForCompiler(p.fset, "gc", func(path string) (io.ReadCloser, error) {
		if export := p.listed[path].Export; export != "" {
			return os.Open(export)
		}
		return nil, fmt.Errorf("no compiled types of %s", path)
	})
	return slices.Sorted(maps.Keys(ours)), nil
}

// Import returns a package of ours checked from source, and any other as it was compiled.
func (p *program) Import(path string) (*types.Package, error) {
	dir, ours := relative(path)
	if !ours {
		return p.foreign.Import(path)
	}
	if u := p.packages[path]; u != nil {
		return u.types, nil
	}
	u, err := p.check(dir, p.paths(path, p.listed[path].GoFiles), p, strict)
	if err != nil {
		return nil, err
	}
	p.packages[path] = u
	return u.types, nil
}

// paths are the names of files of a package with its folder.
func (p *program) paths(path string, names []string) []string {
	full := make([]string, len(names))
	for i, name := range names {
		full[i] = filepath.Join(p.listed[path].Dir, name)
	}
	return full
}

// testImports imports the package under test with what its inner tests add to it.
type testImports struct {
	*program
	path  string
	types *types.Package
}

func (i testImports) Import(path string) (*types.Package, error) {
	if path == i.path {
		return i.types, nil
	}
	return i.program.Import(path)
}

// loadTests checks the tests of a package, those inside of it and those outside.
func (p *program) loadTests(path string) error {
	listed, of := p.listed[path], p.packages[path]
	inner := of.types
	if len(listed.TestGoFiles) > 0 {
		files := slices.Concat(listed.GoFiles, listed.TestGoFiles)
		u, err := p.check(of.dir, p.paths(path, files), p, lenient)
		if err != nil {
			return err
		}
		u.tests, inner = true, u.types
	}
	if len(listed.XTestGoFiles) == 0 {
		return nil
	}
	u, err := p.check(of.dir, p.paths(path, listed.XTestGoFiles), testImports{p, path, inner}, lenient)
	if err == nil {
		u.tests = true
	}
	return err
}

// strict fails for what does not compile; lenient leaves it out: what imports a package
// under test anew sees another one than its tests do.
const (
	strict  = false
	lenient = true
)

// check parses and checks files as the package of a folder.
func (p *program) check(dir string, names []string, imports types.Importer, leave bool) (*unit, error) {
	u := &unit{dir: dir, info: &types.Info{
		Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{},
		Types: map[ast.Expr]types.TypeAndValue{},
	}}
	for _, name := range names {
		f, err := parser.ParseFile(p.fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		u.files = append(u.files, f)
	}
	config := types.Config{Importer: imports}
	if leave {
		config.Error = func(error) {}
	}
	var err error
	u.types, err = config.Check(module+"/"+dir, p.fset, u.files, u.info)
	if err != nil && !leave {
		return nil, err
	}
	p.units = append(p.units, u)
	return u, nil
}
