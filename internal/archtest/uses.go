package archtest

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"path"
	"slices"
	"strings"
)

// user is who needs an exported name. The greatest counts.
type user int

const (
	nobody user = iota // besides its own package
	tests              // tests, and the examples among them
	stores             // stores and suites
	users              // other packages, the shop, the programs of examples
)

// name is an exported name of a package: Fold, or Return.Clone.
type name struct{ dir, name string }

// usage is who needs the exported names of a program.
type usage struct {
	program *program
	by      map[name]user
	objects map[name]types.Object
}

// takeUsage finds who needs the names of the packages that others may import. A name is
// needed by those who write it, and further
//
//   - a method, by those who have an interface that its type implements,
//   - a type, by those who need a name that is declared with it; one that only the methods
//     of a Store name, by stores alone: users hand a Store on,
//   - a constant, by those who need its type or another constant of its block.
func takeUsage(p *program) usage {
	u := usage{program: p, by: map[name]user{}, objects: map[name]types.Object{}}
	for _, of := range p.packages {
		if importable(of.dir, of.types.Name()) && !ofSuite(of.dir) {
			u.declare(of.types.Scope())
		}
	}
	for _, unit := range p.units {
		for _, obj := range unit.info.Uses {
			if n, ok := nameOf(obj); ok && n.dir != unit.dir {
				u.raise(n, unit.role())
			}
		}
	}
	u.implement()
	for u.reach() || u.complete() { // each may find more for the other
	}
	return u
}

// ownStore is the example that is a store and a gateway of your own.
const ownStore = "examples/property-test"

// role is what the code of a unit is to the packages that it uses.
func (u *unit) role() user {
	base := path.Base(u.dir)
	suite := ofSuite(u.dir)
	shop := strings.HasPrefix(u.dir, "refserver/")
	switch {
	case u.tests, shop && suite, strings.HasPrefix(u.dir, "refserver/internal/e2e/"):
		return tests
	case suite, !shop && strings.HasSuffix(base, "db"), u.dir == ownStore:
		return stores
	}
	return users
}

// raise notes that somebody needs a name, and reports whether that is news.
func (u usage) raise(n name, by user) bool {
	was, counted := u.by[n]
	if !counted || by <= was {
		return false
	}
	u.by[n] = by
	return true
}

// nameOf is the name of an object that one of our packages exports, if it is one.
func nameOf(obj types.Object) (name, bool) {
	if obj == nil || obj.Pkg() == nil || !obj.Exported() {
		return name{}, false
	}
	dir, ours := relative(obj.Pkg().Path())
	if !ours {
		return name{}, false
	}
	if f, ok := obj.(*types.Func); ok && f.Signature().Recv() != nil {
		of, ok := receiverOf(f.Origin())
		return name{dir, of + "." + f.Name()}, ok && ast.IsExported(of)
	}
	return name{dir, obj.Name()}, obj.Parent() == obj.Pkg().Scope()
}

// receiverOf is the name of the type of a method, unless that is an interface.
func receiverOf(f *types.Func) (string, bool) {
	t := f.Signature().Recv().Type()
	if pointer, ok := t.(*types.Pointer); ok {
		t = pointer.Elem()
	}
	n, ok := t.(*types.Named)
	if !ok || types.IsInterface(n) {
		return "", false
	}
	return n.Obj().Name(), true
}

// declare notes what a package exports.
func (u usage) declare(scope *types.Scope) {
	add := func(obj types.Object) {
		if n, ok := nameOf(obj); ok {
			u.by[n], u.objects[n] = nobody, obj
		}
	}
	for _, id := range scope.Names() {
		add(scope.Lookup(id))
		if t, ok := scope.Lookup(id).(*types.TypeName); ok && !t.IsAlias() {
			for m := range t.Type().(*types.Named).Methods() {
				add(m)
			}
		}
	}
}

