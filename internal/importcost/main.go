// Command importcost measures what each package of the module costs who imports it: the
// modules and packages it brings besides the standard library, and how much larger a program
// that uses all of it is than one that does nothing.
//
//	go run ./internal/importcost          compares with COSTS.md, and exits 1 where it differs
//	go run ./internal/importcost -write   writes COSTS.md
//
// Modules and packages must be equal. Sizes depend on the Go release and the processor, so
// they may differ by a tenth, or by 100 kB where that is more.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// document is the table, below the root of the module.
const document = "internal/importcost/COSTS.md"

func main() {
	write := flag.Bool("write", false, "write "+document+" instead of comparing with it")
	flag.Parse()
	if err := run(*write); err != nil {
		fmt.Fprintln(os.Stderr, "importcost:", err)
		os.Exit(1)
	}
}

func run(write bool) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	costs, err := measure(root)
	if err != nil {
		return err
	}
	file := filepath.Join(root, document)
	if write {
		return os.WriteFile(file, []byte(render(costs)), 0o644)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	written, err := parse(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", document, err)
	}
	if found := compare(written, costs); len(found) > 0 {
		for _, line := range found {
			fmt.Println(line)
		}
		return fmt.Errorf("%s is out of date: go run ./internal/importcost -write", document)
	}
	fmt.Printf("%d packages cost what %s says\n", len(costs), document)
	return nil
}
