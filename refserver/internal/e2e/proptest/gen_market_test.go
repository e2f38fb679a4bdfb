package proptest

import (
	"fmt"

	"github.com/leanovate/gopter"
	"github.com/leanovate/gopter/gen"
)

func genOpening() gopter.Gen {
	return gopter.CombineGens(gen.OneConstOf("USD", "USD", "JPY", "KWD", "UGX"), gen.IntRange(0, 2)).Map(
		func(v []any) opening { return opening{v[0].(string), v[1].(int) == 0} },
	)
}

func genBasket() gopter.Gen {
	return gopter.CombineGens(
		gen.IntRange(0, 2), gen.IntRange(1, 4), gen.IntRange(0, 4), gen.IntRange(1, 3), // the second product, or none
		gen.OneConstOf("", "", "all", "some", "some", "too much"), gen.IntRange(0, 3),
		gen.OneConstOf("", "", "", rises, falls, ends, adds, twice, replays),
		gen.OneConstOf("pay", "pay and leave", "decline", "leave"),
	).Map(func(v []any) basket {
		b := basket{
			picks: []pick{{v[0].(int), v[1].(int)}}, credit: v[4].(string), card: v[5].(int) > 0,
			between: v[6].(string), page: v[7].(string),
		}
		if second := v[2].(int); second < 3 && second != b.picks[0].product {
			b.picks = append(b.picks, pick{second, v[3].(int)})
		}
		return b
	})
}

// genMarket are the things that staff, customers and others do beside orders and returns.
func genMarket() gopter.Gen {
	return gopter.CombineGens(
		gen.OneConstOf("gift", "gift", "sale", "sale", "reserve", "price", "policy", "page", "outside", "outside",
			"back", "less", "less"),
		gen.IntRange(0, 5), gen.IntRange(0, 2),
	).Map(func(v []any) action {
		what, i, n := v[0].(string), v[1].(int), v[2].(int)
		switch what {
		case "gift":
			return action{"store credit is given", (*desk).gift}
		case "sale":
			percent, units := 30+20*(i%2), []int{0, 3, 5}[n]
			return action{
				fmt.Sprintf("a flash sale of product %d, %d %%, cap %d", n, percent, units),
				func(d *desk) { d.sale(n, percent, units) },
			}
		case "reserve":
			return action{fmt.Sprintf("reserve %d of product %d", i+1, n), func(d *desk) { d.reserve(n, i+1) }}
		case "price":
			return action{fmt.Sprintf("product %d costs %d %%", n, 60+20*i), func(d *desk) {
				d.reprice(d.products[n], 60+20*i)
			}}
		case "policy":
			return action{fmt.Sprintf("policy %d is published", n), func(d *desk) { d.publish(n) }}
		case "page":
			how := []string{"pay", "pay", "cancel"}[n]
			return action{"the customer goes to the provider's page again: " + how, func(d *desk) { d.payLater(how) }}
		case "outside":
			return action{fmt.Sprintf("order %d is refunded there (whole %t)", i, n == 0), func(d *desk) {
				d.refundedThere(i, n == 0)
			}}
		case "back":
			return action{"what was refunded there comes back", (*desk).sentBack}
		}
		return action{fmt.Sprintf("refund case %d less what others gave", i), func(d *desk) {
			if len(d.cases) > 0 && d.cases[i%len(d.cases)].of.outside {
				d.refund(i, lessOutside)
			}
		}}
	})
}

// genStory are purchases with all that follows, which chance alone seldom puts together.
func genStory() gopter.Gen {
	return gopter.CombineGens(
		gen.OneConstOf("parts", "parts", "there", "sale", "nothing"),
		gen.IntRange(0, 3), gen.IntRange(0, 3), gen.IntRange(0, 2),
		gen.OneConstOf("", "", "CARD", "CASH", "STORE_CREDIT"), gen.OneConstOf("some", "some", "all"),
	).Map(func(v []any) action {
		what, units, n, product := v[0].(string), v[1].(int)+1, v[2].(int), v[3].(int)
		method, credit := v[4].(string), v[5].(string)
		switch what {
		case "there":
			return action{
				fmt.Sprintf("buy %d, of which 1 comes back and is refunded there (whole %t), and then here by %q",
					units, n > 0, method),
				func(d *desk) { d.refundedTwice(units, n, method) },
			}
		case "nothing":
			return action{
				fmt.Sprintf("buy %d, and 1 comes back of which nothing is accepted", units),
				func(d *desk) { d.refused(units) },
			}
		case "sale":
			return action{
				fmt.Sprintf("a flash sale of product %d, cap 3: reserve %d, and buy %d", product, n, units),
				func(d *desk) {
					d.sale(product, 30, 3)
					d.reserve(product, n)
					d.order(basket{
						picks: []pick{{product, units}}, card: product < 2, page: "pay",
						between: []string{ends, "", "", adds}[n],
					})
				},
			}
		}
		return action{
			fmt.Sprintf("buy %d with store credit (%s, card %t), all come back and are refunded by %q",
				units, credit, n > 0, method),
			func(d *desk) { d.refundedInParts(units, credit, n > 0, method) },
		}
	})
}

// approved makes sure of an approved case of an order, and returns its place; -1: there is none.
func (d *desk) approved(units int, order func()) int {
	d.Helper()
	orders, cases := len(d.orders), len(d.cases)
	if order(); len(d.orders) > orders {
		d.request(orders, min(units, policies[d.terms].units))
	}
	if len(d.cases) == cases {
		return -1
	}
	payouts["take straight to the approval"](d, cases, 0)
	return cases
}

// refundedInParts buys with store credit and another payment, and refunds it.
func (d *desk) refundedInParts(units int, credit string, card bool, method string) {
	d.Helper()
	if len(d.orders) == 0 {
		d.buy(1, false) // by which the customer is known
	}
	d.gift()
	i := d.approved(units, func() {
		d.order(basket{picks: []pick{{0, units}}, credit: credit, card: card, page: "pay"})
	})
	if i >= 0 {
		d.refund(i, method)
	}
}

// refundedTwice has somebody refund an order on the provider's own pages before staff do
// it here; the bank sends it back where n is 3.
func (d *desk) refundedTwice(units, n int, method string) {
	d.Helper()
	was := d.fault
	d.set("")
	if i := d.approved(1, func() { d.buy(units, true) }); i >= 0 {
		d.refundedThere(len(d.orders)-1, n > 0)
		d.deliver("in order")
		d.set(was)
		d.refund(i, method)
		if n == 3 {
			d.sentBack()
			d.deliver("backwards")
		}
		d.refund(i, lessOutside)
	}
	d.set(was)
}

// refused buys, and has a unit come back of which nothing is accepted.
func (d *desk) refused(units int) {
	d.Helper()
	orders, cases := len(d.orders), len(d.cases)
	if d.buy(units, false); len(d.orders) > orders {
		d.request(orders, 1)
	}
	if len(d.cases) > cases {
		for _, step := range []string{"authorise", "receive", "accept nothing of"} {
			goods[step](d, cases, 0)
		}
	}
}
