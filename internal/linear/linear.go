// Package linear looks for histories of parallel calls that no order of the calls
// explains. A program is a few clients with a few operations each, written as words; it
// runs on an object, and what came back is checked against a sequential model. A program
// with a bad history is shrunk, and printed as a Go test.
package linear

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/returnkit/returnkit/internal/suite"
)

// Model is the sequential law of an object whose state is an S.
type Model[S comparable] struct {
	Init S
	// Random returns an operation in words, such as "open a 3".
	Random func(r *rand.Rand) string
	// Step returns the state after the operation, and its answer.
	Step func(s S, op string) (next S, answer string)

	budget time.Duration // to judge a history, each time; 0 means checkTime
}

// Object is under test. Do executes one operation. An operation that was cut off may
// return an error, which says nothing of its effect; of another one it is no answer.
type Object interface {
	Do(ctx context.Context, op string) (answer string, err error)
}

// Program has the operations of each client, in order. One that begins with Cut is cut
// off at some moment, as by a crash, and its outcome is not known.
type Program [][]string

// Cut is the first word of an operation that is cut off.
const Cut = "cut "

const (
	clients  = 3
	longest  = 4   // operations of a client
	attempts = 60  // runs that a smaller program has to show its bad history
	replays  = 300 // runs of a program that is replayed
	unknown  = "unknown"
	// checkTime is for one history, and less than a case may be without progress. Those
	// here take microseconds, so that a busy machine is all that can use it up: a history
	// is judged checks times before it counts as undecided.
	checkTime = 5 * time.Second
	checks    = 3
)

// Search runs random programs on fresh objects until one has a bad history, which it
// shrinks and prints as the call of a replay: such as refundstest.ReplayLinearizable.
func Search[S comparable](t *suite.T, m Model[S], fresh func() Object, replay string, programs int) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range programs {
		p := random(r, m)
		switch bad, err := run(t, m, fresh(), p); {
		case err != nil:
			t.Screen(fmt.Sprintf("%v (seed %d):\n%s", err, seed, printed(finding{p, bad}, replay)))
			return
		case bad != nil:
			t.Screen(fmt.Sprintf("no order of these calls explains the answers (seed %d):\n%s", seed,
				printed(shrunk(t, m, fresh, p, bad), replay)))
			return
		}
	}
}

// Replay runs a program until it has a bad history, a few hundred times at most.
func Replay[S comparable](t *suite.T, m Model[S], fresh func() Object, p Program, replay string) {
	for range replays {
		switch bad, err := run(t, m, fresh(), p); {
		case err != nil:
			t.Screen(err.Error() + ":\n" + printed(finding{p, bad}, replay))
			return
		case bad != nil:
			t.Screen("no order of these calls explains the answers:\n" + printed(finding{p, bad}, replay))
			return
		}
	}
}

func random[S comparable](r *rand.Rand, m Model[S]) Program {
	p := make(Program, clients)
	for i := range p {
		for range 1 + r.IntN(longest) {
			op := m.Random(r)
			if r.IntN(8) == 0 {
				op = Cut + op
			}
			p[i] = append(p[i], op)
		}
	}
	return p
}

// run returns the history of the program if it is bad, and nil if it is good. A history
// that was not decided comes with errUndecided.
func run[S comparable](t *suite.T, m Model[S], o Object, p Program) ([]porcupine.Operation, error) {
	var clock atomic.Int64
	histories := make([][]porcupine.Operation, len(p))
	t.AtOnce(len(p), func(i int) {
		for n, op := range p[i] {
			done := porcupine.Operation{ClientId: i, Input: op, Call: clock.Add(1)}
			done.Output = do(t, o, op, i+n)
			done.Return = clock.Add(1)
			histories[i] = append(histories[i], done)
		}
	})
	history := slices.Concat(histories...)
	// What is not known may have its effect at any time after its call.
	end := clock.Add(1)
	for i := range history {
		if history[i].Output == unknown {
			history[i].Return = end
		}
	}
	for range checks {
		judged := t.Call("the check of a history")
		result := porcupine.CheckOperationsTimeout(checker(m), history, cmp.Or(m.budget, checkTime))
		judged()
		switch result {
		case porcupine.Ok:
			return nil, nil
		case porcupine.Illegal:
			return history, nil
		}
	}
	return history, errUndecided
}

var errUndecided = errors.New("whether an order of these calls explains the answers was not decided in time, so " +
	"nothing is known of the store; take a smaller program, or a model with fewer states")

func do(t *suite.T, o Object, op string, delay int) string {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rest, cut := strings.CutPrefix(op, Cut)
	if cut {
		go func() {
			for range 1 << (delay % 12) {
				runtime.Gosched()
			}
			cancel()
		}()
	}
	answer, err := o.Do(ctx, rest)
	switch {
	case cut:
		return unknown
	case err != nil:
		return "error: " + err.Error() // no model answers that
	}
	return answer
}

func checker[S comparable](m Model[S]) porcupine.Model {
	n := porcupine.NondeterministicModel{
		Init: func() []any { return []any{m.Init} },
		Step: func(state, input, output any) []any {
			op := strings.TrimPrefix(input.(string), Cut)
			next, answer := m.Step(state.(S), op)
			switch output {
			case unknown:
				return []any{state, next}
			case answer:
				return []any{next}
			}
			return nil
		},
	}
	return n.ToModel()
}

// finding is a program with a bad history.
type finding struct {
	program Program
	history []porcupine.Operation
}

// shrunk takes operations out for as long as a bad history is found.
func shrunk[S comparable](
	t *suite.T, m Model[S], fresh func() Object, p Program, bad []porcupine.Operation,
) finding {
	f := finding{p, bad}
	for again := true; again; {
		again = false
		for _, smaller := range without(f.program) {
			for range attempts {
				if bad, err := run(t, m, fresh(), smaller); bad != nil && err == nil {
					f, again = finding{smaller, bad}, true
					break
				}
			}
			if again {
				break
			}
		}
	}
	return f
}

// without are the programs with one operation less, or one that is no longer cut off.
func without(p Program) (all []Program) {
	for i := range p {
		for n, op := range p[i] {
			smaller := slices.Clone(p)
			smaller[i] = slices.Delete(slices.Clone(p[i]), n, n+1)
			if len(smaller[i]) == 0 {
				smaller = slices.Delete(smaller, i, i+1)
			}
			all = append(all, smaller)
			if rest, cut := strings.CutPrefix(op, Cut); cut {
				whole := slices.Clone(p)
				whole[i] = slices.Clone(p[i])
				whole[i][n] = rest
				all = append(all, whole)
			}
		}
	}
	return all
}

// printed is the program as a Go test, with its history.
func printed(f finding, replay string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "func TestHistory(t *testing.T) {\n\t%s, [][]string{\n", replay)
	for _, ops := range f.program {
		fmt.Fprintf(&b, "\t\t{%s},\n", strings.Join(quoted(ops), ", "))
	}
	b.WriteString("\t})\n}\n")
	slices.SortFunc(f.history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	for _, o := range f.history {
		fmt.Fprintf(&b, "// client %d, from %d to %d: %s: %s\n", o.ClientId, o.Call, o.Return, o.Input, o.Output)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func quoted(ops []string) (all []string) {
	for _, op := range ops {
		all = append(all, fmt.Sprintf("%q", op))
	}
	return all
}
