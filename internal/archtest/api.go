package archtest

import (
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"slices"
	"strings"
)

// checkAPI returns a line for each exported name of a package whose signature names a type
// that importers of the module can't name. Packages have their Export file.
func checkAPI(packages map[string]pkg) ([]string, error) {
	imports := compiled(packages)
	var found []string
	for path, p := range packages {
		if dir, ours := relative(path); !ours || !importable(dir, p.Name) {
			continue
		}
		checked, err := imports.Import(path)
		if err != nil {
			return nil, err
		}
		for _, name := range checked.Scope().Names() {
			if obj := checked.Scope().Lookup(name); obj.Exported() {
				s := signature{of: checked, seen: map[types.Type]bool{}}
				s.object(obj)
				for _, hidden := range s.hidden {
					found = append(found, fmt.Sprintf("%s.%s names %s, which importers can't", path, name, hidden))
				}
			}
		}
	}
	slices.Sort(found)
	return found, nil
}

// compiled reads the types of packages from their Export files.
func compiled(packages map[string]pkg) types.Importer {
	return importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		p, ok := packages[path]
		if !ok || p.Export == "" {
			return nil, fmt.Errorf("no compiled types of %s", path)
		}
		return os.Open(p.Export)
	})
}

// internal reports whether only this module may import a path.
func internal(path string) bool { return slices.Contains(strings.Split(path, "/"), "internal") }

// importable reports whether other modules may import the package of a folder: refserver is
// a program, and what is below it no more than its parts.
func importable(dir, name string) bool {
	return name != "main" && !internal(dir) && !below(dir, "refserver")
}

// signature collects the internal types that are named where an importer reads.
type signature struct {
	of     *types.Package
	seen   map[types.Type]bool
	hidden []string
}

func (s *signature) object(obj types.Object) {
	name, isType := obj.(*types.TypeName)
	if !isType {
		s.walk(obj.Type())
		return
	}
	if alias, ok := name.Type().(*types.Alias); ok {
		s.params(alias.TypeParams())
		s.walk(alias.Rhs())
		return
	}
	s.named(name.Type().(*types.Named))
}

// named reads the declaration of a type: its parameters, its exported methods and fields.
func (s *signature) named(n *types.Named) {
	s.params(n.TypeParams())
	for m := range n.Methods() {
		if m.Exported() {
			s.walk(m.Type())
		}
	}
	s.walk(n.Underlying())
}

func (s *signature) params(list *types.TypeParamList) {
	for p := range list.TypeParams() {
		s.walk(p.Constraint())
	}
}

func (s *signature) walk(t types.Type) {
	if t == nil || s.seen[t] {
		return
	}
	s.seen[t] = true
	switch t := t.(type) {
	case *types.Alias:
		s.use(t.Obj())
		s.list(t.TypeArgs())
	case *types.Named:
		s.use(t.Obj())
		s.list(t.TypeArgs())
		if t.Obj().Pkg() == s.of && !t.Obj().Exported() {
			s.named(t) // its methods and fields are reached through what returns it
		}
	case *types.Map:
		s.walk(t.Key())
		s.walk(t.Elem())
	case interface{ Elem() types.Type }: // pointers, slices, arrays, channels
		s.walk(t.Elem())
	default:
		s.literal(t)
	}
}

// literal reads what a type literal of several parts names.
func (s *signature) literal(t types.Type) {
	switch t := t.(type) {
	case *types.Signature:
		s.params(t.TypeParams())
		s.walk(t.Params())
		s.walk(t.Results())
	case *types.Tuple:
		for v := range t.Variables() {
			s.walk(v.Type())
		}
	case *types.Struct:
		for f := range t.Fields() {
			if f.Exported() || f.Embedded() {
				s.walk(f.Type())
			}
		}
	case *types.Interface:
		for m := range t.ExplicitMethods() {
			s.walk(m.Type())
		}
		for e := range t.EmbeddedTypes() {
			s.walk(e)
		}
	case *types.Union:
		for term := range t.Terms() {
			s.walk(term.Type())
		}
	}
}

func (s *signature) list(args *types.TypeList) {
	for t := range args.Types() {
		s.walk(t)
	}
}

func (s *signature) use(name *types.TypeName) {
	if name.Pkg() != nil && internal(name.Pkg().Path()) {
		s.hidden = append(s.hidden, name.Pkg().Path()+"."+name.Name())
	}
}
