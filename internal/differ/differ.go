// Package differ drives two stores with the same random calls and compares what they
// answer. Calls that lead to a difference are shrunk to those that matter.
package differ

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders/event"
)

// Object is a store under comparison. Do executes one call, in words, and returns
// what it answered; ids of its own making are the same for all stores.
type Object interface {
	Do(ctx context.Context, op string) (answer string)
}

const longest = 40 // calls of a program

// Search runs random programs on both until one is answered differently. fresh returns
// objects that no program before has touched.
func Search(t *suite.T, random func(r *rand.Rand) string, fresh func(run string) (a, b Object), programs int) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	runs := 0
	differs := func(p []string) string {
		runs++
		a, b := fresh(fmt.Sprintf("%x-%d", seed, runs))
		return compare(t.Context(), a, b, p)
	}
	for range programs {
		p := make([]string, 1+r.IntN(longest))
		for i := range p {
			p[i] = random(r)
		}
		difference := differs(p)
		if difference == "" {
			continue
		}
		p, difference = Shrink(p, difference, differs)
		t.Screen(fmt.Sprintf("two stores answer differently (seed %d):\n    %s\n%s", seed,
			strings.Join(p, "\n    "), difference))
		return
	}
}

// compare returns how the answers to the last call differ, and nothing if none does.
func compare(ctx context.Context, a, b Object, p []string) string {
	for i, op := range p {
		x, y := a.Do(ctx, op), b.Do(ctx, op)
		if x == y {
			continue
		}
		same := max(0, prefix(x, y)-200)
		return fmt.Sprintf("call %d, %s, from byte %d on:\nmemory: %.600q\nother:  %.600q",
			i+1, op, same, x[same:], y[same:])
	}
	return ""
}

// prefix is how many bytes two texts begin with alike.
func prefix(x, y string) int {
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return i
		}
	}
	return min(len(x), len(y))
}

// Shrink takes calls out for as long as the rest still differs, and returns it with its difference.
func Shrink[C any](p []C, difference string, differs func([]C) string) ([]C, string) {
	for i := len(p) - 1; i >= 0; i-- {
		smaller := slices.Delete(slices.Clone(p), i, i+1)
		if d := differs(smaller); d != "" {
			p, difference = smaller, d
			i = len(p)
		}
	}
	return p, difference
}

// Random makes the calls of programs: a verb, listed as often as it is to come, with three
// numbers, which ids and how much. Most are of few ids, so that calls meet.
func Random(verbs []string) func(r *rand.Rand) string {
	return func(r *rand.Rand) string {
		id := func() int {
			if r.IntN(6) > 0 {
				return r.IntN(4)
			}
			return r.IntN(len(strangers("")))
		}
		return fmt.Sprintf("%s %d %d %d", verbs[r.IntN(len(verbs))], id(), id(), r.IntN(9))
	}
}

// Parts are those of a call that Random made.
func Parts(op string) (verb string, i, j, n int) {
	_, _ = fmt.Sscan(op, &verb, &i, &j, &n) // the words that each call has
	return verb, i, j, n
}

// JSON is an answer as text. A list of nothing may be nil.
func JSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(string(text), "null", "[]")
}

// Names are the ids that one program uses on one store. They are of no program before.
type Names struct {
	Run string
	// IDs are what strangers use. The last ones are no ids: no store keeps them.
	IDs  []string
	made int
}

// NewNames are those of a run.
func NewNames(run string) Names { return Names{Run: run, IDs: strangers(run)} }

// ID is a new id of the program's own, the same on each store. They grow, as ids by the
// clock do: stores may take the smaller one as the older.
func (n *Names) ID() string {
	n.made++
	return fmt.Sprintf("id-%s-%04d", n.Run, n.made)
}

// Stamp is of a stranger, from where strangers are, at no time.
func (n *Names) Stamp(i, j int) event.Stamp {
	return event.Stamp{
		By:     event.Actor{Kind: event.ActorStaff, ID: n.IDs[j], Name: n.IDs[i]},
		Source: event.Source{Address: n.IDs[i], Request: n.IDs[j]},
	}
}

// Spoiled returns stamps with a text that not every database keeps, by its field.
func Spoiled(s event.Stamp) map[string]event.Stamp {
	all := map[string]event.Stamp{}
	for field, spoil := range map[string]func(*event.Stamp){
		"by.id":          func(s *event.Stamp) { s.By.ID = "nul\x00" },
		"by.name":        func(s *event.Stamp) { s.By.Name = "bad\xff" },
		"source.address": func(s *event.Stamp) { s.Source.Address = "nul\x00" },
		"source.request": func(s *event.Stamp) { s.Source.Request = "bad\xff" },
	} {
		one := s
		spoil(&one)
		all[field] = one
	}
	return all
}

// Own reports whether the program made the id.
func (n *Names) Own(id string) bool { return strings.HasPrefix(id, "id-"+n.Run+"-") }

func strangers(run string) []string {
	long := strings.Repeat("é", 255-utf8.RuneCountInString(run)) + run
	return []string{
		"1" + run, "O'Brien \"?\" \\ %" + run, "née/\U0001F600 " + run, "Ann" + run, "ann" + run, long,
		"' OR 1=1 --" + run, "", "nul\x00" + run, "bad\xff" + run,
	}
}
