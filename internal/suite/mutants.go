package suite

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Mutant is an implementation that breaks one promise.
type Mutant struct {
	Name   string // what it does wrong
	Breaks int    // the number of the promise
}

const (
	mutantKey   = "SUITE_MUTANT"
	mostScreen  = 40              // lines of one failed case
	mostPromise = 3               // mutants of a promise, at least
	bound       = 2 * time.Minute // of one mutant; a case that hangs takes some ten seconds
)

// UnderTest returns the name of the mutant that this process is to run through its
// suite; empty: none.
func UnderTest() string { return os.Getenv(mutantKey) }

// Mutants runs each mutant through the cases of the promise that it breaks, in a process
// of its own: the test named runs the suite on the mutant of UnderTest. It fails for a
// mutant that is not caught by name, that stops the suite, or whose failure is longer
// than a screen, and for a promise with fewer than three mutants.
func Mutants(t *testing.T, test string, promises int, mutants []Mutant) {
	t.Helper()
	names, of := map[string]bool{}, map[int]int{}
	for _, m := range mutants {
		if names[m.Name] {
			t.Errorf("two mutants are named %q", m.Name)
		}
		names[m.Name] = true
		of[m.Breaks]++
	}
	for n := 1; n <= promises; n++ {
		if of[n] < mostPromise {
			t.Errorf("promise %d has %d mutants, want %d", n, of[n], mostPromise)
		}
	}
	for _, m := range mutants {
		t.Run(fmt.Sprintf("%d %s", m.Breaks, m.Name), func(t *testing.T) {
			t.Parallel()
			for _, line := range judged(m, said(t, fmt.Sprintf(`^%s$/^%d\._`, test, m.Breaks), m)) {
				t.Error(line)
			}
		})
	}
}

// Races runs each store with a planted race through the linearizability suite, in a
// process of its own: the test named runs it on the store of UnderTest. It fails for a
// race that is not found, and logs the program of one that is.
func Races(t *testing.T, test string, names []string) {
	t.Helper()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			out := said(t, "^"+test+"$", Mutant{Name: name})
			took := time.Since(start).Round(time.Millisecond)
			if !strings.Contains(out, "no order of these calls explains the answers") || crash.MatchString(out) {
				t.Errorf("it is not found within %s:\n%s", took, head(out))
			}
			t.Logf("found within %s:\n%s", took, out)
		})
	}
}

// said is what the tests that match say of the mutant.
func said(t *testing.T, run string, m Mutant) string {
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run", run, "-test.timeout", bound.String())
	cmd.Env = append(os.Environ(), mutantKey+"="+m.Name)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return ""
	}
	return string(out)
}

var (
	crash = regexp.MustCompile(`(?m)^(panic:|fatal error:|unexpected fault|signal:|.*test timed out)`)
	leaf  = regexp.MustCompile(`(?m)^ {8}--- FAIL: `)
)

// judged says what is wrong with what the suite said.
func judged(m Mutant, out string) (wrong []string) {
	if out == "" {
		return []string{"it is not caught"}
	}
	if crash.MatchString(out) {
		return []string{"it stops the suite:\n" + head(out)}
	}
	named := fmt.Sprintf("--- FAIL: [^/]*/%d\\._.*/", m.Breaks)
	if !regexp.MustCompile(named).MatchString(out) {
		return []string{"it is not caught by the name of its promise:\n" + head(out)}
	}
	for _, one := range leaf.Split(out, -1)[1:] {
		if n := strings.Count(one, "\n"); n >= mostScreen {
			wrong = append(wrong, fmt.Sprintf("its failure is %d lines, more than a screen:\n%s", n, head(one)))
		}
	}
	return wrong
}

func head(out string) string {
	lines := strings.SplitAfterN(out, "\n", mostScreen)
	return strings.Join(lines[:min(len(lines), mostScreen-1)], "")
}
