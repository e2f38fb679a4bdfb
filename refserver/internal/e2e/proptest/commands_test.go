package proptest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"

	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
)

// advance moves the clock.
func (d *desk) advance(by time.Duration) { d.offset.Add(int64(by)) }

func (d *desk) buy(units int, card bool) {
	d.Helper()
	d.emptyCart() // an order that was canceled gives its cart back
	d.ok(d.person.AddToCart(d.Context(), d.product, units))
	number := ""
	if card {
		number = client.GoodCard
	}
	_, err := d.person.Checkout(d.Context(), number, "")
	switch {
	case err == nil:
	case client.StatusOf(err) == 402 && card && refuses(d.fault):
		d.emptyCart()
		return
	default:
		d.note("buying %d: %v", units, err)
		d.emptyCart()
		return
	}
	list, err := d.person.Orders(d.Context())
	d.ok(err)
	o := &order{
		id:     list[0].ID,
		line:   list[0].Items[0].ID,
		units:  units,
		card:   card,
		placed: d.now(),
		status: list[0].Status,
		holds:  map[string]bool{},
	}
	if list[0].Items[0].Quantity != units ||
		slices.ContainsFunc(d.orders, func(other *order) bool { return other.id == o.id }) {
		d.note("an order of %d units is %+v", units, list[0])
	}
	if o.status == "QUEUED" && !card {
		d.note("an order in cash is queued")
	}
	d.orders = append(d.orders, o)
	d.remember()
}

func (d *desk) emptyCart() {
	d.Helper()
	_, err := d.person.Form(d.Context(), "/cancel_sale", nil)
	d.ok(err)
}

const window = 30 * 24 * time.Hour

func (d *desk) request(i, units int) {
	d.Helper()
	if len(d.orders) == 0 {
		return
	}
	o := d.orders[i%len(d.orders)]
	if o.status == "QUEUED" {
		return // it may complete at any moment
	}
	may := o.status == "COMPLETED" && units <= o.units-o.claimed && d.now().Sub(o.placed) < window
	r, err := d.person.RequestReturn(d.Context(), o.id, o.line, units)
	if may != (err == nil) || err != nil && client.StatusOf(err) != 400 {
		d.note("asking for %d of %d units, %d claimed, status %s: %v", units, o.units, o.claimed, o.status, err)
	}
	if err == nil {
		o.claimed += units
		d.cases = append(d.cases, &kase{id: r.ID, of: o, units: units, status: "PENDING_AUTHORIZATION"})
	}
}

// step does something with a case, and moves the model when it may be done.
func (d *desk) step(i int, from []string, do func(k *kase) error, move func(k *kase)) {
	d.Helper()
	if len(d.cases) == 0 {
		return
	}
	k := d.cases[i%len(d.cases)]
	may, err := slices.Contains(from, k.status), do(k)
	if may != (err == nil) || err != nil && (client.StatusOf(err) < 400 || client.StatusOf(err) >= 500) {
		d.note("a case that is %s: %v", k.status, err)
	}
	if err == nil {
		move(k)
	}
}

func (d *desk) act(action string, fields map[string]any) func(k *kase) error {
	return func(k *kase) error { _, err := d.staff.Act(d.Context(), k.id, action, fields); return err }
}

func (k *kase) release() { k.of.claimed -= k.units - k.accepted }

func (d *desk) decided(result string, accepted int) func(k *kase) error {
	return func(k *kase) error {
		fields := map[string]any{"result": result, "inspected_by": "clerk"}
		if result == "PARTIALLY_APPROVED" {
			fields["lines"] = []map[string]any{
				{"sale_item_id": k.of.line, "accepted": accepted, "disposition": "restock"},
			}
		}
		return d.act("inspection", fields)(k)
	}
}

func (k *kase) inspected(accepted int) {
	k.status, k.accepted = "APPROVED", accepted
	if accepted == 0 {
		k.status = "REJECTED"
	}
	k.release()
}

