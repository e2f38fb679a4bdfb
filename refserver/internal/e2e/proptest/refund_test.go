package proptest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
)

// askRefunds asks for the refund of a case by each of the methods at once.
func (d *desk) askRefunds(ctx context.Context, k *kase, methods []string) (codes []int, errs []error) {
	codes, errs = make([]int, len(methods)), make([]error, len(methods))
	var all sync.WaitGroup
	for j, m := range methods {
		all.Go(func() {
			var r client.Return
			if m == lessOutside {
				r, codes[j], errs[j] = d.staff.RefundLess(ctx, k.id, "STORE_CREDIT")
			} else {
				r, codes[j], errs[j] = d.staff.Refund(ctx, k.id, m)
			}
			if codes[j] == 200 && (r.Refund == nil || r.Refund.Status != "COMPLETED") {
				errs[j] = fmt.Errorf("paid, and the refund is %+v", r.Refund)
			}
		})
	}
	all.Wait()
	return codes, errs
}

// lessOutside stands for store credit, less what others gave back.
const lessOutside = "LESS"

// refundParts is refund of an order that is not certain: several payments give it back, each
// its part, or others gave some of it. What is answered is one of a few things; what all of
// it comes to is compared in the end.
func (d *desk) refundParts(k *kase, methods ...string) {
	d.Helper()
	may, undisturbed := k.status == "APPROVED" || k.status == "REFUNDED", d.undisturbed(k)
	ctx, cancel := d.impatient()
	defer cancel()
	codes, errs := d.askRefunds(ctx, k, methods)
	for j, m := range methods {
		code := codes[j]
		switch {
		case code == 0 && ctx.Err() != nil: // nobody waited for the answer
			d.asked(k)
		case !may && (code < 400 || code >= 500), code < 200, code >= 500, errs[j] != nil && code < 400:
			d.note("refund by %q of a case of several payments that is %s: %d %v", m, k.status, code, errs[j])
		case code == 200:
			d.asked(k)
			k.status, k.unpaid = "REFUNDED", false
			if k.of.split() {
				d.did["refund of several payments"]++
			}
			if m == lessOutside {
				d.did["refund less what others gave"]++
			}
		case code == 202:
			d.asked(k)
		case undisturbed && len(methods) == 1 && m != "CARD":
			d.note("refund by %q of an order that several paid: %d %v", m, code, errs[j])
		}
	}
	d.remember()
}

// undisturbed says that nothing is, or was, in the way of a case's refund.
func (d *desk) undisturbed(k *kase) bool {
	return d.fault == "" && (k.status == "APPROVED" || k.status == "REFUNDED") && !k.of.outside && !k.of.held() &&
		!k.of.stopped() && !k.refused && !k.unpaid && !slices.ContainsFunc(d.cases, func(other *kase) bool {
		return other.of == k.of && (other.refused || other.unpaid)
	})
}

// asked notes that a refund of the case was opened, or may have been.
func (d *desk) asked(k *kase) {
	if !k.asked && (k.status == "APPROVED" || k.status == "REFUNDED") {
		k.asked, k.since, k.parked = true, d.now(), k.of.held()
	}
	d.remember()
}

// mayBe says that an order that was queued may have come to a status.
func (o *order) mayBe(status string, old bool) bool {
	if o.page {
		return status == "COMPLETED" && o.paid || status == "CANCELLED" && !o.paid
	}
	return status == "COMPLETED" || status == "CANCELLED" && (o.refused || old)
}

// refund asks for the refund of a case by each of the methods, all at once.
func (d *desk) refund(i int, methods ...string) {
	d.Helper()
	if len(d.cases) == 0 {
		return
	}
	k := d.cases[i%len(d.cases)]
	if !k.of.certain() {
		d.refundParts(k, methods...)
		return
	}
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
	codes, errs := d.askRefunds(ctx, k, methods)
	for j, m := range methods {
		code, impossible := codes[j], m == "CARD" && !k.of.card
		switch {
		case code == 0 && ctx.Err() != nil: // nobody waited for the answer
			k.left = true
		case may && idle && (was == "APPROVED" || unpaid):
			// A dispute that was lost has given the payment back: nothing is left for a new refund.
			none := code == 409 && k.of.lost() && strings.Contains(fmt.Sprint(errs[j]), "BALANCE")
			if code != 202 && !none {
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
		case code == 202 && was == "APPROVED" && (k.of.card || k.left || len(methods) > 1): // under way
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
		case o.status == "QUEUED" && o.mayBe(list[j].Status, d.old(o.placed)):
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
		if cases[j].Status == "REFUNDED" && k.status == "APPROVED" && k.asked &&
			!(k.parked && k.of.certain()) {
			k.status = "REFUNDED"
		}
		if cases[j].Status != k.status {
			d.note("case %s is %s; the model says %s", k.id, cases[j].Status, k.status)
		}
	}
}
