package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// cost is what one package brings to a program.
type cost struct {
	Package  string // below the module
	Modules  int    // besides this one
	Packages int    // besides the standard library, the package itself included
	Bytes    int64  // that a program which uses all of it is larger by
}

const head = `# What an import costs

Made by ` + "`go run ./internal/importcost -write`" + `, and compared in CI. Modules and packages are
those of a build besides the standard library; ours are among the packages. The size is how
much larger a program is that keeps every exported name of the package, with its methods,
than one that does nothing (on ` + goos + "/" + goarch + ` without cgo, symbols stripped): an
upper bound, since the linker leaves out what a program does not use.

| package | modules | packages | size |
| --- | ---: | ---: | ---: |
`

func render(costs []cost) string {
	var b strings.Builder
	b.WriteString(head)
	for _, c := range costs {
		fmt.Fprintf(&b, "| %s | %d | %d | %.1f MB |\n", c.Package, c.Modules, c.Packages, float64(c.Bytes)/1e6)
	}
	return b.String()
}

// parse reads the rows of a document that render wrote.
func parse(text string) ([]cost, error) {
	_, rows, found := strings.Cut(text, "| ---: |\n")
	if !found {
		return nil, fmt.Errorf("no table")
	}
	var costs []cost
	for line := range strings.Lines(rows) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) != 4 {
			return nil, fmt.Errorf("not a row of the table: %q", line)
		}
		modules, err1 := strconv.Atoi(cells[1])
		packages, err2 := strconv.Atoi(cells[2])
		size, err3 := strconv.ParseFloat(strings.TrimSuffix(cells[3], " MB"), 64)
		if err1 != nil || err2 != nil || err3 != nil {
			return nil, fmt.Errorf("not a row of the table: %q", line)
		}
		costs = append(costs, cost{cells[0], modules, packages, int64(size * 1e6)})
	}
	return costs, nil
}

// compare returns a line for each package that costs something else than was written.
func compare(written, now []cost) []string {
	var found []string
	byName := func(name string) func(cost) bool { return func(c cost) bool { return c.Package == name } }
	for _, c := range now {
		i := slices.IndexFunc(written, byName(c.Package))
		if i < 0 {
			found = append(found, c.Package+" has no row")
			continue
		}
		w := written[i]
		if c.Modules != w.Modules || c.Packages != w.Packages {
			found = append(found, fmt.Sprintf("%s brings %d modules and %d packages; %d and %d are written",
				c.Package, c.Modules, c.Packages, w.Modules, w.Packages))
		}
		if off := max(c.Bytes-w.Bytes, w.Bytes-c.Bytes); off > max(w.Bytes/10, 100_000) {
			found = append(found, fmt.Sprintf("%s adds %.1f MB to a program; %.1f MB are written",
				c.Package, float64(c.Bytes)/1e6, float64(w.Bytes)/1e6))
		}
	}
	for _, w := range written {
		if !slices.ContainsFunc(now, byName(w.Package)) {
			found = append(found, w.Package+" has a row, and is no package that others import")
		}
	}
	return found
}
