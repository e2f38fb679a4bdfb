package archtest

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"strings"
)

// A listing holds a line for each thing that an importer can name or depend on: constants,
// variables, functions, types, their exported fields and methods, with their types in full.
// It is committed (api.txt), so that each change of the public names is seen in the commit
// that makes it. A line of what its documentation calls deprecated ends with the mark.
const deprecatedMark = " // deprecated"

// listAPI returns the listing of the packages that others may import, sorted. Packages have
// their Export file; deprecated holds names such as "refunds.New" and "refunds.Service.Refund".
func listAPI(packages map[string]pkg, deprecated map[string]bool) ([]string, error) {
	imports := compiled(packages)
	var lines []string
	for path, p := range packages {
		rest, ours := relative(path)
		if !ours || !importable(rest, p.Name) {
			continue
		}
		checked, err := imports.Import(path)
		if err != nil {
			return nil, err
		}
		w := listingWriter{pkg: checked, path: rest, deprecated: deprecated}
		for _, name := range checked.Scope().Names() {
			if obj := checked.Scope().Lookup(name); obj.Exported() {
				w.object(obj)
			}
		}
		lines = append(lines, w.lines...)
	}
	slices.Sort(lines)
	return slices.Compact(lines), nil
}

// closedInterface ends the line of an interface that only its own package can implement: it
// has a method that is not exported.
const closedInterface = " interface, unexported methods"

type listingWriter struct {
	pkg        *types.Package
	path       string
	deprecated map[string]bool
	lines      []string
}

// add writes a line about a name of the package, or about a field or method, as Type.Name.
func (w *listingWriter) add(name, format string, args ...any) {
	line := "pkg " + w.path + ", " + strings.ReplaceAll(fmt.Sprintf(format, args...), module+"/", "")
	owner, _, _ := strings.Cut(name, ".")
	if w.deprecated[w.path+"."+name] || w.deprecated[w.path+"."+owner] {
		line += deprecatedMark
	}
	w.lines = append(w.lines, line)
}

// of writes a type as an importer of the package would, other packages by their path.
func (w *listingWriter) of(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		if p == w.pkg {
			return ""
		}
		return p.Path()
	})
}

// signature is what stands behind the name of a function.
func (w *listingWriter) signature(f *types.Func) string {
	return strings.TrimPrefix(w.of(f.Type()), "func")
}

func (w *listingWriter) object(obj types.Object) {
	switch obj := obj.(type) {
	case *types.Const:
		w.add(obj.Name(), "const %s = %s", obj.Name(), obj.Val().ExactString())
		w.add(obj.Name(), "const %s %s", obj.Name(), w.of(obj.Type()))
	case *types.Var:
		w.add(obj.Name(), "var %s %s", obj.Name(), w.of(obj.Type()))
	case *types.Func:
		w.add(obj.Name(), "func %s%s", obj.Name(), w.signature(obj))
	case *types.TypeName:
		w.typeName(obj)
	}
}

func (w *listingWriter) typeName(obj *types.TypeName) {
	if alias, ok := obj.Type().(*types.Alias); ok {
		w.add(obj.Name(), "type %s = %s", obj.Name(), w.of(alias.Rhs()))
		return
	}
	named := obj.Type().(*types.Named)
	switch under := named.Underlying().(type) {
	case *types.Struct:
		w.add(obj.Name(), "type %s struct", w.of(named))
		for f := range under.Fields() {
			if f.Exported() {
				w.add(obj.Name()+"."+f.Name(), "type %s struct, %s %s", obj.Name(), f.Name(), w.of(f.Type()))
			}
		}
	case *types.Interface:
		w.add(obj.Name(), "type %s interface", w.of(named))
		closed := false
		for m := range under.Methods() {
			if m.Exported() {
				w.add(obj.Name()+"."+m.Name(), "type %s interface, %s%s", obj.Name(), m.Name(), w.signature(m))
			}
			closed = closed || !m.Exported()
		}
		if closed {
			w.add(obj.Name(), "type %s%s", obj.Name(), closedInterface)
		}
	default:
		w.add(obj.Name(), "type %s %s", w.of(named), w.of(under))
	}
	set := types.NewMethodSet(types.NewPointer(named))
	if types.IsInterface(named) {
		return
	}
	for sel := range set.Methods() {
		if m := sel.Obj().(*types.Func); m.Exported() {
			w.add(obj.Name()+"."+m.Name(), "method (%s) %s%s", obj.Name(), m.Name(), w.signature(m))
		}
	}
}

// difference is what two listings do not share.
func difference(committed, now []string) (removed, added []string) {
	for _, line := range committed {
		if _, found := slices.BinarySearch(now, line); !found {
			removed = append(removed, line)
		}
	}
	for _, line := range now {
		if _, found := slices.BinarySearch(committed, line); !found {
			added = append(added, line)
		}
	}
	return removed, added
}

// breaks are the changes between two listings that stop a program of an importer from
// building: what was removed or changed without being marked as deprecated before, and a
// method added to an interface that importers may implement.
func breaks(released, now []string) []string {
	bare := func(lines []string) []string {
		lines = slices.Clone(lines)
		for i, line := range lines {
			lines[i] = strings.TrimSuffix(line, deprecatedMark)
		}
		slices.Sort(lines)
		return lines
	}
	before := bare(released)
	removed, added := difference(before, bare(now))
	found := slices.DeleteFunc(removed, func(line string) bool {
		return slices.Contains(released, line+deprecatedMark)
	})
	for _, line := range added {
		head, _, method := strings.Cut(line, " interface, ")
		closed := slices.Contains(before, head+closedInterface)
		if method && !closed && slices.ContainsFunc(before, func(l string) bool {
			return l == head+" interface" || strings.HasPrefix(l, head+" interface, ")
		}) {
			found = append(found, line)
		}
	}
	return found
}

// deprecations returns the names of a tree whose documentation has a paragraph that begins
// with "Deprecated:".
func deprecations(sources []source) map[string]bool {
	marked := map[string]bool{}
	for _, s := range sources {
		if s.file == nil || s.test() {
			continue
		}
		mark := func(doc *ast.CommentGroup, names ...string) {
			text := doc.Text()
			if strings.HasPrefix(text, "Deprecated: ") || strings.Contains(text, "\n\nDeprecated: ") {
				marked[s.dir+"."+strings.Join(names, ".")] = true
			}
		}
		for _, decl := range s.file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					mark(d.Doc, d.Name.Name)
				} else {
					mark(d.Doc, receiver(d.Recv.List[0].Type), d.Name.Name)
				}
			case *ast.GenDecl:
				deprecatedSpecs(d, mark)
			}
		}
	}
	return marked
}

// deprecatedSpecs reads a declaration of constants, variables or types, fields and the
// methods of interfaces with them. What stands above the declaration is of all its names.
func deprecatedSpecs(d *ast.GenDecl, mark func(doc *ast.CommentGroup, names ...string)) {
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				mark(d.Doc, name.Name)
				mark(spec.Doc, name.Name)
			}
		case *ast.TypeSpec:
			mark(d.Doc, spec.Name.Name)
			mark(spec.Doc, spec.Name.Name)
			var members *ast.FieldList
			switch t := spec.Type.(type) {
			case *ast.StructType:
				members = t.Fields
			case *ast.InterfaceType:
				members = t.Methods
			default:
				continue
			}
			for _, field := range members.List {
				for _, name := range field.Names {
					mark(field.Doc, spec.Name.Name, name.Name)
				}
			}
		}
	}
}
