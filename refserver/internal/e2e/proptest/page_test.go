package proptest

import (
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
)

// declinedCard is a card that the bank declines.
const declinedCard = "4000000000000002"

// atPage does what a customer does on the provider's page of an order: they pay and come
// back, pay and leave, pay after a card that was declined, or leave at once.
func (d *desk) atPage(o *order, what string) {
	d.Helper()
	paying, err := d.shop.Orders.Order(d.Context(), o.id)
	d.ok(err)
	page := paying.PayAt(d.now())
	if what == "leave" || page == "" {
		d.did["provider's page left"]++
		return
	}
	if what == "decline" {
		back, err := d.person.PayOnPage(d.Context(), page, declinedCard)
		if err == nil && back != "" {
			d.note("the card that is declined paid order %s", o.id)
		}
		d.did["card declined on the provider's page"]++
	}
	back, err := d.person.PayOnPage(d.Context(), page, client.GoodCard)
	if err != nil || back == "" {
		if d.fault == "" {
			d.note("the page of order %s takes no card: %v", o.id, err)
		}
		return
	}
	o.paid = true
	d.did["paid on the provider's page"]++
	if what != "pay" && what != "decline" {
		return
	}
	ctx, cancel := d.impatient()
	defer cancel()
	a, err := d.person.ComeBack(ctx, back)
	if err == nil && a.Status != 303 && d.fault == "" {
		d.note("coming back to %s: %d %.200s", back, a.Status, a.Body)
	}
	list, err := d.person.Orders(d.Context())
	d.ok(err)
	o.status = list[0].Status // a look-up that was too slow is made again later
	if o.status == "COMPLETED" {
		d.did["settled on the way back"]++
	}
}

// payLater pays the first order that waits on the provider's page.
func (d *desk) payLater(what string) {
	d.Helper()
	for _, o := range d.orders {
		if !o.page || o.paid || o.status != "QUEUED" {
			continue
		}
		if what != "cancel" {
			d.atPage(o, "pay and leave")
			return
		}
		a, err := d.person.Form(d.Context(), "/orders/"+o.id+"/cancel", nil)
		d.ok(err)
		if a.Status != 302 && a.Status != 303 && d.fault == "" {
			d.note("order %s could not be canceled: %d %.200s", o.id, a.Status, a.Body)
		}
		d.did["order canceled that waited on the page"]++
		return
	}
}

// refundedThere refunds an order on the provider's own pages: all that is left of it, or a
// part of it.
func (d *desk) refundedThere(i int, whole bool) {
	d.Helper()
	if len(d.orders) == 0 {
		return
	}
	o := d.orders[i%len(d.orders)]
	if !o.card || o.status != "COMPLETED" {
		return
	}
	paid, err := d.shop.Orders.Order(d.Context(), o.id)
	d.ok(err)
	p := paysim.RefundParams{PaymentIntent: paid.Payment.ProviderID}
	if !whole {
		p.AmountMinor = currencies[d.opening.currency].outside
	}
	r, err := d.sim.RefundOutside(p)
	if err != nil {
		return // it is given back already, or disputed
	}
	o.outside = true
	d.outside = append(d.outside, r.ID)
	d.did["refund on the provider's pages"]++
}

// sentBack has the bank send back what was refunded on the provider's own pages.
func (d *desk) sentBack() {
	d.Helper()
	if len(d.outside) == 0 {
		return
	}
	_, err := d.sim.SettleRefund(d.outside[0], "failed", "")
	d.ok(err)
	d.outside = d.outside[1:]
	d.did["refund of others that came back"]++
}
