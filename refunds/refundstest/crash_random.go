package refundstest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/differ"
	"github.com/returnkit/returnkit/orders/payment"
)

// command is one thing that happens in a random sequence.
type command struct {
	name string
	do   func(w *world)
}

const longestSequence = 30 // commands

// TestRandomCrashes runs random sequences of what people, processes, providers
// and time do to one refund, checks the invariants of TestCrashes after each
// command, and brings each sequence to its end. A sequence that fails is
// shrunk to the commands that matter, and printed with its seed. Settings of
// Crashes that leave things out are not used.
func TestRandomCrashes(t *testing.T, c Crashes, sequences int) {
	t.Helper()
	seed := rand.Uint64()
	if shortest, bad := c.RandomViolations(t, seed, sequences); bad != "" {
		t.Errorf("with seed %d, after:\n    %s\n%s", seed, strings.Join(shortest, "\n    "), bad)
	}
}

// RandomViolations is TestRandomCrashes that returns the shortest sequence with
// a violation and what it violates, for tests of designs that must fail; both
// are empty if none of the sequences has one. The same seed makes the same sequences.
func (c Crashes) RandomViolations(t testing.TB, seed uint64, sequences int) (shortest []string, bad string) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	_, p := c.world(t, payment.Card)
	_, outer := p.(*flaky)
	violations := func(sequence []command) string { return c.sequence(t, sequence) }
	for range sequences {
		sequence := make([]command, r.IntN(longestSequence+1))
		for i := range sequence {
			sequence[i] = randomCommand(r, outer)
		}
		bad := violations(sequence)
		if bad == "" {
			continue
		}
		sequence, bad = differ.Shrink(sequence, bad, violations)
		for _, command := range sequence {
			shortest = append(shortest, command.name)
		}
		return shortest, bad
	}
	return nil, ""
}

// sequence runs commands in a world of their own to the end, and returns what they violate.
func (c Crashes) sequence(t testing.TB, sequence []command) string {
	w, p := c.world(t, payment.Card)
	for i, command := range sequence {
		command.do(w)
		w.check(fmt.Sprintf("after command %d", i+1))
	}
	w.takes = 0
	p.Always(CallCreate, FaultNone)
	p.Always(CallFind, FaultNone)
	w.recover(0, w.clock().Add(horizon))
	for _, paid := range w.live() {
		if paid.Status == "requires_action" {
			p.Settle(paid.Reference, "succeeded")
		}
	}
	w.recover(0, w.clock().Add(horizon))
	w.visible("after recovery")
	w.finish()
	return strings.Join(w.bad, "\n")
}

func randomCommand(r *rand.Rand, outer bool) command {
	cut := 0
	if r.IntN(3) == 0 {
		cut = 1 + r.IntN(8)
	}
	switch n := r.IntN(26); {
	case n < 4:
		return command{fmt.Sprintf("requested, cut after step %d", cut), func(w *world) {
			e, _ := w.start(cut, nil)
			_, _ = e.Refund(w.ctx, w.request)
		}}
	case n < 7:
		bits := r.IntN(1 << 12)
		return command{fmt.Sprintf("requested twice at once, one cut after step %d, in order %012b", cut, bits),
			func(w *world) { w.together(&schedule{order: bitsOf(bits, 12)}, cut) }}
	case n < 13:
		return command{fmt.Sprintf("the worker runs, cut after step %d", cut), func(w *world) {
			e, _ := w.start(cut, nil)
			_, _ = e.ResumeDue(w.ctx, 10)
		}}
	case n < 18:
		return randomFault(r, outer)
	case n < 25:
		d := oneOf(r, 50*time.Millisecond, time.Second, 11*time.Second, time.Minute, 2*time.Hour, 25*time.Hour)
		return command{fmt.Sprintf("%s pass", d), func(w *world) {
			w.pass(d)
			if d > 24*time.Hour {
				w.provider.PruneKeys() // every key is older than a day now
			}
		}}
	}
	if r.IntN(2) == 0 {
		return command{"staff tell the truth", func(w *world) { w.resolve() }}
	}
	d := oneOf(r, 0, 0, callTimeout, 11*time.Second)
	return command{fmt.Sprintf("calls take %s from now on", d), func(w *world) { w.takes = d }}
}

// randomFault has the provider's next answer go wrong. A key that is forgotten within its
// first second breaks the provider's promise, and nobody could stand that; see
// Gateway.PruneKeys. A call that hangs takes the world's time, see its takes.
func randomFault(r *rand.Rand, outer bool) command {
	if r.IntN(3) == 0 {
		f := oneOf(r, FaultLostBefore, Fault5xxBefore, FaultNone)
		return command{fmt.Sprintf("the next look-up ends as %q", f), func(w *world) { w.provider.Script(CallFind, f) }}
	}
	faults := []Fault{FaultNone, FaultNone, FaultNone}
	for _, f := range Faults() {
		hangs := f == FaultHangBefore || f == FaultHangAfter
		if f != FaultKeyPruned && !hangs && (!outer || outside[f]) {
			faults = append(faults, f)
		}
	}
	f := oneOf(r, faults...)
	return command{fmt.Sprintf("the next send ends as %q", f), func(w *world) { w.provider.Script(CallCreate, f) }}
}

func oneOf[V any](r *rand.Rand, of ...V) V { return of[r.IntN(len(of))] }

func bitsOf(n, width int) []int {
	bits := make([]int, width)
	for i := range bits {
		bits[i] = n >> i & 1
	}
	return bits
}
