package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Mutant is an implementation that breaks one promise. A suite's own type of mutants has these
// fields.
type Mutant[M any] struct {
	Breaks int    // the number of the promise; 0 for a race
	Name   string // what it does wrong
	Make   M      // what makes it
}

const (
	mutantKey   = "SUITE_MUTANT"
	mostScreen  = 40              // lines of one failed case
	mostPromise = 3               // mutants of a promise, at least
	bound       = 2 * time.Minute // of one mutant; a case that hangs takes some ten seconds
)

// UnderTest returns what makes the mutant that this process is to run through its suite, if
// it is one of these.
func UnderTest[T ~struct {
	Breaks int
	Name   string
	Make   M
}, M any](all []T) (m M, ok bool) {
	for _, one := range all {
		if m := Mutant[M](one); m.Name == os.Getenv(mutantKey) {
			return m.Make, true
		}
	}
	return m, false
}

// Pause lets other goroutines run, where a mutant has a race.
func Pause() {
	for range 20 {
		runtime.Gosched()
	}
}

// Mutants runs each mutant through the cases of the promise that it breaks, in a process
// of its own: the test named runs the suite on the mutant of UnderTest. It fails for a
// mutant that is not caught by name, that stops the suite, or whose failure is longer
// than a screen, and for a promise with fewer than three mutants.
func Mutants[T ~struct {
	Breaks int
	Name   string
	Make   M
}, M any](t *testing.T, test string, promises int, mutants []T) {
	t.Helper()
	names, of := map[string]bool{}, map[int]int{}
	for _, one := range mutants {
		m := Mutant[M](one)
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
	for _, one := range mutants {
		m := Mutant[M](one)
		t.Run(fmt.Sprintf("%d %s", m.Breaks, m.Name), func(t *testing.T) {
			t.Parallel()
			for _, line := range judged(m.Breaks, said(t, fmt.Sprintf(`^%s$/^%d\._`, test, m.Breaks), m.Name)) {
				t.Error(line)
			}
		})
	}
}

// Races runs each store with a planted race through the linearizability suite, in a
// process of its own: the test named runs it on the store of UnderTest. It fails for a
// race that is not found, and logs the program of one that is.
func Races[T ~struct {
	Breaks int
	Name   string
	Make   M
}, M any](t *testing.T, test string, races []T) {
	t.Helper()
	for _, one := range races {
		name := Mutant[M](one).Name
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			out := said(t, "^"+test+"$", name)
			took := time.Since(start).Round(time.Millisecond)
			if !strings.Contains(out, "no order of these calls explains the answers") || crash.MatchString(out) {
				t.Errorf("it is not found within %s:\n%s", took, head(out))
			}
			t.Logf("found within %s:\n%s", took, out)
		})
	}
}

// said is what the tests that match say of the mutant of a name.
func said(t *testing.T, run, name string) string {
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run", run, "-test.timeout", bound.String())
	cmd.Env = append(os.Environ(), mutantKey+"="+name)
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

// judged says what is wrong with what the suite said of one that breaks a promise.
func judged(breaks int, out string) (wrong []string) {
	if out == "" {
		return []string{"it is not caught"}
	}
	if crash.MatchString(out) {
		return []string{"it stops the suite:\n" + head(out)}
	}
	named := fmt.Sprintf("--- FAIL: [^/]*/%d\\._.*/", breaks)
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

// Forgiving is a read of a mutant that returns the zero value for what is not there.
func Forgiving[K, T any](
	read func(context.Context, K) (T, error), notFound error,
) func(context.Context, K) (T, error) {
	return func(ctx context.Context, id K) (T, error) {
		v, err := read(ctx, id)
		if errors.Is(err, notFound) {
			err = nil
		}
		return v, err
	}
}

// Detached is a read of a mutant that reads in a context that has ended.
func Detached[K, T any](read func(context.Context, K) (T, error)) func(context.Context, K) (T, error) {
	return func(ctx context.Context, id K) (T, error) { return read(context.WithoutCancel(ctx), id) }
}

// Spoiled is a read of a mutant that changes what it found.
func Spoiled[K, T any](
	read func(context.Context, K) (T, error), spoil func(*T),
) func(context.Context, K) (T, error) {
	return func(ctx context.Context, id K) (T, error) {
		v, err := read(ctx, id)
		if err == nil {
			spoil(&v)
		}
		return v, err
	}
}
