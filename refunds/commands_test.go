package refunds_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/commands"
	"github.com/leanovate/gopter/gen"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/refunds/refundstest/refundsgen"
)

// world is what the commands work on: a service whose process may die, a
// store, a provider with faults, and a clock that only commands move.
type world struct {
	t       *testing.T
	svc     *refunds.Service
	store   refunds.Store
	gateway *refundstest.Gateway
	process *cut
	calls   *interrupted     // the process's way to the provider
	others  *refunds.Service // of another process, which never dies
	mu      sync.Mutex
	now     time.Time
	pruned  time.Time
	bad     []string
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
	if w.now.Sub(w.pruned) > 24*time.Hour {
		// Every key is a day old or may be younger: only the old ones may go, so
		// wait until nothing younger was sent.
		if d >= 24*time.Hour {
			w.gateway.PruneKeys()
		}
		w.pruned = w.now
	}
}

// start is a new process on the same store and provider.
func (w *world) start() {
	w.calls = interruptible(w.gateway)
	w.process = &cut{Store: w.store, gateway: w.calls}
	w.svc, w.others = w.service(w.process, w.process), w.service(w.store, w.gateway)
}

func (w *world) service(store refunds.Store, g payment.RefundGateway) *refunds.Service {
	svc, err := refunds.New(refunds.Config{
		Store: store, Gateway: g, Now: w.clock, Parallel: 1, CallTimeout: time.Millisecond,
		LookupTimeout: time.Millisecond, Wait: time.Nanosecond,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return svc
}

// finish lets faults and, if they are closed, disputes end, and the worker run
// until all is over or visible.
func (w *world) finish(closed bool) {
	w.start()
	w.gateway.Always(refundstest.CallCreate, refundstest.FaultNone)
	w.gateway.Always(refundstest.CallFind, refundstest.FaultNone)
	for i := 0; closed && i < 6; i++ {
		if _, err := w.svc.Release(w.t.Context(), dispute(i/3, fmt.Sprint("dp_", i%3))); err != nil {
			w.bad = append(w.bad, err.Error())
		}
	}
	for range 60 {
		w.advance(20 * time.Minute)
		if _, err := w.svc.ResumeDue(w.t.Context(), 1000); err != nil {
			w.bad = append(w.bad, err.Error())
		}
		for _, p := range w.gateway.Ledger() {
			if p.Status == "requires_action" {
				w.gateway.Settle(p.Reference, "succeeded")
			}
		}
	}
	all, _, err := w.store.List(w.t.Context(), refunds.Query{PageSize: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range all {
		if r.Status.Open() && !r.Work.NeedsReview {
			w.bad = append(w.bad, fmt.Sprintf("I7: refund %s stays %s and nobody sees it: %+v", r.ID, r.Status, r.Work))
		}
	}
}

// action is a command: something that happens, after which all invariants hold.
type action struct {
	name string
	do   func(w *world)
}

func (a action) Run(sut commands.SystemUnderTest) commands.Result {
	w := sut.(*world)
	a.do(w)
	return append(w.bad, problems(w.t, w.store, w.gateway)...)
}
func (a action) NextState(s commands.State) commands.State { return s }
func (a action) PreCondition(commands.State) bool          { return true }
func (a action) PostCondition(_ commands.State, r commands.Result) *gopter.PropResult {
	if bad, _ := r.([]string); len(bad) > 0 {
		return &gopter.PropResult{Status: gopter.PropFalse, Labels: bad}
	}
	return &gopter.PropResult{Status: gopter.PropTrue}
}
func (a action) String() string { return a.name }

// interruptions are what another process, staff or the bank does while the
// provider is called.
var interruptions = []struct {
	name string
	do   func(w *world, n int)
}{
	{"a dispute", func(w *world, n int) { _, _ = w.others.Hold(w.t.Context(), dispute(n%2, fmt.Sprint("dp_", n%3))) }},
	{"the dispute is over", func(w *world, n int) {
		_, _ = w.others.Release(w.t.Context(), dispute(n%2,
			fmt.Sprint("dp_", n%3)))
	}},
	{"it is requested again", func(w *world, n int) {
		_, _ = w.others.Refund(w.t.Context(), returnOf(n, 0,
			payment.Card))
	}},
	{"staff tell the truth", func(w *world, n int) { w.person(w.others, n) }},
	{"a message", func(w *world, n int) {
		if r, err := w.others.ByClientReference(w.t.Context(), fmt.Sprint("return-", n)); err == nil {
			_, _ = w.others.Check(w.t.Context(), r.ID, bank)
		}
	}},
	{"the process is stopped for longer than its lease", func(w *world, _ int) {
		w.advance(11 * time.Second)
		_, _ = w.others.ResumeDue(w.t.Context(), 10)
	}},
}

// person has somebody at the queue say of refund n what the provider's own
// pages show.
func (w *world) person(svc *refunds.Service, n int) {
	r, err := w.others.ByClientReference(w.t.Context(), fmt.Sprint("return-", n))
	if err != nil || !r.Work.NeedsReview {
		return
	}
	paid := false
	for _, p := range w.gateway.Ledger() {
		paid = paid || p.Request.AttemptID == r.Attempt().ID && p.Status != "failed"
	}
	_, _ = svc.Resolve(w.t.Context(), r.ID, kim, refunds.ResolveParams{Paid: paid,
		Reason: "looked at the provider's page", Confirmed: money.New(r.Amount(), r.Quote.Currency)})
}

// returnOf is return n of three on each of two orders.
func returnOf(n, units int, m payment.Method) refunds.Request {
	r := request(n%2, 1+units%3)
	r.ClientReference, r.Method = fmt.Sprint("return-", n), m
	r.Quote.Lines[0].Paid = money.Components{Price: 2000, Duty: 701, Shipping: 299}
	r.Quote.Fees = []refunds.FeeRule{{Kind: refunds.ReturnShippingFee, Fixed: 7}}
	if n%2 == 1 {
		r.Payments[0].ProviderID = "pi_1"
	}
	return r
}

func genAction() gopter.Gen {
	num := func(n int) gopter.Gen { return gen.IntRange(0, n-1) }
	refund := gopter.CombineGens(num(6), num(3), refundsgen.GenMethod()).Map(func(v []any) commands.Command {
		n, units, m := v[0].(int), v[1].(int), v[2].(payment.Method)
		return action{fmt.Sprintf("refund %d, %d units by %s", n, 1+units, m), func(w *world) {
			_,
				_ = w.svc.Refund(w.t.Context(), returnOf(n, units, m))
		}}
	})
	twice := num(6).Map(func(n int) commands.Command {
		return action{fmt.Sprintf("refund %d twice at once", n), func(w *world) {
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() { _, _ = w.svc.Refund(w.t.Context(), returnOf(n, 0, payment.Card)) })
			}
			wg.Wait()
		}}
	})
	fault := refundsgen.GenFault().Map(func(f refundstest.Fault) commands.Command {
		return action{fmt.Sprintf("the next send ends as %q", f),
			func(w *world) { w.gateway.Script(refundstest.CallCreate, f) }}
	})
	lookup := gen.OneConstOf(refundstest.FaultLostBefore, refundstest.Fault5xxBefore,
		refundstest.FaultNone).Map(func(f refundstest.Fault) commands.Command {
		return action{fmt.Sprintf("the next look-up ends as %q", f),
			func(w *world) { w.gateway.Script(refundstest.CallFind, f) }}
	})
	pass := gen.OneConstOf(50*time.Millisecond, time.Second, 11*time.Second, time.Minute, 2*time.Hour,
		25*time.Hour).Map(func(d time.Duration) commands.Command {
		return action{fmt.Sprintf("%s pass", d), func(w *world) { w.advance(d) }}
	})
	work := gen.Const(0).Map(func(int) commands.Command {
		return action{"the worker runs", func(w *world) { _, _ = w.svc.ResumeDue(w.t.Context(), 10) }}
	})
	crash := gopter.CombineGens(num(6), gen.Bool()).Map(func(v []any) commands.Command {
		in, after := v[0].(int), v[1].(bool)
		return action{fmt.Sprintf("the process dies %d steps on, after %v", in, after),
			func(w *world) { w.process.at, w.process.after = w.process.steps+1+in, after }}
	})
	restart := gen.Const(0).Map(func(int) commands.Command {
		return action{"the process starts", func(w *world) { w.start() }}
	})
	bank := gopter.CombineGens(num(8), gen.Bool()).Map(func(v []any) commands.Command {
		i, ok := v[0].(int), v[1].(bool)
		return action{fmt.Sprintf("the bank settles refund %d: %v", i, ok), func(w *world) {
			ledger := w.gateway.Ledger()
			if len(ledger) == 0 {
				return
			}
			p := ledger[i%len(ledger)]
			status := "failed"
			if ok {
				status = "succeeded"
			}
			if p.Status == "pending" || p.Status == "requires_action" || p.Status == "succeeded" && !ok {
				w.gateway.Settle(p.Reference, status)
				// The webhook of it arrives, again and again until it is taken.
				w.start()
				for {
					_, err := w.svc.Check(w.t.Context(), p.Request.RefundID, event.Actor{Kind: event.ActorProvider})
					if err == nil || refunds.CodeOf(err) != "" {
						break
					}
				}
			}
		}}
	})
	person := num(6).Map(func(n int) commands.Command {
		return action{fmt.Sprintf("staff tell the truth about refund %d", n), func(w *world) { w.person(w.svc, n) }}
	})
	during := gopter.CombineGens(num(6), gen.Bool(), gen.Bool(),
		num(len(interruptions))).Map(func(v []any) commands.Command {
		n, create, before, what := v[0].(int), v[1].(bool), v[2].(bool), interruptions[v[3].(int)]
		call, when := refundstest.CallFind, "after"
		if create {
			call = refundstest.CallCreate
		}
		if before {
			when = "before"
		}
		return action{fmt.Sprintf("in the next %s, %s its effect, of refund %d: %s", call, when, n, what.name),
			func(w *world) {
				at := w.calls.during
				if before {
					at = w.calls.before
				}
				at[call] = func() { what.do(w, n) }
			}}
	})
	hold := gopter.CombineGens(num(2), num(3), gen.Bool()).Map(func(v []any) commands.Command {
		order, ref, closed := v[0].(int), fmt.Sprint("dp_", v[1].(int)), v[2].(bool)
		return action{fmt.Sprintf("dispute %s of order %d, closed: %v", ref, order, closed), func(w *world) {
			if closed {
				_, _ = w.svc.Release(w.t.Context(), dispute(order, ref))
			} else {
				_, _ = w.svc.Hold(w.t.Context(), dispute(order, ref))
			}
		}}
	})
	end := gen.Bool().Map(func(closed bool) commands.Command {
		return action{fmt.Sprintf("everything comes to its end, disputes closed: %v", closed),
			func(w *world) { w.finish(closed) }}
	})
	return gen.Frequency(map[int]gopter.Gen{
		8: refund, 4: twice, 7: fault, 6: pass, 9: work, 2: crash, 5: restart, 1: gen.OneGenOf(bank, person,
			end), 3: gen.OneGenOf(lookup, hold), 10: during,
	})
}

// TestCommands runs random sequences of what people, providers, processes and
// time do, and checks I1, I3, I6, I7, I8, I9, I10 and I11 after each.
func TestCommands(t *testing.T) {
	params := gopter.DefaultTestParameters()
	params.MinSuccessfulTests = 200
	params.MaxSize = 60
	properties := gopter.NewProperties(params)
	properties.Property("invariants hold after every command", commands.Prop(&commands.ProtoCommands{
		NewSystemUnderTestFunc: func(commands.State) commands.SystemUnderTest {
			w := &world{t: t, store: refundstest.NewStore(), gateway: &refundstest.Gateway{},
				now: time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)}
			w.pruned = w.now
			w.start()
			return w
		},
		InitialStateGen: gen.Const(0),
		GenCommandFunc:  func(commands.State) gopter.Gen { return genAction() },
	}))
	properties.TestingRun(t)
}
