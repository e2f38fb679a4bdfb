package orders_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/leanovate/gopter/gen"
	"github.com/leanovate/gopter/prop"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/orderstest/ordersgen"
)

// dutyAndShipping are rules as a shop that imports and ships has them.
var dutyAndShipping = orders.Rules{DutyBP: 500, DutyFreeOrigins: []string{"USA"}, ShippingRate: 1500}

func ExamplePrice() {
	lines, err := orders.Price([]orders.Item{{
		Product: orders.Product{
			Name:             "Desk",
			Price:            19999,
			Currency:         "USD",
			DiscountBP:       1000,
			ShippingWeight:   12_500,
			RequiresShipping: true,
			CountryOfOrigin:  "Italy",
		},
		Quantity: 2,
	}}, orders.Rules{DutyBP: 500, DutyFreeOrigins: []string{"USA"}, ShippingRate: 1500})
	fmt.Printf("%+v %v\n", lines[0].Paid, err)
	// Output:
	// {Price:35998 Duty:2000 Shipping:3750} <nil>
}

func TestPrice(t *testing.T) {
	rules := dutyAndShipping
	item := func(c money.Currency, list int64, bp, quantity int, weight int64, origin string) orders.Item {
		return orders.Item{Quantity: quantity, Product: orders.Product{
			Name: "P", Price: list, Currency: c, DiscountBP: bp, ShippingWeight: weight, RequiresShipping: weight > 0,
			CountryOfOrigin: origin}}
	}
	for _, c := range []struct {
		name string
		item orders.Item
		unit int64 // discount of one unit
		want money.Components
	}{
		{"0.35 at 15 % off x 3", item("USD", 35, 1500, 3, 0, "USA"), 5, money.Components{Price: 90}},
		{"0.25 at 50 %", item("USD", 25, 5000, 1, 0, "USA"), 13, money.Components{Price: 12}},
		{"19.99 at 33.33 % x 5", item("USD", 1999, 3333, 5, 0, "USA"), 666, money.Components{Price: 6665}},
		{"all off", item("USD", 1999, 10_000, 2, 0, "USA"), 1999, money.Components{}},
		{"duty is of the list price", item("USD", 1000, 5000, 3, 0, "Germany"), 500,
			money.Components{Price: 1500, Duty: 150}},
		{"duty is rounded half up by line", item("USD", 10, 0, 1, 0, ""), 0, money.Components{Price: 10, Duty: 1}},
		{"duty is rounded once a line", item("USD", 9, 0, 3, 0, ""), 0, money.Components{Price: 27, Duty: 1}},
		{"no duty from the USA in any case", item("USD", 1000, 0, 1, 0, "  uSa "), 0, money.Components{Price: 1000}},
		{"shipping by weight", item("USD", 1000, 0, 2, 2500, "USA"), 0, money.Components{Price: 2000, Shipping: 750}},
		{"shipping is rounded half up by line", item("USD", 0, 0, 1, 3, "USA"), 0, money.Components{Shipping: 0}},
		{"shipping of thousandths", item("USD", 0, 0, 1, 10, "USA"), 0, money.Components{Shipping: 2}},
		{"yen have no decimals", item("JPY", 100, 3333, 3, 1000, "Japan"), 33,
			money.Components{Price: 201, Duty: 15, Shipping: 5}},
		{"dinars have three", item("KWD", 1000, 0, 1, 1001, "USA"), 0, money.Components{Price: 1000, Shipping: 1502}},
	} {
		lines, err := orders.Price([]orders.Item{c.item}, rules)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if lines[0].Paid != c.want || lines[0].UnitDiscount != c.unit {
			t.Errorf("%s: %+v, discount %d; want %+v, %d", c.name, lines[0].Paid, lines[0].UnitDiscount, c.want, c.unit)
		}
	}
}

