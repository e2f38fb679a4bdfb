package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// module is the path of the module, and of the one in testdata that stands for it.
const module = "github.com/returnkit/returnkit"

// pkg is what the go command says about a package.
type pkg struct {
	ImportPath string
	Name       string
	Imports    []string // of its own files, tests left out
	Deps       []string // all packages below
	Export     string   // the file with its compiled types, where asked for

	Dir          string // and its files
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
	TestImports  []string
	XTestImports []string
}

const fields = "ImportPath,Name,Imports,Deps,Export,Dir,GoFiles,TestGoFiles,XTestGoFiles,TestImports,XTestImports"

// goList runs go list in a folder. Flags and patterns are as on its command line.
func goList(dir string, args ...string) (map[string]pkg, error) {
	cmd := exec.Command("go", append([]string{"list", "-json=" + fields}, args...)...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	all := map[string]pkg{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all[p.ImportPath] = p
	}
}

// relative is a path of ours below the module, and whether it is one of ours.
func relative(importPath string) (string, bool) {
	if importPath == module {
		return "", true
	}
	return strings.CutPrefix(importPath, module+"/")
}