// goods are the actions on the goods of one case, by name. n is from 0 to 2.
var goods = map[string]func(d *desk, i, n int){
	"authorise": func(d *desk, i, _ int) {
		d.step(
			i,
			[]string{"PENDING_AUTHORIZATION"},
			d.act("authorize", map[string]any{"approve": true}),
			func(k *kase) { k.status = "AUTHORIZED" },
		)
	},
	"reject": func(d *desk, i, _ int) {
		d.step(i, []string{"PENDING_AUTHORIZATION", "AUTHORIZED"}, d.act("authorize", map[string]any{"approve": false}),
			func(k *kase) { k.status = "REJECTED"; k.release() })
	},
	"cancel": func(d *desk, i, _ int) {
		d.step(i, []string{"PENDING_AUTHORIZATION", "AUTHORIZED"}, func(k *kase) error {
			_, err := d.person.Call(d.Context(), "/api/returns/"+k.id+"/cancel", map[string]any{}, nil)
			return err
		}, func(k *kase) { k.status = "CANCELLED"; k.release() })
	},
	"receive": func(d *desk, i, _ int) {
		d.step(i, []string{"AUTHORIZED"}, d.act("receive", map[string]any{}), func(k *kase) { k.status = "RECEIVED" })
	},
	"accept": func(d *desk, i, _ int) {
		d.step(i, []string{"RECEIVED"}, d.decided("APPROVED", 0), func(k *kase) { k.inspected(k.units) })
	},
	"accept some of": func(d *desk, i, n int) {
		if len(d.cases) == 0 {
			return
		}
		some := min(n+1, d.cases[i%len(d.cases)].units)
		d.step(i, []string{"RECEIVED"}, d.decided("PARTIALLY_APPROVED", some), func(k *kase) { k.inspected(some) })
	},
	"accept nothing of": func(d *desk, i, _ int) {
		d.step(i, []string{"RECEIVED"}, d.decided("REJECTED", 0), func(k *kase) { k.inspected(0) })
	},
	"accept and reject at once": func(d *desk, i, _ int) {
		if len(d.cases) == 0 || d.cases[i%len(d.cases)].status != "RECEIVED" {
			return
		}
		k := d.cases[i%len(d.cases)]
		var both sync.WaitGroup
		var yes, no error
		both.Go(func() { yes = d.decided("APPROVED", 0)(k) })
		both.Go(func() { no = d.decided("REJECTED", 0)(k) })
		both.Wait()
		if (yes == nil) == (no == nil) {
			d.note("of an approval and a rejection at once: %v, %v", yes, no)
			return
		}
		accepted := k.units
		if yes != nil {
			accepted = 0
		}
		k.inspected(accepted)
	},
}

// money are the actions that bring a case to its money, by name.
var money = map[string]func(d *desk, i, n int){
	"take straight to the approval": func(d *desk, i, _ int) {
		if len(d.cases) == 0 || d.cases[i%len(d.cases)].status != "PENDING_AUTHORIZATION" {
			return
		}
		d.step(
			i,
			[]string{"PENDING_AUTHORIZATION"},
			func(k *kase) error { _, err := d.staff.Approve(d.Context(), k.id); return err },
			func(k *kase) { k.inspected(k.units) },
		)
	},
	"refund by any way":      func(d *desk, i, _ int) { d.refund(i, "") },
	"refund to the card":     func(d *desk, i, _ int) { d.refund(i, "CARD") },
	"refund in cash":         func(d *desk, i, _ int) { d.refund(i, "CASH") },
	"refund in store credit": func(d *desk, i, _ int) { d.refund(i, "STORE_CREDIT") },
	"refund twice at once": func(d *desk, i, n int) {
		d.refund(i, []string{"", "CARD", "STORE_CREDIT"}[n], "")
	},
}

