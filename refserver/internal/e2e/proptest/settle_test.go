package proptest

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/e2e/invariants"
	"github.com/returnkit/returnkit/refunds"
)

// run does one action after another and returns what was wrong after the first
// one that went wrong, or at the end.
func (d *desk) run(list []action) []string {
	d.Helper()
	for i, a := range list {
		a.do(d)
		d.look()
		if len(d.wrong) > 0 {
			return append([]string{"after action " + strconv.Itoa(i+1) + ", " + a.name}, d.wrong...)
		}
	}
	d.settle()
	d.compare()
	return d.wrong
}

// settle has the provider be well and the workers work until nothing is under
// way. Two hours are more than the longest wait for a definite answer, and
// short beside the age of a key.
func (d *desk) settle() {
	d.Helper()
	d.set("")
	d.work()
	d.deliver("in order")
	d.look()
	for i, o := range d.orders {
		if o.page && !o.paid && o.status == "QUEUED" {
			d.payLater([]string{"pay", "cancel"}[i%2])
			d.look()
		}
	}
	if len(d.sales) > 0 {
		d.advance(11 * time.Minute) // longer than a reservation holds its units
		d.work()
	}
	for wait := time.Second; wait < time.Hour; wait *= 2 {
		d.work()
		d.deliver("in order")
		if d.quiet() {
			d.work() // delivers what the last settled
			d.deliver("in order")
			d.work()
			break
		}
		d.advance(wait)
	}
	for range 3 {
		if d.quiet() {
			break
		}
		d.advance(20 * time.Minute)
		d.work()
		d.deliver("in order")
	}
	if n := len(d.letters); n > 0 {
		d.note("%d messages of the provider were never taken", n)
	}
}

// compare holds what is left against the model, and audits it.
func (d *desk) compare() {
	d.Helper()
	d.look()
	stock, toCards, credit := map[*product]int{}, int64(0), d.gifts
	for _, o := range d.orders {
		if o.status == "QUEUED" && !d.old(o.placed) {
			d.note("order %s is still queued", o.id)
		}
		if o.status != "CANCELLED" {
			credit -= o.credit
			for _, l := range o.lines {
				stock[l.product] -= l.units
			}
		}
		s := d.given(o, stock)
		toCards += s.cards
		credit += s.credit
		if !s.open && !o.outside {
			d.compareAmount(o, s)
		}
	}
	for _, p := range d.products {
		if got, err := d.staff.Stock(d.Context(), p.id); err != nil || got != initialStock+stock[p] {
			d.note("stock of product %d is %d, the model says %d, %v", p.id, got, initialStock+stock[p], err)
		}
	}
	if have := d.credit(); have != credit {
		d.note("the customer has %d of store credit, the model says %d", have, credit)
	}
	if list, n, err := d.shop.Discrepancies.Open(d.Context(), 10); err != nil || n > 0 {
		d.note("%d alarms: %+v, %v", n, list, err)
	}
	d.audit(toCards)
}

// audit holds the shop against the provider's ledger, in the provider's unit.
func (d *desk) audit(toCards int64) {
	d.Helper()
	data, err := json.Marshal(d.sim.Ledger())
	d.ok(err)
	var ledger client.Ledger
	d.ok(json.Unmarshal(data, &ledger))
	for _, r := range ledger.Refunds {
		if r.Status == "succeeded" && !r.Outside {
			toCards -= d.fromUnit(r.Amount)
		}
	}
	if toCards != 0 {
		d.note("the cases were paid %d more to cards than the provider paid", toCards)
	}
	found, err := invariants.Check(d.Context(), d.shop.DB, ledger)
	d.ok(err)
	d.wrong = append(d.wrong, found...)
}

// fromUnit is an amount of the provider's in our minor units: it writes UGX with two
// decimals more than there are.
func (d *desk) fromUnit(amount int64) int64 {
	if d.opening.currency == "UGX" {
		return amount / 100
	}
	return amount
}

// sums are what was given back of an order.
type sums struct {
	back, cards, credit int64 // all that its cases that have ended were paid, and by method
	units               map[*line]int
	open                bool // a case of it has not ended
}

// given sums what the cases of an order were paid, and puts their units back on the shelf.
func (d *desk) given(o *order, stock map[*product]int) sums {
	d.Helper()
	s := sums{units: map[*line]int{}}
	for _, k := range d.cases {
		if k.of != o {
			continue
		}
		d.tasks(k)
		r, err := d.staff.Case(d.Context(), k.id)
		d.ok(err)
		if k.status == "REFUNDED" || k.status == "APPROVED" && policies[o.terms].inspection {
			stock[k.line.product] += k.accepted
		}
		paid := int64(0)
		if r.Refund != nil {
			for _, leg := range r.Refund.Legs {
				if leg.Status != "COMPLETED" {
					continue
				}
				amount := d.minor(leg.Amount)
				paid += amount
				switch leg.Method {
				case "CARD":
					s.cards += amount
				case "STORE_CREDIT":
					s.credit += amount
				}
			}
		}
		switch {
		case k.status == "REFUNDED" && r.Refund.Status == "COMPLETED":
			s.units[k.line] += k.accepted
			if s.back += paid; paid != d.minor(r.Refund.Amount) {
				d.note("case %s was paid %d in parts: %+v", k.id, paid, r.Refund)
			}
		case k.status == "REFUNDED":
			s.open = true
			if !o.outside && (!k.unpaid || r.Refund.Status == "FAILED" && !k.refused) {
				d.note("case %s is refunded and the customer has nothing: %+v", k.id, r.Refund)
			}
		case k.status == "APPROVED" && k.asked:
			s.open = true
			if !k.refused && !d.old(k.since) && !o.held() && !o.outside {
				d.note("case %s was never refunded: %+v", k.id, r.Refund)
			}
		}
	}
	return s
}

// compareAmount holds what an order gave back against the floor law and the fees of its
// policy. Where another refund of the order was in the way, only the sum of all of them is
// known exactly. What the provider can't carry of a payment joins its next refund.
func (d *desk) compareAmount(o *order, s sums) {
	d.Helper()
	got, err := d.shop.Orders.Order(d.Context(), o.id)
	d.ok(err)
	list, _, err := d.shop.Refunds.List(
		d.Context(), refunds.Query{OrderID: o.id, Status: []refunds.Status{refunds.StatusSucceeded}})
	d.ok(err)
	worth, price, fees, all := int64(0), int64(0), int64(0), true
	for i, l := range got.Lines {
		units, of := int64(s.units[o.lines[i]]), int64(l.Quantity)
		worth += l.Paid.Price*units/of + l.Paid.Duty*units/of + l.Paid.Shipping*units/of
		price += l.Paid.Price * units / of
		all = all && units == of
	}
	for _, r := range list {
		fees += r.Quote.FeesSum
	}
	allowed := (price*policies[o.terms].percent + 50) / 100
	if policies[o.terms].fixed > 0 {
		allowed += int64(len(list)) * d.minor(json.Number(currencies[d.opening.currency].fee))
	}
	if fees > allowed+int64(len(list)) {
		d.note("order %s: fees of %d, and the policy takes %d at most", o.id, fees, allowed)
	}
	carried := worth - fees - s.back
	step := currencies[d.opening.currency].step
	if limit := step - 1; carried < 0 || all && carried != 0 || carried > limit || carried > 0 && !o.card {
		d.note("order %s: %d paid back of %d, less %d fees", o.id, s.back, worth, fees)
	}
}
