package archtest

import (
	"fmt"
	"go/ast"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
)

// census is what a tree is measured by: how much there is to know of it before one can
// change it. It reads the source alone, so that it works on trees that do not build.
type census struct {
	exported map[string]int // names and methods by the folder of a package that others may import
	branches []int          // of each function outside of tests, rising
	busiest  string         // the function with the most branches
	repeated int            // pairs of places that share a run of like lines
	packages int            // below refserver/internal
}

// runLines is how many like lines make a pair of places.
const runLines = 6

func takeCensus(sources []source) census {
	c := census{exported: map[string]int{}}
	shop := map[string]bool{}
	var code []source
	highest := -1
	for _, s := range sources {
		if s.file == nil || s.test() {
			continue
		}
		code = append(code, s)
		if strings.HasPrefix(s.dir, "refserver/internal/") {
			shop[s.dir] = true
		}
		if importable(s.dir, s.file.Name.Name) {
			c.exported[s.dir] += exportedNames(s.file)
		}
		for _, decl := range s.file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			n := countBranches(f.Body)
			c.branches = append(c.branches, n)
			if n > highest {
				highest, c.busiest = n, s.dir+"."+f.Name.Name
			}
		}
	}
	slices.Sort(c.branches)
	c.packages, c.repeated = len(shop), repeatedPlaces(code)
	return c
}

// exportedNames counts what a file exports: constants, variables, types and functions, and
// the methods of exported types.
func exportedNames(f *ast.File) int {
	n := 0
	count := func(names ...*ast.Ident) {
		for _, name := range names {
			if name.IsExported() {
				n++
			}
		}
	}
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil || ast.IsExported(receiver(d.Recv.List[0].Type)) {
				count(d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					count(spec.Name)
				case *ast.ValueSpec:
					count(spec.Names...)
				}
			}
		}
	}
	return n
}

// receiver is the name of the type of a method.
func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.IndexListExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}

// place is a line of a file, among those that are neither blank nor a comment.
type place struct{ file, line int }

// repeatedPlaces counts the pairs of places of which runLines lines or more are the same,
// blanks at the ends, blank lines, comments and imports aside. A run that stands in more
// than eight places is a way of speaking and not counted.
func repeatedPlaces(code []source) int {
	seed := maphash.MakeSeed()
	windows := map[uint64][]place{}
	for i, s := range code {
		lines := significant(s)
		for j := 0; j+runLines <= len(lines); j++ {
			h := maphash.String(seed, strings.Join(lines[j:j+runLines], "\n"))
			windows[h] = append(windows[h], place{i, j})
		}
	}
	shared := map[[2]place]bool{}
	for _, places := range windows {
		if len(places) > 8 {
			continue
		}
		for i, a := range places {
			for _, b := range places[i+1:] {
				shared[[2]place{a, b}] = true
			}
		}
	}
	runs := 0
	for pair := range shared { // a run counts where it begins
		a, b := pair[0], pair[1]
		if !shared[[2]place{{a.file, a.line - 1}, {b.file, b.line - 1}}] {
			runs++
		}
	}
	return runs
}

// significant are the lines of a file that repeatedPlaces compares.
func significant(s source) []string {
	skip := map[int]bool{}
	for _, group := range s.file.Imports {
		skip[s.fset.Position(group.Pos()).Line] = true
	}
	var lines []string
	number := 0
	for line := range strings.Lines(string(s.text)) {
		number++
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "//") && !skip[number] {
			lines = append(lines, line)
		}
	}
	return lines
}

// at is the value below which a share of the sorted values lies, in percent.
func at(values []int, percent int) int {
	if len(values) == 0 {
		return 0
	}
	return values[min(len(values)-1, len(values)*percent/100)]
}

// table prints what was measured beside what was before; before may be nil.
func (c census) table(before *census) string {
	var b strings.Builder
	row := func(what string, was, now any) {
		if before == nil {
			fmt.Fprintf(&b, "| %s | %v |\n", what, now)
		} else {
			fmt.Fprintf(&b, "| %s | %v | %v |\n", what, was, now)
		}
	}
	was := census{exported: map[string]int{}}
	if before != nil {
		was = *before
	}
	row("", "before", "now")
	row("---", "---:", "---:")
	dirs := slices.Collect(maps.Keys(c.exported))
	dirs = slices.AppendSeq(dirs, maps.Keys(was.exported))
	slices.Sort(dirs)
	total, totalWas := 0, 0
	for _, dir := range slices.Compact(dirs) {
		if c.exported[dir]+was.exported[dir] == 0 {
			continue
		}
		row("exported names, "+dir, was.exported[dir], c.exported[dir])
		total, totalWas = total+c.exported[dir], totalWas+was.exported[dir]
	}
	row("exported names, all packages", totalWas, total)
	row("functions", len(was.branches), len(c.branches))
	row("branches of a function, 95th percentile", at(was.branches, 95), at(c.branches, 95))
	row("branches of a function, most", fmt.Sprint(at(was.branches, 100), " ", was.busiest),
		fmt.Sprint(at(c.branches, 100), " ", c.busiest))
	row("pairs of places with six or more like lines", was.repeated, c.repeated)
	row("packages below refserver/internal", was.packages, c.packages)
	return b.String()
}