// refund asks for the refund of a case by each of the methods, all at once.
func (d *desk) refund(i int, methods ...string) {
	d.Helper()
	if len(d.cases) == 0 {
		return
	}
	k := d.cases[i%len(d.cases)]
	may, was := k.status == "APPROVED" || k.status == "REFUNDED", k.status
	possible := k.of.card || len(methods) > 1 || methods[0] != "CARD"
	unpaid, held := k.unpaid, k.of.held()
	idle := held && d.idle(k)
	if may && possible && !k.asked {
		k.asked, k.since, k.parked = true, d.now(), held
	}
	d.remember()
	ctx, cancel := d.impatient()
	defer cancel()
	var all sync.WaitGroup
	codes, errs := make([]int, len(methods)), make([]error, len(methods))
	for j, m := range methods {
		all.Go(func() {
			var r client.Return
			r, codes[j], errs[j] = d.staff.Refund(ctx, k.id, m)
			if codes[j] == 200 && (r.Refund == nil || r.Refund.Status != "COMPLETED") {
				errs[j] = fmt.Errorf("paid, and the refund is %+v", r.Refund)
			}
		})
	}
	all.Wait()
	for j, m := range methods {
		code, impossible := codes[j], m == "CARD" && !k.of.card
		switch {
		case code == 0 && ctx.Err() != nil: // nobody waited for the answer
		case may && idle && (was == "APPROVED" || unpaid):
			if code != 202 {
				d.note("refund by %q of a case whose payment is held: %d %v", m, code, errs[j])
			}
		case unpaid && (code == 202 || code == 409 && k.refused): // owed again, and under way, held or refused again
		case !may || was == "APPROVED" && !possible:
			if code < 400 || code >= 500 {
				d.note("refund by %q of a case that is %s: %d %v", m, was, code, errs[j])
			}
		case impossible && code >= 400 && code < 500:
		case code == 200 && errs[j] == nil:
			k.status, k.unpaid = "REFUNDED", false
		case code == 202 && was == "APPROVED" && (k.of.card || len(methods) > 1): // under way
		case code == 409 && was == "APPROVED" && k.refused: // the provider said no
		default:
			d.note("refund by %q of a case that is %s: %d %v", m, was, code, errs[j])
		}
	}
}

// look compares every case and order with the model. What is under way may
// have ended since.
func (d *desk) look() {
	d.Helper()
	list, err := d.person.Orders(d.Context())
	d.ok(err)
	for _, o := range d.orders {
		j := slices.IndexFunc(list, func(l client.Order) bool { return l.ID == o.id })
		switch {
		case j < 0:
			d.note("order %s is lost", o.id)
		case o.status == list[j].Status:
		case o.status == "QUEUED" && (list[j].Status == "COMPLETED" ||
			list[j].Status == "CANCELLED" && (o.refused || d.old(o.placed))):
			o.status = list[j].Status
		default:
			d.note("order %s was %s and is %s", o.id, o.status, list[j].Status)
		}
	}
	cases, err := d.staff.Cases(d.Context())
	d.ok(err)
	for _, k := range d.cases {
		j := slices.IndexFunc(cases, func(r client.Return) bool { return r.ID == k.id })
		if j < 0 {
			d.note("case %s is lost", k.id)
			continue
		}
		if cases[j].Status == "REFUNDED" && k.status == "APPROVED" && k.asked && !k.parked {
			k.status = "REFUNDED"
		}
		if cases[j].Status != k.status {
			d.note("case %s is %s; the model says %s", k.id, cases[j].Status, k.status)
		}
	}
}

// action is something that somebody does, after which all must agree.
type action struct {
	name string
	do   func(d *desk)
}

func (a action) String() string { return a.name }

