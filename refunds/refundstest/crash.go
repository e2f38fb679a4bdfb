package refundstest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
)

// Crashes says what TestCrashes is run on.
type Crashes struct {
	// NewStore returns the store of one case. It may be the same one each time:
	// cases have ids of their own and leave nothing open. Required.
	NewStore func(t testing.TB) refunds.Store
	// NewProvider returns the provider of one case, and its id of a captured
	// payment of 30.00 USD. Default: a *Gateway, which knows every fault. Another
	// one gets the faults that come from outside of it: lost, late and refused
	// sends, and server errors.
	NewProvider func(t testing.TB) (p Provider, payment string)
	// NewExecutor makes what refunds, once per process; what it keeps between
	// processes it makes in the outer function, once per case. Default:
	// refunds.New.
	NewExecutor func() func(refunds.Config) (Executor, error)
	// Split has two payments pay the order, a third of it by store credit and the rest
	// by card, so that each refund has two parts.
	Split bool
	// SkipWorker leaves out the crashes of the worker that recovers, and those
	// of one of two callers: an eighth of the cases remains.
	SkipWorker bool
	// SkipRare leaves out the outcomes that are combinations of others, and two
	// callers except under an answer and a lost one: for stores that take
	// milliseconds per step.
	SkipRare bool
	// Part of Parts, from 0, runs every Parts-th outcome of a method, so that
	// several can run at once, each on a store of its own. 0 Parts: all.
	Part, Parts int
}

// one is a case: what happens, and where it is cut.
type one struct {
	method payment.Method
	outcome
	cut    int       // the first process dies after this step
	worker int       // and the worker that recovers after this one
	again  bool      // who asked asks again at once
	order  *schedule // two callers at once, in this order of steps
}

func (o one) String() string {
	s := fmt.Sprintf("%s, %s, cut after step %d, worker cut after step %d", o.method, o.name, o.cut, o.worker)
	if o.again {
		s += ", asked again at once"
	}
	if o.order != nil {
		s += fmt.Sprintf(", two callers in order %v", o.order.order)
	}
	return s
}

// TestCrashes cuts the execution of a refund after every store write and every
// provider call, under every outcome of the call; then it cuts the worker that
// recovers after every one of its own; then it runs two callers at once in
// every order of their steps, one of them cut after each. None of it is a
// sample. After each case a worker runs with a clock of its own until nothing
// is due, and then:
//
//   - the provider's ledger has at most one refund of the payment (I6);
//   - every refund has ended, is followed at the provider, or stands in the
//     review queue; what was paid is recorded and what is recorded was
//     paid (I7);
//   - the balance is what open and succeeded refunds sum to, within what was
//     captured, and failed ones hold nothing (I1, I8); no payment gives back more than
//     its part of the refund, and in the end each has given back just that (I3, I23);
//   - cash and store credit called no provider (I9);
//   - the events fold to the stored state (I11);
//   - requested again, it is paid in the end, once.
//
// The number of cases is logged.
func TestCrashes(t *testing.T, c Crashes) {
	bad, cases := c.Violations(t)
	for i, b := range bad {
		if i == 20 {
			t.Errorf("and %d more", len(bad)-i)
			break
		}
		t.Error(b)
	}
	t.Logf("%d cases, %d violations", cases, len(bad))
}

// Violations is TestCrashes that returns what it found and how many cases it
// ran, for tests of designs that must fail.
func (c Crashes) Violations(t testing.TB) (bad []string, cases int) {
	t.Helper()
	run := func(o one) (reached, worker bool) {
		w, provider := c.world(t, o.method)
		reached, worker = w.play(o, provider)
		for _, b := range w.bad {
			bad = append(bad, o.String()+": "+b)
		}
		cases++
		return reached, worker
	}
	_, p := c.world(t, payment.Card)
	_, outer := p.(*flaky)
	all := outcomes(func(f Fault) bool { return !outer || outside[f] }, !outer)
	if c.SkipRare {
		all = slices.DeleteFunc(all, func(o outcome) bool { return o.rare })
	}
	for _, method := range []payment.Method{payment.Card, payment.Cash, payment.StoreCredit} {
		outcomes := all
		if method.Manual() {
			outcomes = all[:1]
		}
		for i, o := range outcomes {
			if c.Parts > 0 && i%c.Parts != c.Part {
				continue
			}
			for cut, reached := 0, true; reached; cut++ {
				died, _ := run(one{method: method, outcome: o, cut: cut})
				if reached = died || cut == 0; !reached {
					break // there are no more steps
				}
				run(one{method: method, outcome: o, cut: cut, again: true})
				for worker, more := 1, !c.SkipWorker; more; worker++ {
					_, more = run(one{method: method, outcome: o, cut: cut, worker: worker})
				}
			}
			pairs := !c.SkipRare || o.name == answered || o.name == string(FaultLostAfter)
			for cut, reached := 0, pairs; reached; cut++ {
				reached = false
				order := &schedule{}
				for more := true; more; more = order.another() {
					died, _ := run(one{method: method, outcome: o, cut: cut, order: order})
					reached = reached || died
				}
				reached = (reached || cut == 0) && !c.SkipWorker
			}
		}
	}
	return bad, cases
}

