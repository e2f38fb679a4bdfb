package proptest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
)

// pick is what is put into the cart of one product.
type pick struct{ product, units int }

// basket is a purchase: what is bought, how it is paid, and what happens between the
// customer's look at the cart and the order.
type basket struct {
	picks   []pick
	credit  string // that pays first: all, some, too much, or nothing
	card    bool   // pays the rest; else cash does
	between string
	page    string // what the customer does on the provider's page, where there is one
}

func (b basket) String() string {
	text := fmt.Sprintf("buy %v (card %t", b.picks, b.card)
	for what, said := range map[string]string{"credit": b.credit, "meanwhile": b.between, "page": b.page} {
		if said != "" {
			text += ", " + what + " " + said
		}
	}
	return text + ")"
}

// The things that happen between the look at the cart and the order.
const (
	rises   = "the price rises"
	falls   = "the price falls"
	ends    = "the sale ends"
	adds    = "another tab adds a unit"
	twice   = "both tabs order at once"
	replays = "it is sent again afterwards"
)

// buy buys units of the first product.
func (d *desk) buy(units int, card bool) {
	d.order(basket{picks: []pick{{0, units}}, card: card, page: "pay"})
}

// order fills the cart, looks at it, and orders what was shown.
func (d *desk) order(b basket) {
	d.Helper()
	d.emptyCart() // an order that was canceled gives its cart back
	for _, p := range b.picks {
		d.ok(d.person.AddToCart(d.Context(), d.products[p.product].id, p.units))
	}
	form, err := d.person.CartForm(d.Context())
	d.ok(err)
	shown := form.Get("total")
	d.happens(b)
	now, err := d.person.CartForm(d.Context())
	d.ok(err)
	for name, value := range client.CardFields(b.card) {
		form[name] = value
	}
	if b.card && d.opening.hosted {
		form = without(form, "card_number", "card_exp_date", "card_type")
	}
	have := d.credit()
	total := d.minor(json.Number(now.Get("total")))
	part := d.pays(b.credit, have, total)
	if b.credit == "all" {
		form.Set("store_credit", "all")
	} else if part > 0 {
		form.Set("store_credit", d.amount(part))
	}
	known, _ := d.newest()
	a := d.send(form, b.between == twice)
	if d.minor(json.Number(now.Get("total"))) > d.minor(json.Number(shown)) {
		d.mustAskAgain(a, known)
		form.Set("total", now.Get("total"))
		a = d.send(form, false)
	}
	d.ordered(b, a, total, have, part, known, form)
}

func without(form url.Values, names ...string) url.Values {
	for _, name := range names {
		form.Del(name)
	}
	return form
}

// pays is how much store credit the customer asks to pay first.
func (d *desk) pays(credit string, have, total int64) int64 {
	switch credit {
	case "all":
		return min(have, total)
	case "some":
		return min(have, total) / 3
	case "too much":
		return have + 1
	}
	return 0
}

// happens does what is done between the look and the order.
func (d *desk) happens(b basket) {
	d.Helper()
	p := d.products[b.picks[0].product]
	switch b.between {
	case rises:
		d.reprice(p, p.level%200+20)
	case falls:
		d.reprice(p, max(40, p.level-20))
	case ends:
		if f := d.onSale(p); f != nil {
			d.ok(d.staff.EndSale(d.Context(), f.ID))
			d.did["flash sale ended while somebody looked"]++
		}
	case adds:
		d.ok(d.person.AddToCart(d.Context(), p.id, 1))
	}
}

// newest is the id of the customer's newest order, and its status.
func (d *desk) newest() (id, status string) {
	d.Helper()
	list, err := d.person.Orders(d.Context())
	d.ok(err)
	if len(list) == 0 {
		return "", ""
	}
	return list[0].ID, list[0].Status
}

// send sends the form; from two tabs at once where both is set, of which no two orders may
// come.
func (d *desk) send(form url.Values, both bool) client.Response {
	d.Helper()
	answers := make([]client.Response, 1)
	if both {
		answers = make([]client.Response, 2)
	}
	var tabs sync.WaitGroup
	for i := range answers {
		tabs.Go(func() {
			var err error
			if answers[i], err = d.person.Order(d.Context(), form, ""); err != nil {
				answers[i].Status = -1
			}
		})
	}
	tabs.Wait()
	for _, a := range answers {
		if a.Status < 0 || a.Status >= 500 {
			d.note("ordering: %d %.200s", a.Status, a.Body)
		}
	}
	slices.SortFunc(answers, func(a, b client.Response) int { return a.Status - b.Status })
	return answers[0]
}

// mustAskAgain: the cart has come to cost more than the customer saw.
func (d *desk) mustAskAgain(a client.Response, known string) {
	d.Helper()
	var body struct{ Code string }
	_ = json.Unmarshal(a.Body, &body)
	if now, _ := d.newest(); a.Status != 409 || body.Code != "PRICE_CHANGED" || now != known {
		d.note("an order of more than was shown: %d %.300s", a.Status, a.Body)
		return
	}
	d.did["price asked again"]++
}

// chargeable says that the provider can charge an amount.
func (d *desk) chargeable(amount int64) bool { return d.canCharge(amount, amount) }

