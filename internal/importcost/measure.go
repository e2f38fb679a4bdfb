package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// The platform that costs are measured for.
const goos, goarch = "linux", "amd64"

// listed is what the go command says of a package.
type listed struct {
	ImportPath string
	Name       string
	Standard   bool
	Deps       []string
	Export     string
	Module     *struct {
		Path string
		Main bool
	}
}

// target is the environment of a build for the platform that the document names, on any.
func target() []string {
	return append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
}

// moduleRoot is the folder of the module that the command is run in.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	return strings.TrimSpace(string(out)), err
}

// measure returns the cost of each package that others may import, in order of its name.
func measure(root string) ([]cost, error) {
	all, module, err := list(root)
	if err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp("", "importcost-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	empty, err := size(root, scratch, "package main\n\nfunc main() {}\n")
	if err != nil {
		return nil, err
	}
	var costs []cost
	for _, path := range public(all, module) {
		program, err := keepAll(all, path)
		if err != nil {
			return nil, err
		}
		n, err := size(root, scratch, program)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		c := brings(all, path)
		c.Package, c.Bytes = strings.TrimPrefix(path, module+"/"), n-empty
		costs = append(costs, c)
	}
	return costs, nil
}

// list returns all packages of a build of the module, and the module's path.
func list(root string) (map[string]listed, string, error) {
	cmd := exec.Command("go", "list", "-deps", "-export", "-json=ImportPath,Name,Standard,Deps,Export,Module", "./...")
	cmd.Dir, cmd.Env = root, target()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, "", fmt.Errorf("go list: %w\n%s", err, stderr.String())
	}
	all, module := map[string]listed{}, ""
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, module, nil
		} else if err != nil {
			return nil, "", err
		}
		all[p.ImportPath] = p
		if p.Module != nil && p.Module.Main {
			module = p.Module.Path
		}
	}
}

// public are the packages of the module that others may import, and that hold code.
func public(all map[string]listed, module string) []string {
	var paths []string
	for path, p := range all {
		rest, ours := strings.CutPrefix(path, module+"/")
		first, _, _ := strings.Cut(rest, "/")
		if ours && p.Name != "main" && first != "refserver" && first != "examples" &&
			!slices.Contains(strings.Split(rest, "/"), "internal") {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// brings counts what a package has below it.
func brings(all map[string]listed, path string) cost {
	c, modules := cost{Packages: 1}, map[string]bool{}
	for _, dep := range all[path].Deps {
		p := all[dep]
		if p.Standard || p.Module == nil {
			continue
		}
		c.Packages++
		if !p.Module.Main {
			modules[p.Module.Path] = true
		}
	}
	c.Modules = len(modules)
	return c
}

// keepAll is a program that the linker leaves nothing of the package out of: it holds each
// exported function and type, and asks for methods by number, which keeps them all.
func keepAll(all map[string]listed, path string) (string, error) {
	imports := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(all[path].Export)
	})
	checked, err := imports.Import(path)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "package main\n\nimport (\n\t\"reflect\"\n\n\tp %q\n)\n\nvar keep = []any{\n", path)
	used := false
	for _, name := range checked.Scope().Names() {
		if line := hold(checked.Scope().Lookup(name)); line != "" {
			used = true
			b.WriteString("\t" + line + ",\n")
		}
	}
	b.WriteString("}\n\nfunc main() {\n\tfor i, v := range keep {\n\t\treflect.ValueOf(v).Method(i)\n\t}\n}\n")
	if !used {
		return strings.Replace(b.String(), "p \"", "_ \"", 1), nil
	}
	return b.String(), nil
}

// hold is an expression that keeps an exported name, empty for what a build keeps nothing of.
func hold(obj types.Object) string {
	if !obj.Exported() {
		return ""
	}
	switch obj := obj.(type) {
	case *types.Func:
		if obj.Signature().TypeParams().Len() == 0 {
			return "p." + obj.Name()
		}
	case *types.Var:
		return "&p." + obj.Name()
	case *types.TypeName:
		if named, ok := types.Unalias(obj.Type()).(*types.Named); ok && named.TypeParams().Len() == 0 {
			return "(*p." + obj.Name() + ")(nil)"
		}
	}
	return ""
}

// size is how large the program is when built.
func size(root, scratch, program string) (int64, error) {
	main, binary := filepath.Join(scratch, "main.go"), filepath.Join(scratch, "program")
	if err := os.WriteFile(main, []byte(program), 0o644); err != nil {
		return 0, err
	}
	cmd := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", binary, main)
	cmd.Dir, cmd.Env = root, target()
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%w\n%s", err, out)
	}
	info, err := os.Stat(binary)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