func (c Crashes) world(t testing.TB, m payment.Method) (*world, scripted) {
	newExecutor := func(c refunds.Config) (Executor, error) { return refunds.New(c) }
	if c.NewExecutor != nil {
		newExecutor = c.NewExecutor()
	}
	var provider scripted = &Gateway{}
	payment := "pi_" + newID()
	if c.NewProvider != nil {
		var p Provider
		p, payment = c.NewProvider(t)
		if s, ok := p.(scripted); ok {
			provider = s
		} else {
			provider = newFlaky(p)
		}
	}
	w := newWorld(t.Context(), c.NewStore(t), provider, newExecutor, m, payment)
	if c.Split {
		w.split()
	}
	return w, provider
}

// play runs one case. It reports whether the first process and the worker died where
// they were to, so that the caller knows when there are no more steps.
func (w *world) play(o one, p scripted) (reached, workerDied bool) {
	p.Script(CallCreate, o.create...)
	p.Script(CallFind, o.find...)
	w.takes = o.takes
	if o.order == nil {
		e, first := w.start(o.cut, nil)
		_, _ = e.Refund(w.ctx, w.request)
		reached = first.dead
	} else {
		reached = w.together(o.order, o.cut)
	}
	w.takes = 0
	w.check("after the first process")
	if o.prune {
		w.pass(2 * time.Second)
		p.PruneKeys()
	}
	if o.again {
		w.ask()
	}
	end := w.clock().Add(horizon)
	if o.outage {
		p.Always(CallCreate, FaultLostBefore)
		p.Always(CallFind, FaultLostBefore)
		back := w.clock().Add(25 * time.Hour)
		var steps int
		workerDied, steps = w.recover(o.worker, back)
		w.until(back)
		p.Always(CallCreate, FaultNone)
		p.Always(CallFind, FaultNone)
		p.PruneKeys()
		if o.worker > steps && !workerDied {
			workerDied, _ = w.recover(o.worker-steps, end)
		} else {
			w.recover(0, end)
		}
	} else {
		workerDied, _ = w.recover(o.worker, end)
	}
	w.visible("after recovery")
	w.check("after recovery")
	if o.settle != "" {
		for _, paid := range w.live() {
			p.Settle(paid.Reference, o.settle)
		}
		w.recover(0, end.Add(horizon))
		w.visible("after the bank's word")
		w.check("after the bank's word")
	}
	w.finish()
	if o.back {
		w.sendBack()
	}
	return reached, workerDied
}

// together requests the refund twice at once, in two processes that take their steps
// in the order. It reports whether the first died after step cut.
func (w *world) together(order *schedule, cut int) (died bool) {
	order.run(func(turn func()) {
		e, p := w.start(cut, turn)
		_, _ = e.Refund(w.ctx, w.request)
		died = p.dead
	}, func(turn func()) {
		e, _ := w.start(0, turn)
		_, _ = e.Refund(w.ctx, w.request)
	})
	return died
}

// ask requests the refund again, in a process that lives.
func (w *world) ask() {
	e, _ := w.start(0, nil)
	if _, err := e.Refund(w.ctx, w.request); err != nil {
		w.note("asked again: %v", err)
	}
}

// finish has staff resolve what stands in the queue and asks again, until
// the refund is paid: once, and nothing is left open.
func (w *world) finish() {
	var r refunds.Intent
	var err error
	for rounds := 0; rounds < 3 && r.Status != refunds.StatusSucceeded; rounds++ {
		w.resolve()
		w.ask()
		w.recover(0, w.clock().Add(horizon))
		w.resolve()
		r, err = w.intent()
	}
	w.check("in the end")
	if err != nil || r.Status != refunds.StatusSucceeded {
		w.note("I7 in the end: the refund is %q, %v", r.Status, err)
	}
	w.paidWhole("in the end")
	want := 1
	if w.request.Method.Manual() {
		want = 0
	}
	if n := len(w.live()); n != want {
		w.note("I6 in the end: the provider paid %d times, want %d", n, want)
	}
}

// sendBack has the bank send the refund back, twice told, and pays it by store
// credit then.
func (w *world) sendBack() {
	for _, paid := range w.live() {
		w.provider.Settle(paid.Reference, "failed")
		for range 2 {
			e, _ := w.start(0, nil)
			if _, err := e.Check(w.ctx, paid.Request.RefundID, event.Actor{Kind: event.ActorProvider}); err != nil {
				w.note("the webhook of the reversal: %v", err)
			}
		}
	}
	w.visible("after it was sent back")
	w.check("after it was sent back")
	e, _ := w.start(0, nil)
	request := w.request
	request.Method = payment.StoreCredit
	if r, err := e.Refund(w.ctx, request); err != nil || r.Status != refunds.StatusSucceeded {
		w.note("I7: what was sent back can't be paid by store credit: %s, %v", r.Status, err)
	}
	w.check("after it was paid by store credit")
	w.paidWhole("after it was paid by store credit")
}
