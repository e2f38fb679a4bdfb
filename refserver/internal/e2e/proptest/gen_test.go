package proptest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
)

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
	buy := genBasket().Map(func(b basket) action { return action{b.String(), func(d *desk) { d.order(b) }} })
	request := gopter.CombineGens(gen.IntRange(0, 5), gen.IntRange(1, 3)).Map(func(v []any) action {
		i, units := v[0].(int), v[1].(int)
		return action{fmt.Sprintf("request %d of order %d", units, i), func(d *desk) { d.request(i, units) }}
	})
	step := func(of map[string]func(d *desk, i, n int)) gopter.Gen {
		return gopter.CombineGens(gen.OneConstOf(names(of)...), gen.IntRange(0, 5), gen.IntRange(0, 2)).Map(
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
					payouts["take straight to the approval"](d, cases, 0)
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
					payouts["take straight to the approval"](d, cases, 0)
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
		9: genMarket(), 7: genStory(),
		4: gen.Frequency(map[int]gopter.Gen{3: fault, 2: constant("the workers work", (*desk).work)}),
		6: sell, 8: buy, 5: request, 12: step(goods), 16: step(payouts),
		2: clock, 10: gen.Frequency(map[int]gopter.Gen{3: bank, 4: post, 2: trouble}),
		1: constant("restart", (*desk).restart),
	})
}