// canCharge says that the provider can charge an amount from least to limit.
func (d *desk) canCharge(least, limit int64) bool {
	c := currencies[d.opening.currency]
	return least == 0 || limit >= c.least && limit-limit%c.step >= least
}

// leastKnown says that the shop knows the least charge: the provider gives none for the
// currencies that it converts.
func (d *desk) leastKnown() bool { return d.opening.currency == "USD" || d.opening.currency == "JPY" }

// ordered compares the answer to an order with what the model says.
func (d *desk) ordered(b basket, a client.Response, total, have, part int64, known string, form url.Values) {
	d.Helper()
	placed, part := a.Status == 200 || a.Status == 303, min(part, total)
	id, status := d.newest()
	if declined := a.Status == 402 && status == "CANCELLED"; placed != (id != known) && !declined {
		d.note("%v: %d, and the newest order is %q, was %q", b, a.Status, id, known)
		return
	}
	switch {
	case placed && part > have:
		d.note("%v: %d of store credit paid, and there were %d", b, part, have)
	case placed:
		d.accepted(b, total, have, part)
		d.sentAgain(b, form, id)
		return
	case a.Status == 402 && b.card && refuses(d.fault):
	case a.Status == 402 && b.card && total-part < currencies[d.opening.currency].least &&
		(part == 0 || !d.leastKnown()):
		d.did["amount refused that no card can pay"]++ // by the provider; the order is canceled
	case a.Status == 409 && part > have:
		d.did["more store credit refused than there is"]++
	case a.Status == 400 && b.card && !d.canCharge(total-part, total) &&
		strings.Contains(string(a.Body), "NOT_CHARGEABLE"):
		d.did["amount refused that no card can pay"]++
	default:
		d.note("%v of %d with %d store credit: %d %.300s", b, total, have, a.Status, a.Body)
	}
	d.emptyCart()
}

// sentAgain sends the form of an order that is placed, of which no other may come.
func (d *desk) sentAgain(b basket, form url.Values, id string) {
	d.Helper()
	if b.between == replays {
		if a := d.send(form, false); a.Status >= 400 && !(a.Status == 402 && refuses(d.fault)) {
			d.note("%v was sent again: %d %.200s", b, a.Status, a.Body)
		}
	}
	if now, _ := d.newest(); now != id {
		d.note("%v made order %s, and then %s", b, id, now)
	}
	if b.between == replays || b.between == twice {
		d.did["sent twice and ordered once"]++
	}
}

// accepted takes the newest order into the model.
func (d *desk) accepted(b basket, total, have, part int64) {
	d.Helper()
	list, err := d.person.Orders(d.Context())
	d.ok(err)
	got := list[0]
	o := &order{
		id: got.ID, total: d.minor(got.Total), placed: d.now(), status: got.Status, terms: d.terms,
		holds: map[string]bool{},
	}
	rest := int64(0)
	for _, p := range got.Payments {
		if p.Method == "STORE_CREDIT" {
			o.credit = d.minor(p.Amount)
		} else {
			rest, o.card = d.minor(p.Amount), p.Method == "CARD" && d.minor(p.Amount) > 0
		}
	}
	if o.total != total || o.credit+rest != total || got.Currency != d.opening.currency ||
		rest > 0 && o.card != b.card || o.credit > part ||
		b.credit != "" && o.credit < part && (!o.card || d.chargeable(total-part)) {
		d.note("%v of %d with %d of %d store credit is %+v", b, total, part, have, got)
	}
	if o.card && !d.chargeable(rest) {
		// The provider's word for it is still to come.
		if o.refused = true; o.status != "QUEUED" || part > 0 && d.leastKnown() {
			d.note("%v is %s, and no card can be charged %d", b, o.status, rest)
		}
	}
	units := map[int64]int{}
	for _, item := range got.Items {
		i := slices.IndexFunc(d.products, func(p *product) bool { return p.id == item.ProductID })
		o.lines = append(o.lines, &line{id: item.ID, product: d.products[i], units: item.Quantity})
		units[item.ProductID] += item.Quantity
	}
	for _, p := range b.picks {
		units[d.products[p.product].id] -= p.units
	}
	if b.between == adds {
		units[d.products[b.picks[0].product].id]--
	}
	for id, n := range units {
		if n != 0 {
			d.note("%v is an order of %d units more of product %d", b, n, id)
		}
	}
	if o.status == "QUEUED" && !o.card {
		d.note("an order that no card pays is queued")
	}
	d.orders = append(d.orders, o)
	d.counted(b, o)
	if d.opening.hosted && o.card {
		o.page = true
		d.atPage(o, b.page)
	}
	d.remember()
}

// counted notes what kind of order it is.
func (d *desk) counted(b basket, o *order) {
	d.did["order in "+d.opening.currency]++
	if o.split() {
		d.did[fmt.Sprintf("store credit and the rest (card %t)", o.card)]++
	}
	if o.credit == o.total {
		d.did["store credit alone"]++
	}
	if len(o.lines) > 1 {
		d.did["several lines"]++
	}
	if b.between == falls {
		d.did["lower price charged"]++
	}
}
