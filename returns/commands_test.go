package returns_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/commands"
	"github.com/leanovate/gopter/gen"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/returns"
)

const units = 4 // of the one order that all cases of a model are about

// model is what a case should be: no store, no events, no services.
type model struct {
	status             returns.Status
	asked, held, taken int
	paid               bool
	shelf              int // units back on the shelf
}

// desk is the system under test, with the model beside it.
type desk struct {
	*shop
	order string
	line  string
	ids   []string
	model []model
	rmas  map[string]string // RMA -> case
	bad   []string
}

func (d *desk) free() int {
	n := units
	for _, m := range d.model {
		n -= m.held
	}
	return n
}

// try does something with case i, and moves the model when it may be done.
func (d *desk) try(i int, from []returns.Status, do func(id string) error, move func(m *model)) {
	if len(d.ids) == 0 {
		return
	}
	i %= len(d.ids)
	m := &d.model[i]
	may := slices.Contains(from, m.status)
	err := do(d.ids[i])
	if may != (err == nil) {
		d.bad = append(d.bad, fmt.Sprintf("case %d is %s: %v", i, m.status, err))
	}
	if may {
		move(m)
	}
}

// check compares all cases, the claims, the stock and the money with the model.
func (d *desk) check() []string {
	note := func(format string, args ...any) { d.bad = append(d.bad, fmt.Sprintf(format, args...)) }
	shelf, paid := 0, map[string]bool{}
	for i, m := range d.model {
		r := d.get(d.ids[i]) // checks I11
		if r.Status != m.status || r.ClaimedUnits()[d.line] != m.held || r.Restocked != (m.shelf > 0) {
			note(
				"case %d is %s, holds %v, restocked %v; the model says %+v", i, r.Status, r.ClaimedUnits(),
				r.Restocked, m,
			)
		}
		if r.RMA != "" && d.rmas[r.RMA] != "" && d.rmas[r.RMA] != r.ID {
			note("I15: %s is of two cases", r.RMA)
		}
		d.rmas[r.RMA] = r.ID
		shelf += m.shelf
		paid[r.ID] = m.paid
	}
	claims, err := d.store.Claims(d.ctx, d.order)
	d.ok(err)
	if claims[d.order][d.line] != units-d.free() || d.free() < 0 {
		note("I2: %d units are claimed, the model says %d of %d", claims[d.order][d.line], units-d.free(), units)
	}
	if got := d.stock(); got != shelf {
		note("I4: stock %d, the model says %d", got, shelf)
	}
	byCase := map[string]int{}
	for _, p := range d.gateway.Ledger() {
		if p.Status == "succeeded" {
			r, err := d.refunds.Refund(d.ctx, p.Request.RefundID)
			d.ok(err)
			byCase[r.ClientReference]++
		}
	}
	for id, want := range paid {
		if (byCase[id] == 1) != want || byCase[id] > 1 {
			note("case %s was paid back %d times, the model says %v", id, byCase[id], want)
		}
	}
	return d.bad
}

// action is a command: something somebody does, after which all must agree.
type action struct {
	name string
	do   func(d *desk)
}

