package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// programs are those that the README and the tutorials send their readers to.
var programs = []string{
	"async-gateway", "grpc", "http-client", "http-server", "mollie-like", "own-database", "own-gateway", "own-orders",
	"policy-check", "prometheus", "property-test", "refund-quote", "return-flow", "s3-evidence",
}

// checked is an Example whose output the go command compares, or a test that does it.
var checked = regexp.MustCompile(
	`(?s)\nfunc Example\(\) \{.*// Output:\n\t// \w|\nfunc TestOutput\(t \*testing\.T\) \{.*want`)

// TestEachProgramIsThereAndItsOutputIsChecked: none goes missing, and none rots.
func TestEachProgramIsThereAndItsOutputIsChecked(t *testing.T) {
	mains, err := filepath.Glob("*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, main := range mains {
		dir := filepath.Dir(main)
		found = append(found, dir)
		text, err := os.ReadFile(filepath.Join(dir, "main_test.go"))
		if err != nil || !checked.Match(text) {
			t.Errorf("%s: main_test.go compares no output of the program: %v", dir, err)
		}
	}
	if !slices.Equal(found, programs) {
		t.Errorf("the programs are %v, want %v", found, programs)
	}
}
