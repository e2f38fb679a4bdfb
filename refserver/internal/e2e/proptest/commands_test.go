package proptest

import (
	"slices"
	"sync"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
)

// advance moves the clock.
func (d *desk) advance(by time.Duration) { d.offset.Add(int64(by)) }

func (d *desk) emptyCart() {
	d.Helper()
	_, err := d.person.Form(d.Context(), "/cancel_sale", nil)
	d.ok(err)
}

// returnable says that something of the order may be returned, by the policy it is bound to: the
// last day counts to its end.
func (d *desk) returnable(o *order) bool {
	day := o.placed.UTC().Truncate(24 * time.Hour)
	return d.now().UTC().Before(day.AddDate(0, 0, policies[o.terms].window+1))
}

func (d *desk) request(i, units int) {
	d.Helper()
	if len(d.orders) == 0 {
		return
	}
	o := d.orders[i%len(d.orders)]
	l := o.lines[i%len(o.lines)]
	if o.status == "QUEUED" {
		return // it may complete at any moment
	}
	may := o.status == "COMPLETED" && units <= l.units-l.claimed && units <= policies[o.terms].units && d.returnable(o)
	r, err := d.person.RequestReturn(d.Context(), o.id, l.id, units)
	if may != (err == nil) || err != nil && client.StatusOf(err) != 400 {
		d.note("asking for %d of %d units, %d claimed, status %s: %v", units, l.units, l.claimed, o.status, err)
	}
	if err == nil {
		l.claimed += units
		d.cases = append(d.cases, &kase{id: r.ID, of: o, line: l, units: units, status: "PENDING_AUTHORIZATION"})
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

func (k *kase) release() { k.line.claimed -= k.units - k.accepted }

func (d *desk) decided(result string, accepted int) func(k *kase) error {
	return func(k *kase) error {
		fields := map[string]any{"result": result, "inspected_by": "clerk"}
		if result == "PARTIALLY_APPROVED" {
			fields["lines"] = []map[string]any{
				{"sale_item_id": k.line.id, "accepted": accepted, "disposition": "restock"},
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

// payouts are the actions that bring a case to its money, by name.
var payouts = map[string]func(d *desk, i, n int){
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
