package proptest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refunds"
)

// opening is how the shop of a sequence is set up.
type opening struct {
	currency string
	hosted   bool // cards are entered on the provider's page
}

func (o opening) String() string {
	if o.hosted {
		return "a shop in " + o.currency + " with the provider's page"
	}
	return "a shop in " + o.currency
}

// currency is what the model knows of a currency: what the provider charges at least, and
// what its amounts are multiples of, in our minor units.
type currency struct {
	least, step int64
	prices      [3]string
	gift        int64
	fee         string // for a return's shipping
	outside     int64  // of a part that others give back, in the provider's unit
}

// The third product of each is below what a card can be charged, or beside the provider's
// grid.
var currencies = map[string]currency{
	"USD": {50, 1, [3]string{"19.99", "7.50", "0.15"}, 3_003, "1.25", 100},
	"JPY": {50, 1, [3]string{"1999", "750", "15"}, 3_003, "125", 100},
	"KWD": {160, 10, [3]string{"4.000", "1.230", "1.234"}, 9_007, "0.125", 100},
	"UGX": {1_800, 1, [3]string{"19990", "7500", "350"}, 30_003, "1250", 100_000},
}

// product is what the model knows of a product.
type product struct {
	id    int64
	price int64 // at first, minor units
	level int   // of the price now, in percent
}

// terms are what the model knows of a policy.
type terms struct {
	window     int
	units      int // of a line in one request
	inspection bool
	percent    int64 // restocking fee
	fixed      int   // 1: a return's shipping is taken off
	split      refunds.SplitRule
}

// policies are those that are published, the first by the shop itself.
var policies = []terms{
	{window: 30, units: 5, split: refunds.SplitProportional},
	{window: 14, units: 5, percent: 10, split: refunds.SplitLastPaidFirst},
	{window: 40, units: 2, inspection: true, fixed: 1, split: refunds.SplitStoreCreditFirst},
}

// stock puts the products on the shelf.
func (d *desk) stock() {
	d.Helper()
	for i, price := range currencies[d.opening.currency].prices {
		fields := map[string]any{
			"name": fmt.Sprint("Product ", i+1), "price": json.Number(price), "stock": initialStock, "category": "test",
			"country_of_origin": "USA", "requires_shipping": false,
		}
		if i == 0 {
			fields["country_of_origin"], fields["requires_shipping"] = "China", true
			fields["shipping_weight"] = json.Number("2")
		}
		id, err := d.staff.MakeProduct(d.Context(), fields)
		d.ok(err)
		d.products = append(d.products, &product{id: id, price: d.minor(json.Number(price)), level: 100})
	}
}

// minor are the minor units of an amount, as the shop writes it; -1 of what is none.
func (d *desk) minor(amount json.Number) int64 {
	m, err := money.Parse(amount.String(), money.Currency(d.opening.currency))
	if err != nil {
		return -1
	}
	return m.Minor()
}

// amount is how minor units are written.
func (d *desk) amount(minor int64) string {
	return money.New(minor, money.Currency(d.opening.currency)).Decimal()
}

// reprice sets the price of a product, in percent of its first.
func (d *desk) reprice(p *product, level int) {
	d.Helper()
	p.level = level
	d.ok(d.staff.ChangeProduct(d.Context(), p.id, map[string]any{
		"price": json.Number(d.amount(p.price * int64(level) / 100)),
	}))
}

// sale begins a flash sale of a product, unless one is on.
func (d *desk) sale(i, percent, units int) {
	d.Helper()
	at := d.now().UTC()
	err := d.staff.StartSale(d.Context(), d.products[i].id, percent, units,
		at.Add(-time.Minute).Format(client.Moment), at.Add(3*time.Hour).Format(client.Moment))
	if err != nil {
		if client.StatusOf(err) != 409 {
			d.note("a flash sale was not begun: %v", err)
		}
		return
	}
	all, err := d.shop.Orders.FlashSales(d.Context(), true)
	d.ok(err)
	d.sales = d.sales[:0]
	for _, f := range all {
		d.sales = append(d.sales, f.ID)
	}
	d.did["flash sale begun"]++
}

// reserve holds units of the flash sale of a product.
func (d *desk) reserve(i, units int) {
	d.Helper()
	f := d.onSale(d.products[i])
	if f == nil {
		return
	}
	a, err := d.person.Reserve(d.Context(), f.ID, units)
	d.ok(err)
	switch {
	case a.Status == 200:
		d.did["units reserved"]++
	case a.Status != 409 && a.Status != 400:
		d.note("reserving %d units: %d %.200s", units, a.Status, a.Body)
	}
}

// onSale is the flash sale of a product that is on now.
func (d *desk) onSale(p *product) *orders.FlashSale {
	d.Helper()
	all, err := d.shop.Orders.FlashSales(d.Context(), false)
	d.ok(err)
	i := slices.IndexFunc(all, func(f orders.FlashSale) bool { return f.ProductID == p.id })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// publish publishes one of the policies; orders from now on are bound to it.
func (d *desk) publish(i int) {
	d.Helper()
	t := policies[i]
	fields := url.Values{
		"enabled": {"1"}, "final_sale": {"1"}, "window_days": {strconv.Itoa(t.window)},
		"max_quantity": {strconv.Itoa(t.units)}, "photos_required": {"0"}, "max_photos": {"5"},
		"photo_types": {"jpeg"}, "start": {"delivery_or_purchase"}, "zone": {"UTC"}, "reasons_choice": {"all"},
		"photos_required_for_choice": {"all"}, "methods_choice": {"all"}, "refund_from": {"approved"},
		"restock_at": {"refund"}, "split": {string(t.split)},
	}
	if t.inspection {
		fields.Set("restock_at", "inspection")
	}
	if t.percent > 0 {
		fields.Set("restocking_percent_0", strconv.FormatInt(t.percent, 10))
	}
	if t.fixed > 0 {
		fields.Set("shipping_fixed_0", currencies[d.opening.currency].fee)
	}
	d.ok(d.staff.Publish(d.Context(), fields))
	d.terms = i
	d.did[fmt.Sprint("policy ", i, " published")]++
}

// gift gives the customer store credit, as staff do for goodwill.
func (d *desk) gift() {
	d.Helper()
	amount := currencies[d.opening.currency].gift
	if len(d.orders) == 0 {
		return // nobody is known yet
	}
	first, err := d.shop.Orders.Order(d.Context(), d.orders[0].id)
	d.ok(err)
	d.gifts += amount
	_, err = d.shop.Refunds.GrantCredit(d.Context(), refunds.CreditChange{
		CustomerID: first.CustomerID, Currency: money.Currency(d.opening.currency), Amount: amount,
		Ref: fmt.Sprint("gift-", d.gifts), Note: "Goodwill", By: event.System("test"),
	})
	d.ok(err)
}

// credit is the store credit that the customer is shown.
func (d *desk) credit() int64 {
	d.Helper()
	have, err := d.person.Credit(d.Context())
	d.ok(err)
	return d.minor(have)
}
