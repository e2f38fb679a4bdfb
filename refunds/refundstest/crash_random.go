package refundstest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"

	"github.com/returnkit/returnkit/orders/payment"
)

// Command is one thing that happens in a random sequence.
type Command struct {
	name string
	do   func(w *world)
}

func (c Command) String() string { return c.name }

// TestRandomCrashes runs random sequences of what people, processes, providers
// and time do to one refund, checks the invariants of TestCrashes after each
// command, and brings each sequence to its end. A sequence that fails is
// shrunk to the commands that matter, and printed with its seed. Settings of
// Crashes that leave things out are not used.
func TestRandomCrashes(t *testing.T, c Crashes, sequences int) {
	params := gopter.DefaultTestParameters()
	params.MinSuccessfulTests = sequences
	params.MaxSize = 30
	properties := gopter.NewProperties(params)
	properties.Property("a refund happens once, whatever happens", c.Property(t))
	properties.TestingRun(t)
}

// Property is what TestRandomCrashes checks, for parameters of one's own.
func (c Crashes) Property(t testing.TB) gopter.Prop {
	_, p := c.world(t, payment.Card)
	_, outer := p.(*flaky)
	return prop.ForAll(func(sequence []Command) (string, error) {
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
		return strings.Join(w.bad, "\n"), nil
	}, gen.SliceOf(genCommand(outer)))
}

func genCommand(outer bool) gopter.Gen {
	cut := gen.Frequency(map[int]gopter.Gen{2: gen.Const(0), 1: gen.IntRange(1, 8)})
	ask := cut.Map(func(cut int) Command {
		return Command{fmt.Sprintf("requested, cut after step %d", cut), func(w *world) {
			e, _ := w.start(cut, nil)
			_, _ = e.Refund(w.ctx, w.request)
		}}
	})
	twice := gopter.CombineGens(cut, gen.IntRange(0, 1<<12-1)).Map(func(v []any) Command {
		cut, bits := v[0].(int), v[1].(int)
		return Command{fmt.Sprintf("requested twice at once, one cut after step %d, in order %012b", cut, bits),
			func(w *world) {
				w.together(&schedule{order: bitsOf(bits, 12)}, cut)
			}}
	})
	worker := cut.Map(func(cut int) Command {
		return Command{fmt.Sprintf("the worker runs, cut after step %d", cut), func(w *world) {
			e, _ := w.start(cut, nil)
			_, _ = e.ResumeDue(w.ctx, 10)
		}}
	})
	hangs := func(f Fault) bool { return f == FaultHangBefore || f == FaultHangAfter }
	fault := GenFault().SuchThat(func(f Fault) bool {
		return !hangs(f) && (!outer ||
			outside[f])
	}).Map(func(f Fault) Command {
		return Command{fmt.Sprintf("the next send ends as %q", f), func(w *world) { w.provider.Script(CallCreate, f) }}
	})
	lookup := gen.OneConstOf(FaultLostBefore, Fault5xxBefore, FaultNone).Map(func(f Fault) Command {
		return Command{fmt.Sprintf("the next look-up ends as %q", f), func(w *world) { w.provider.Script(CallFind, f) }}
	})
	pass := gen.OneConstOf(50*time.Millisecond, time.Second, 11*time.Second, time.Minute, 2*time.Hour,
		25*time.Hour).Map(func(d time.Duration) Command {
		return Command{fmt.Sprintf("%s pass", d), func(w *world) {
			w.pass(d)
			if d > 24*time.Hour {
				w.provider.PruneKeys() // every key is older than a day now
			}
		}}
	})
	slow := gen.OneConstOf(time.Duration(0), time.Duration(0), callTimeout,
		11*time.Second).Map(func(d time.Duration) Command {
		return Command{fmt.Sprintf("calls take %s from now on", d), func(w *world) { w.takes = d }}
	})
	person := gen.Const(0).Map(func(int) Command {
		return Command{"staff tell the truth", func(w *world) { w.resolve() }}
	})
	return gen.Frequency(map[int]gopter.Gen{4: ask, 3: twice, 6: worker, 5: gen.OneGenOf(fault, fault, lookup),
		7: pass, 1: gen.OneGenOf(person, slow)})
}

func bitsOf(n, width int) []int {
	bits := make([]int, width)
	for i := range bits {
		bits[i] = n >> i & 1
	}
	return bits
}
