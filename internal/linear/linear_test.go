package linear

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/returnkit/returnkit/internal/suite"
)

// counter is a register that is added to.
var counter = Model[int]{
	Random: func(r *rand.Rand) string { return []string{"add", "read"}[r.IntN(2)] },
	Step: func(s int, op string) (int, string) {
		if op == "add" {
			s++
		}
		return s, fmt.Sprint(s)
	},
}

type register struct {
	mu    sync.Mutex
	n     int
	racy  bool
	fails bool // an addition
}

func (c *register) Do(ctx context.Context, op string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return "", err
	}
	n := c.n
	if op == "add" && c.fails {
		return "", errors.New("database is locked")
	}
	if op == "add" {
		if c.racy {
			c.mu.Unlock()
			for range 20 {
				runtime.Gosched()
			}
			c.mu.Lock()
		}
		n++
		c.n = n
	}
	return fmt.Sprint(n), nil
}

// linear runs f as a case of a suite.
func linear(t *testing.T, f func(t *suite.T)) {
	suite.Run(t, []suite.Promise[*suite.T]{suite.Says("1. It is linearizable.", suite.By("search", f))},
		suite.Options[*suite.T]{Start: func(t *suite.T) *suite.T { return t }})
}

func TestAGoodObjectHasNoBadHistory(t *testing.T) {
	linear(t, func(t *suite.T) { Search(t, counter, func() Object { return &register{} }, "replay(t", 300) })
}

func TestARaceIsShrunkAndPrinted(t *testing.T) {
	linear(t, func(s *suite.T) {
		fresh := func() Object { return &register{racy: true} }
		r := rand.New(rand.NewPCG(1, 1))
		for range 2000 {
			p := random(r, counter)
			bad, err := run(s, counter, fresh(), p)
			if err != nil {
				t.Fatal(err)
			}
			if bad == nil {
				continue
			}
			f := shrunk(s, counter, fresh, p, bad)
			text := printed(f, "replay(t, newCounter")
			if n := strings.Count(text, `"add"`); n != 2 || len(f.history) > 3 {
				t.Errorf("shrunk to %d additions in %d operations:\n%s", n, len(f.history), text)
			}
			if !strings.Contains(text, "replay(t, newCounter, [][]string{") || !strings.Contains(text, "// client 0") {
				t.Error(text)
			}
			return
		}
		t.Error("no program of 2000 finds the race")
	})
}

func TestAnErrorOfACallThatWasNotCutOffIsShrunkAndPrinted(t *testing.T) {
	linear(t, func(s *suite.T) {
		fresh := func() Object { return &register{fails: true} }
		p := Program{{"read", "add", "cut add"}, {"read"}}
		bad, err := run(s, counter, fresh(), p)
		if err != nil || bad == nil {
			t.Fatalf("history %v, %v; want a bad one", bad, err)
		}
		text := printed(shrunk(s, counter, fresh, p, bad), "replay(t, newCounter")
		for _, want := range []string{"[][]string{\n\t\t{\"add\"},\n\t})", "add: error: database is locked"} {
			if !strings.Contains(text, want) {
				t.Errorf("it does not say %q:\n%s", want, text)
			}
		}
	})
}

func TestWhatIsNotKnownMayHaveItsEffectLater(t *testing.T) {
	op := func(in, out string, call, ret int64) porcupine.Operation {
		return porcupine.Operation{Input: in, Output: out, Call: call, Return: ret}
	}
	for _, c := range []struct {
		name    string
		history []porcupine.Operation
		want    bool
	}{
		{"none", []porcupine.Operation{op("cut add", unknown, 1, 9), op("read", "0", 3, 4)}, true},
		{"at once", []porcupine.Operation{op("cut add", unknown, 1, 9), op("read", "1", 3, 4)}, true},
		{"later", []porcupine.Operation{op("cut add", unknown, 1, 9), op("read", "0", 3, 4),
			op("read", "1", 5, 6)}, true},
		{"twice", []porcupine.Operation{op("cut add", unknown, 1, 9), op("read", "2", 3, 4)}, false},
		{"and back", []porcupine.Operation{op("cut add", unknown, 1, 9), op("read", "1", 3, 4),
			op("read", "0", 5, 6)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := porcupine.CheckOperations(checker(counter), c.history); got != c.want {
				t.Errorf("linearizable: %v, want %v", got, c.want)
			}
		})
	}
}

const undecidedKey = "LINEAR_UNDECIDED"

// TestUndecided is run by the test below, in a process of its own.
func TestUndecided(t *testing.T) {
	over := make(chan struct{})
	defer close(over)
	slow := counter
	slow.budget, slow.Step = time.Millisecond, func(s int, _ string) (int, string) {
		<-over
		return s, ""
	}
	fresh := func() Object { return &register{} }
	switch os.Getenv(undecidedKey) {
	case "search":
		linear(t, func(t *suite.T) { Search(t, slow, fresh, "replay(t", 3) })
	case "replay":
		linear(t, func(t *suite.T) { Replay(t, slow, fresh, Program{{"add"}, {"read"}}, "replay(t") })
	}
}

func TestAHistoryThatIsNotDecidedIsAFailure(t *testing.T) {
	for _, how := range []string{"search", "replay"} {
		t.Run(how, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestUndecided$")
			cmd.Env = append(os.Environ(), undecidedKey+"="+how)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatalf("it passes:\n%s", out)
			}
			for _, want := range []string{"was not decided in time", "func TestHistory(", "// client 0"} {
				if !strings.Contains(string(out), want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
		})
	}
}