func (a action) Run(sut commands.SystemUnderTest) commands.Result {
	d := sut.(*desk)
	a.do(d)
	return d.check()
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

func (d *desk) file(n int) (returns.Return, error) {
	o, err := d.orders.Purchase(d.ctx, d.order)
	d.ok(err)
	return d.svc.Create(d.ctx, ann, ask(o, n))
}

func (d *desk) filedAs(r returns.Return, n int) {
	d.ids = append(d.ids, r.ID)
	d.model = append(d.model, model{status: returns.StatusPendingAuthorization, asked: n, held: n})
}

// steps are the actions on one case by name.
var steps = map[string]func(d *desk, i, n int){
	"authorize": func(d *desk, i, _ int) {
		d.try(i, []returns.Status{returns.StatusPendingAuthorization},
			func(id string) error { _, err := d.svc.Authorize(d.ctx, id, kim, ""); return err },
			func(m *model) { m.status = returns.StatusAuthorized })
	},
	"request more about": func(d *desk, i, _ int) {
		d.try(i, []returns.Status{returns.StatusPendingAuthorization},
			func(id string) error { _, err := d.svc.RequestInfo(d.ctx, id, kim, "which?"); return err },
			func(m *model) { m.status = returns.StatusPendingCustomerInfo })
	},
	"answer": func(d *desk, i, _ int) {
		d.try(i, []returns.Status{returns.StatusPendingCustomerInfo},
			func(id string) error {
				_, err := d.svc.ProvideInfo(d.ctx, id, ann, returns.InfoParams{Details: "this", Photos: nil})
				return err
			},
			func(m *model) { m.status = returns.StatusPendingAuthorization })
	},
	"cancel": func(d *desk, i, _ int) {
		d.try(
			i,
			[]returns.Status{
				returns.StatusPendingAuthorization,
				returns.StatusPendingCustomerInfo,
				returns.StatusAuthorized,
			},
			func(id string) error { _, err := d.svc.Cancel(d.ctx, id, ann); return err },
			func(m *model) { m.status, m.held = returns.StatusCanceled, 0 },
		)
	},
	"reject": func(d *desk, i, _ int) {
		d.try(i, []returns.Status{returns.StatusPendingAuthorization, returns.StatusAuthorized},
			func(id string) error { _, err := d.svc.Reject(d.ctx, id, kim, "no"); return err },
			func(m *model) { m.status, m.held = returns.StatusRejected, 0 })
	},
	"receive": func(d *desk, i, _ int) {
		d.try(i, []returns.Status{returns.StatusAuthorized, returns.StatusInTransit},
			func(id string) error {
				_, err := d.svc.Receive(d.ctx, id, kim, returns.ReceiveParams{Lines: nil, Notes: ""})
				return err
			},
			func(m *model) { m.status = returns.StatusReceived })
	},
	"inspect": func(d *desk, i, n int) {
		d.try(i, []returns.Status{returns.StatusReceived}, func(id string) error {
			r, err := d.svc.Return(d.ctx, id)
			d.ok(err)
			n %= r.Lines[0].Quantity + 1
			in := returns.InspectionInput{
				Result: returns.InspectionPartiallyApproved, InspectedBy: "Kim", Lines: []returns.InspectionLine{
					{OrderLineID: d.line, Accepted: &n, Disposition: returns.Restock},
				},
			}
			if n == 0 {
				in = returns.InspectionInput{Result: returns.InspectionRejected, InspectedBy: "Kim"}
			}
			_, err = d.svc.Inspect(d.ctx, id, kim, in)
			return err
		}, func(m *model) {
			m.status, m.taken, m.held = returns.StatusApproved, n, n
			if n == 0 {
				m.status = returns.StatusRejected
			}
		})
	},
	"refund": func(d *desk, i, n int) {
		d.try(i, []returns.Status{returns.StatusApproved, returns.StatusRefunded}, func(id string) error {
			d.gateway.Always(refundstest.CallCreate, refundstest.FaultNone)
			if n == 0 {
				d.gateway.Always(refundstest.CallCreate, refundstest.FaultRefuse)
			}
			_, _, err := d.svc.Refund(d.ctx, id, kim, returns.RefundParams{Method: payment.Card})
			return err
		}, func(m *model) {
			if n > 0 || m.paid { // I8: a refusal changes nothing
				m.status, m.paid, m.shelf = returns.StatusRefunded, true, m.taken
			}
		})
	},
}

func genAction() gopter.Gen {
	file := gen.IntRange(1, units+1).Map(func(n int) commands.Command {
		return action{fmt.Sprintf("request %d", n), func(d *desk) {
			may := n <= d.free()
			r, err := d.file(n)
			if may != (err == nil) {
				d.bad = append(d.bad, fmt.Sprintf("%d of %d free units: %v", n, d.free(), err))
			}
			if err == nil {
				d.filedAs(r, n)
			}
		}}
	})
	pair := gen.Const(0).Map(func(int) commands.Command {
		return action{"request the rest twice at once", func(d *desk) {
			n := d.free()
			if n == 0 {
				return
			}
			var wg sync.WaitGroup
			var got [2]returns.Return
			var errs [2]error
			for i := range 2 {
				wg.Go(func() { got[i], errs[i] = d.file(n) })
			}
			wg.Wait()
			for i := range 2 {
				if errs[i] == nil {
					d.filedAs(got[i], n)
				}
			}
			if (errs[0] == nil) == (errs[1] == nil) {
				d.bad = append(d.bad, fmt.Sprintf("of two requests for all: %v, %v", errs[0], errs[1]))
			}
		}}
	})
	var names []any
	for name := range steps {
		names = append(names, name)
	}
	step := gopter.CombineGens(gen.OneConstOf(names...), gen.IntRange(0, 7), gen.IntRange(0, units)).Map(
		func(v []any) commands.Command {
			name, i, n := v[0].(string), v[1].(int), v[2].(int)
			return action{fmt.Sprintf("%s case %d (%d)", name, i, n), func(d *desk) { steps[name](d, i, n) }}
		},
	)
	return gen.Frequency(map[int]gopter.Gen{3: file, 1: pair, 14: step})
}

// TestCommands runs random sequences of what customers, staff and the provider
// do with the cases of one order, and checks I2, I4, I5, I6, I8, I11 and I15
// against the model after each.
func TestCommands(t *testing.T) {
	params := gopter.DefaultTestParameters()
	params.MinSuccessfulTests = 100
	params.MaxSize = 60
	properties := gopter.NewProperties(params)
	properties.Property("the service does what the model says", commands.Prop(&commands.ProtoCommands{
		NewSystemUnderTestFunc: func(commands.State) commands.SystemUnderTest {
			d := &desk{shop: newShop(t, policy()), rmas: map[string]string{}}
			o := d.bought(units)
			d.order, d.line = o.OrderID, o.Lines[0].ID
			return d
		},
		InitialStateGen: gen.Const(0),
		GenCommandFunc:  func(commands.State) gopter.Gen { return genAction() },
	}))
	properties.TestingRun(t)
}