// implement finds the methods that an interface wants, and those that packages errors and
// encoding look for.
func (u usage) implement() {
	wanted, kept := u.program.interfaces(), u.storeInterfaces()
	for n, obj := range u.objects {
		method, ok := obj.(*types.Func)
		if !ok || method.Signature().Recv() == nil {
			continue
		}
		t := method.Signature().Recv().Type()
		implements := func(i *types.Interface) bool {
			return types.Implements(t, i) || types.Implements(types.NewPointer(t), i)
		}
		if slices.Contains([]string{"Unwrap", "Is", "As", "IsZero", "MarshalText", "UnmarshalText"}, method.Name()) {
			u.raise(n, users)
		}
		for _, i := range wanted[method.Name()] {
			switch {
			case !implements(i):
			case kept[i]:
				u.raise(n, stores)
			default:
				u.raise(n, users)
			}
		}
	}
}

// storeInterfaces are those of the name Store: users hand one on, and call no method of it.
func (u usage) storeInterfaces() map[*types.Interface]bool {
	found := map[*types.Interface]bool{}
	for n, obj := range u.objects {
		if i, ok := obj.Type().Underlying().(*types.Interface); ok && n.name == "Store" {
			found[i] = true
		}
	}
	return found
}

// interfaces are those that our packages write or import, by the names of their methods.
func (p *program) interfaces() map[string][]*types.Interface {
	found := map[string][]*types.Interface{}
	seen := map[*types.Interface]bool{}
	add := func(t types.Type) {
		i, ok := t.Underlying().(*types.Interface)
		if !ok || seen[i] {
			return
		}
		seen[i] = true
		for m := range i.Methods() {
			found[m.Name()] = append(found[m.Name()], i)
		}
	}
	add(types.Universe.Lookup("error").Type())
	imported := map[*types.Package]bool{}
	for _, u := range p.packages {
		for e, t := range u.info.Types {
			if _, ok := e.(*ast.InterfaceType); ok {
				add(t.Type)
			}
		}
		for _, i := range u.types.Imports() {
			imported[i] = true
		}
	}
	for i := range imported {
		for _, id := range i.Scope().Names() {
			if t, ok := i.Scope().Lookup(id).(*types.TypeName); ok && t.Exported() {
				add(t.Type())
			}
		}
	}
	return found
}

// reach has who needs a name need the types that it is declared with, and reports whether
// there was news.
func (u usage) reach() bool {
	news := false
	kept := u.storeInterfaces()
	for n, obj := range u.objects {
		if by := u.by[n]; by >= stores {
			if i, ok := obj.Type().Underlying().(*types.Interface); ok && kept[i] {
				by = stores
			}
			walkTypes(obj, func(t types.Object) {
				if to, ok := nameOf(t); ok {
					news = u.raise(to, by) || news
				}
			})
		}
	}
	return news
}

// walkTypes visits the types that the declaration of an object names.
func walkTypes(obj types.Object, visit func(types.Object)) {
	seen := map[types.Type]bool{}
	var walk func(t types.Type)
	walk = func(t types.Type) {
		if t == nil || seen[t] {
			return
		}
		seen[t] = true
		switch t := t.(type) {
		case *types.Named:
			visit(t.Obj())
			for a := range t.TypeArgs().Types() {
				walk(a)
			}
		case *types.Alias:
			visit(t.Obj())
			walk(t.Rhs())
		case *types.Map:
			walk(t.Key())
			walk(t.Elem())
		case interface{ Elem() types.Type }: // pointers, slices, arrays, channels
			walk(t.Elem())
		default:
			walkLiteral(t, walk)
		}
	}
	walk(obj.Type())
	if _, ok := obj.(*types.TypeName); ok {
		walk(obj.Type().Underlying())
	}
}

// walkLiteral visits the parts of a type literal that importers see.
func walkLiteral(t types.Type, walk func(types.Type)) {
	switch t := t.(type) {
	case *types.Signature:
		walk(t.Params())
		walk(t.Results())
	case *types.Tuple:
		for v := range t.Variables() {
			walk(v.Type())
		}
	case *types.Struct:
		for f := range t.Fields() {
			if f.Exported() {
				walk(f.Type())
			}
		}
	case *types.Interface:
		for m := range t.Methods() {
			walk(m.Type())
		}
	}
}

