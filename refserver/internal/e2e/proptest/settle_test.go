package proptest

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/e2e/invariants"
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
	stock, toCards := initialStock, int64(0)
	for _, o := range d.orders {
		if o.status == "QUEUED" && !d.old(o.placed) {
			d.note("order %s is still queued", o.id)
		}
		if o.status != "CANCELLED" {
			stock -= o.units
		}
		back, units, open := int64(0), 0, false
		for _, k := range d.cases {
			if k.of != o {
				continue
			}
			d.tasks(k)
			r, err := d.staff.Case(d.Context(), k.id)
			d.ok(err)
			if k.status == "REFUNDED" {
				stock += k.accepted
			}
			switch {
			case k.status == "REFUNDED" && r.Refund.Status == "COMPLETED":
				units += k.accepted
				back += minor(r.Refund.Amount)
				if r.Refund.Method == "CARD" {
					toCards += minor(r.Refund.Amount)
				}
			case k.status == "REFUNDED":
				open = true
				if !k.unpaid || r.Refund.Status == "FAILED" && !k.refused {
					d.note("case %s is refunded and the customer has nothing: %+v", k.id, r.Refund)
				}
			case k.status == "APPROVED" && k.asked:
				open = true
				if !k.refused && !d.old(k.since) && !k.of.held() {
					d.note("case %s was never refunded: %+v", k.id, r.Refund)
				}
			}
		}
		// Where another refund of the order was in the way, only the sum of all
		// of them is known exactly.
		if paid := d.paidFor(o, units); !open && back != paid {
			d.note("order %s: %d paid back for %d of %d units, want %d", o.id, back, units, o.units, paid)
		}
	}
	if got, err := d.staff.Stock(d.Context(), d.product); err != nil || got != stock {
		d.note("stock %d, the model says %d, %v", got, stock, err)
	}
	if list, n, err := d.shop.Discrepancies.Open(d.Context(), 10); err != nil || n > 0 {
		d.note("%d alarms: %+v, %v", n, list, err)
	}
	data, err := json.Marshal(d.sim.Ledger())
	d.ok(err)
	var ledger client.Ledger
	d.ok(json.Unmarshal(data, &ledger))
	for _, r := range ledger.Refunds {
		if r.Status == "succeeded" {
			toCards -= r.Amount
		}
	}
	if toCards != 0 {
		d.note("the cases were paid %d more to cards than the provider paid", toCards)
	}
	found, err := invariants.Check(d.Context(), d.shop.DB, ledger)
	d.ok(err)
	d.wrong = append(d.wrong, found...)
}

// paidFor is what units of an order are worth by the floor law.
func (d *desk) paidFor(o *order, units int) int64 {
	d.Helper()
	got, err := d.shop.Orders.Order(d.Context(), o.id)
	d.ok(err)
	sum := int64(0)
	for _, c := range []int64{got.Lines[0].Paid.Price, got.Lines[0].Paid.Duty, got.Lines[0].Paid.Shipping} {
		sum += c * int64(units) / int64(o.units)
	}
	return sum
}

// minor are the minor units of an amount in USD, as the shop writes it.
func minor(amount json.Number) int64 {
	n, err := strconv.ParseInt(strings.Replace(amount.String(), ".", "", 1), 10, 64)
	if err != nil || !strings.Contains(amount.String(), ".") {
		return -1
	}
	return n
}