func names[V any](m map[string]V) []any {
	var out []any
	for name := range m {
		out = append(out, name)
	}
	slices.SortFunc(out, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	return out
}

func genAction() gopter.Gen {
	buy := gopter.CombineGens(gen.IntRange(1, 4), gen.IntRange(0, 3)).Map(func(v []any) action {
		units, card := v[0].(int), v[1].(int) > 0
		return action{fmt.Sprintf("buy %d (card %t)", units, card), func(d *desk) { d.buy(units, card) }}
	})
	request := gopter.CombineGens(gen.IntRange(0, 5), gen.IntRange(1, 3)).Map(func(v []any) action {
		i, units := v[0].(int), v[1].(int)
		return action{fmt.Sprintf("request %d of order %d", units, i), func(d *desk) { d.request(i, units) }}
	})
	step := func(of map[string]func(d *desk, i, n int)) gopter.Gen {
		return gopter.CombineGens(
			gen.OneConstOf(names(of)...),
			gen.IntRange(0, 5),
			gen.IntRange(0, 2),
		).Map(
			func(v []any) action {
				name, i, n := v[0].(string), v[1].(int), v[2].(int)
				return action{fmt.Sprintf("%s case %d (%d)", name, i, n), func(d *desk) { of[name](d, i, n) }}
			},
		)
	}
	// What most of the others need to have anything to work on.
	sell := gopter.CombineGens(gen.IntRange(1, 4), gen.IntRange(0, 3), gen.IntRange(1, 3)).Map(func(v []any) action {
		units, card, back := v[0].(int), v[1].(int) > 0, v[2].(int)
		return action{
			fmt.Sprintf("buy %d (card %t), and %d come back and are accepted", units, card, min(back, units)),
			func(d *desk) {
				orders, cases := len(d.orders), len(d.cases)
				if d.buy(units, card); len(d.orders) > orders {
					d.request(orders, min(back, units))
				}
				if len(d.cases) > cases {
					money["take straight to the approval"](d, cases, 0)
				}
			},
		}
	})
	// Where the provider or a bank changes its mind about what came back.
	trouble := gopter.CombineGens(
		gen.IntRange(1, 4),
		gen.OneConstOf("is reversed", "is disputed", "is disputed behind our back"),
		gen.OneConstOf(names(deliveries)...),
	).Map(
		func(v []any) action {
			units, what, how := v[0].(int), v[1].(string), v[2].(string)
			return action{
				fmt.Sprintf("buy %d, and the refund of 1 %s, messages come %s", units, what, how),
				func(d *desk) {
					was, cases := d.fault, len(d.cases)
					d.set("")
					if d.buy(units, true); len(d.orders) > 0 {
						d.request(len(d.orders)-1, 1)
					}
					if len(d.cases) == cases {
						d.set(was)
						return
					}
					money["take straight to the approval"](d, cases, 0)
					if what == "is reversed" {
						d.set("takes refunds back later")
					} else {
						d.disputed(len(d.orders)-1, false)
					}
					if what == "is disputed" {
						d.deliver(how)
					}
					d.refund(cases, "CARD")
					d.set(was)
					d.deliver(how)
				},
			}
		},
	)
	fault := gen.OneConstOf(append(names(faults), "is well", "is well", "is well")...).Map(func(name string) action {
		return action{"the provider " + name, func(d *desk) {
			if name == "is well" {
				name = ""
			}
			d.set(name)
		}}
	})
	clock := gen.OneConstOf(time.Minute, 2*time.Hour, 25*time.Hour, 20*24*time.Hour).Map(func(by time.Duration) action {
		return action{by.String() + " pass", func(d *desk) { d.advance(by) }}
	})
	bank := gopter.CombineGens(
		gen.IntRange(0, 5),
		gen.OneConstOf("disputes", "asks about", "takes back", "has won", "gives up"),
	).Map(
		func(v []any) action {
			i, what := v[0].(int), v[1].(string)
			return action{fmt.Sprintf("the bank %s order %d", what, i), func(d *desk) {
				switch what {
				case "disputes", "asks about":
					d.disputed(i, what == "asks about")
				default:
					d.judged(
						i,
						map[string]string{"takes back": "won", "has won": "lost", "gives up": "prevented"}[what],
					)
				}
			}}
		},
	)
	post := gen.OneConstOf(names(deliveries)...).Map(func(how string) action {
		return action{"messages come " + how, func(d *desk) { d.deliver(how) }}
	})
	constant := func(name string, do func(d *desk)) gopter.Gen {
		return gen.Const(name).Map(func(string) action { return action{name, do} })
	}
	return gen.Frequency(map[int]gopter.Gen{
		4: gen.Frequency(map[int]gopter.Gen{3: fault, 2: constant("the workers work", (*desk).work)}),
		6: sell, 3: buy, 5: request, 12: step(goods), 16: step(money),
		2: clock, 7: gen.Frequency(map[int]gopter.Gen{3: bank, 4: post, 2: trouble}),
		1: constant("restart", (*desk).restart),
	})
}