// complete has who needs a constant or its type need all of its block, and reports whether
// there was news.
func (u usage) complete() bool {
	news := false
	for _, of := range u.program.packages {
		for _, f := range of.files {
			for _, decl := range f.Decls {
				if block, ok := decl.(*ast.GenDecl); ok && block.Tok == token.CONST {
					news = u.completeBlock(of, block) || news
				}
			}
		}
	}
	return news
}

func (u usage) completeBlock(of *unit, block *ast.GenDecl) bool {
	var members []name
	by := nobody
	for _, spec := range block.Specs {
		for _, id := range spec.(*ast.ValueSpec).Names {
			n, ok := nameOf(of.info.Defs[id])
			if !ok {
				continue
			}
			members = append(members, n)
			by = max(by, u.by[n])
			if t, ok := of.info.Defs[id].Type().(*types.Named); ok {
				n, _ := nameOf(t.Obj())
				by = max(by, u.by[n])
			}
		}
	}
	news := false
	for _, n := range members {
		news = u.raise(n, by) || news
	}
	return news
}

// promise is a name that is exported although nobody here needs it, and why.
type promise struct {
	name
	reason string
	line   int
}

// parseExported reads exported.txt: package, name and reason a line.
func parseExported(text []byte) ([]promise, error) {
	var all []promise
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		dir, rest, _ := strings.Cut(line, " ")
		id, reason, _ := strings.Cut(strings.TrimSpace(rest), " ")
		if reason = strings.TrimSpace(reason); reason == "" {
			return nil, fmt.Errorf("exported.txt:%d: %q is not a package, a name and a reason", number, line)
		}
		all = append(all, promise{name{dir, id}, reason, number})
	}
	return all, nil
}

// compare returns a line for each name that nobody needs and that is not listed, and for
// each that is listed and needed, or not there.
func (u usage) compare(list []promise) []string {
	var wrong []string
	has := map[name]bool{}
	for _, l := range list {
		has[l.name] = true
		by, ok := u.by[l.name]
		switch {
		case !ok:
			wrong = append(wrong, fmt.Sprintf("exported.txt:%d: %s does not export %s", l.line, l.dir, l.name.name))
		case by >= stores:
			wrong = append(wrong, fmt.Sprintf("exported.txt:%d: %s.%s is needed now; remove the line",
				l.line, l.dir, l.name.name))
		}
	}
	for _, n := range u.names() {
		if u.by[n] < stores && !has[n] {
			wrong = append(wrong, fmt.Sprintf("%s.%s is exported and needed by nobody outside of tests: "+
				"give it a lower-case name, or list it in exported.txt with the reason", n.dir, n.name))
		}
	}
	return wrong
}

// names are all names in order.
func (u usage) names() []name {
	return slices.SortedFunc(maps.Keys(u.by), func(a, b name) int {
		return cmp.Or(cmp.Compare(a.dir, b.dir), cmp.Compare(a.name, b.name))
	})
}

// table counts the names of each package by who needs them; constants, which one does not
// learn but looks up, are a column of their own.
func (u usage) table() string {
	type row struct{ all, api, constants, stores, rest int }
	rows := map[string]*row{}
	for n, by := range u.by {
		r := rows[n.dir]
		if r == nil {
			r = &row{}
			rows[n.dir] = r
		}
		r.all++
		_, constant := u.objects[n].(*types.Const)
		switch {
		case by < stores:
			r.rest++
		case by == stores:
			r.stores++
		case constant:
			r.constants++
		default:
			r.api++
		}
	}
	var out bytes.Buffer
	line := "| %s | %v | %v | %v | %v | %v |\n"
	fmt.Fprintf(&out, line, "exported names", "all", "for users", "constants for users", "for stores, suites", "listed")
	fmt.Fprintf(&out, line, "---", "---:", "---:", "---:", "---:", "---:")
	for _, dir := range slices.Sorted(maps.Keys(rows)) {
		r := rows[dir]
		fmt.Fprintf(&out, line, dir, r.all, r.api, r.constants, r.stores, r.rest)
	}
	return out.String()
}