func TestPriceRefuses(t *testing.T) {
	p := orders.Product{Name: "P", Price: 100, Currency: "USD"}
	with := func(change func(*orders.Product)) orders.Product {
		q := p
		change(&q)
		return q
	}
	for _, c := range []struct {
		name  string
		items []orders.Item
		rules orders.Rules
		want  orders.Code
	}{
		{"quantity 0", []orders.Item{{Product: p}}, orders.Rules{}, orders.CodeInvalid},
		{"quantity -1", []orders.Item{{Product: p, Quantity: -1}}, orders.Rules{}, orders.CodeInvalid},
		{"quantity 10^12", []orders.Item{{Product: p, Quantity: 1_000_000_000_000}}, orders.Rules{},
			orders.CodeInvalid},
		{"two currencies", []orders.Item{{Product: p, Quantity: 1},
			{Product: with(func(p *orders.Product) { p.Currency = "EUR" }), Quantity: 1}}, orders.Rules{},
			orders.CodeCurrencyMismatch},
		{"negative price", []orders.Item{{Product: with(func(p *orders.Product) { p.Price = -1 }), Quantity: 1}},
			orders.Rules{}, orders.CodeInvalid},
		{"discount above 100 %", []orders.Item{{Product: with(func(p *orders.Product) { p.DiscountBP = 10_001 }),
			Quantity: 1}}, orders.Rules{}, orders.CodeInvalid},
		{"a total beyond int64", []orders.Item{
			{Product: with(func(p *orders.Product) { p.Price = orders.MaxPrice }), Quantity: 1_000_000},
			{Product: with(func(p *orders.Product) { p.Price = orders.MaxPrice }), Quantity: 9_000_000}},
			orders.Rules{}, orders.CodeInvalid},
		{"negative rules", []orders.Item{{Product: p, Quantity: 1}}, orders.Rules{DutyBP: -1}, orders.CodeInvalid},
	} {
		if _, err := orders.Price(c.items, c.rules); orders.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	huge := make([]orders.Item, 12)
	for i := range huge {
		huge[i] = orders.Item{
			Product:  with(func(p *orders.Product) { p.Price = orders.MaxPrice }),
			Quantity: orders.MaxQuantity,
		}
	}
	if _, err := orders.Price(huge, orders.Rules{}); orders.CodeOf(err) != orders.CodeOverflow {
		t.Errorf("a total beyond int64: %v", err)
	}
}

func TestPriceAllocatesWhatIsForTheWholeOrder(t *testing.T) {
	item := func(price int64, n int) orders.Item {
		return orders.Item{
			Product:  orders.Product{Name: "P", Price: price, Currency: "USD", CountryOfOrigin: "USA"},
			Quantity: n,
		}
	}
	lines, err := orders.Price([]orders.Item{item(100, 1), item(200, 1), item(0, 3)},
		orders.Rules{OrderDiscount: 100, OrderFee: 10})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []money.Components{{Price: 67, Shipping: 3}, {Price: 133, Shipping: 7}, {}} {
		if lines[i].Paid != want {
			t.Errorf("line %d is %+v, want %+v", i, lines[i].Paid, want)
		}
	}
	// More off than there is; and a fee on an order that is free.
	lines, err = orders.Price([]orders.Item{item(100, 1), item(0, 3)}, orders.Rules{OrderDiscount: 1000})
	if err != nil || lines[0].Paid.Price != 0 || lines[1].Paid.Price != 0 {
		t.Errorf("1000 off 100: %+v, %v", lines, err)
	}
	lines, err = orders.Price([]orders.Item{item(0, 1), item(0, 3)}, orders.Rules{OrderFee: 100})
	if err != nil || lines[0].Paid.Shipping != 25 || lines[1].Paid.Shipping != 75 {
		t.Errorf("a fee on nothing: %+v, %v", lines, err)
	}
}

func TestPriceProperties(t *testing.T) {
	p := properties()
	p.Property("no component is negative, and the whole order's share is exact", prop.ForAll(
		func(items []orders.Item, r orders.Rules) string {
			lines, err := orders.Price(items, r)
			if err != nil {
				return err.Error()
			}
			alone := r
			alone.OrderDiscount, alone.OrderFee = 0, 0
			plain, err := orders.Price(items, alone)
			if err != nil {
				return err.Error()
			}
			var price, off, fee int64
			for i, l := range lines {
				if l.Paid.Price < 0 || l.Paid.Duty < 0 || l.Paid.Shipping < 0 {
					return fmt.Sprintf("line %d is %+v", i, l.Paid)
				}
				if want := (l.UnitList - l.UnitDiscount) * int64(l.Quantity); plain[i].Paid.Price != want {
					return fmt.Sprintf("line %d costs %d, its units %d", i, plain[i].Paid.Price, want)
				}
				price += plain[i].Paid.Price
				off += plain[i].Paid.Price - l.Paid.Price
				fee += l.Paid.Shipping - plain[i].Paid.Shipping
			}
			if off != min(price, r.OrderDiscount) || fee != r.OrderFee {
				return fmt.Sprintf("%d off and %d added, want %d and %d", off, fee, min(price, r.OrderDiscount),
					r.OrderFee)
			}
			return ""
		}, ordersgen.GenItems(), ordersgen.GenRules()))
	p.Property("everything returned, unit by unit, sums to what was paid", prop.ForAll(
		func(o orders.Order, seed uint64) string {
			r := rand.New(rand.NewPCG(seed, 1))
			var back int64
			given := make([]int, len(o.Lines))
			for range 10_000 {
				i := r.IntN(len(o.Lines))
				l := o.Lines[i]
				if given[i] == l.Quantity {
					if back == o.Total() {
						break
					}
					continue
				}
				k := given[i] + 1 + r.IntN(l.Quantity-given[i])
				step := l.Paid.Share(k, l.Quantity).Sub(l.Paid.Share(given[i], l.Quantity))
				if step.Price < 0 || step.Duty < 0 || step.Shipping < 0 {
					return fmt.Sprintf("a step of %+v", step)
				}
				back += step.Total()
				given[i] = k
			}
			for i, l := range o.Lines {
				back += l.Paid.Sub(l.Paid.Share(given[i], l.Quantity)).Total()
			}
			if back != o.Total() || back != o.Payment.Amount {
				return fmt.Sprintf("%d back, %d paid, %d charged", back, o.Total(), o.Payment.Amount)
			}
			return ""
		}, ordersgen.GenOrder(), gen.UInt64()))
	p.TestingRun(t)
}

func FuzzPrice(f *testing.F) {
	f.Add(int64(1999), 3333, 5, int64(2500), int64(100), int64(5), "USA")
	f.Add(int64(orders.MaxPrice), 1, orders.MaxQuantity, int64(orders.MaxShippingWeight), int64(1),
		int64(orders.MaxPrice), "")
	f.Fuzz(func(t *testing.T, price int64, bp, quantity int, weight, off, fee int64, origin string) {
		r := dutyAndShipping
		r.OrderDiscount, r.OrderFee = off, fee
		item := orders.Item{
			Quantity: quantity,
			Product: orders.Product{Name: "P", Price: price, Currency: "CLF", DiscountBP: bp,
				ShippingWeight: weight, RequiresShipping: true, CountryOfOrigin: origin},
		}
		lines, err := orders.Price([]orders.Item{item, item}, r)
		if err != nil {
			if orders.CodeOf(err) == "" {
				t.Fatal(err)
			}
			return
		}
		for _, l := range lines {
			if l.Paid.Price < 0 || l.Paid.Duty < 0 || l.Paid.Shipping < 0 || l.Paid.Total() < 0 {
				t.Fatalf("%+v", l)
			}
		}
	})
}
