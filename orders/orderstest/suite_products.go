package orderstest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/returnkit/returnkit/orders"
)

func testProducts(b *bench) {
	want := orders.Product{
		Name: "Laptop 15\" <O'Brien> \\ ? é", Category: "Select Drop Union", Price: 123_456_789, Currency: "KWD",
		Stock:     17,
		FinalSale: true, DiscountBP: 3333, ShippingWeight: 1500, CountryOfOrigin: "USA", RequiresShipping: true,
	}
	got, err := b.store.SaveProduct(b.ctx, 0, b.stamp(), func(p *orders.Product) error {
		b.equal("new product", *p, orders.Product{})
		*p = want
		return nil
	})
	b.ok(err)
	want.ID, want.CreatedAt, want.UpdatedAt = got.ID, b.now, b.now
	b.equal("saved product", got, want)
	if got.ID < 1 {
		b.Fatalf("id %d; ids begin at 1", got.ID)
	}
	stored, err := b.store.Product(b.ctx, got.ID)
	b.ok(err)
	b.equal("stored product", stored, want)

	created := b.now
	b.now = b.now.Add(time.Hour)
	want.Price, want.Stock, want.Category, want.FinalSale, want.UpdatedAt = 0, 0, "", false, b.now
	got, err = b.store.SaveProduct(b.ctx, want.ID, b.stamp(), func(p *orders.Product) error {
		if p.CreatedAt != created {
			b.Errorf("created at %v, want %v", p.CreatedAt, created)
		}
		p.Price, p.Stock, p.Category, p.FinalSale = 0, 0, "", false
		return nil
	})
	b.ok(err)
	b.equal("changed product", got, want)

	second := b.product("Mouse", 3)
	all, err := b.store.Products(b.ctx)
	b.ok(err)
	b.equal("products by id", all, []orders.Product{want, second})
}

func testProductPages(b *bench) {
	var all []orders.Product
	for i := range 7 {
		all = append(all, b.product(fmt.Sprint("Mouse ", i), i))
	}
	for _, c := range []struct {
		page, size int
		want       []orders.Product
	}{
		{0, 3, all[:3]}, {1, 3, all[:3]}, {2, 3, all[3:6]}, {3, 3, all[6:]}, {4, 3, nil}, {1, 7, all}, {2, 7, nil},
		{0, 0, all}, {-1, 0, all}, {1, 10_000, all}, {1_000_000_000, 1000, nil},
	} {
		found, n, err := b.store.FindProducts(b.ctx, orders.ProductQuery{Page: c.page, PageSize: c.size})
		b.ok(err)
		b.equal(fmt.Sprintf("page %d of %d", c.page, c.size), append([]orders.Product(nil), found...), c.want)
		b.equal(fmt.Sprintf("page %d of %d: count", c.page, c.size), n, len(all))
	}
}

func testProductFilters(b *bench) {
	named := func(name, category string, stock int) int64 {
		p, err := b.store.SaveProduct(b.ctx, 0, b.stamp(), func(p *orders.Product) error {
			*p = orders.Product{Name: name, Category: category, Currency: "USD", Stock: stock}
			return nil
		})
		b.ok(err)
		return p.ID
	}
	none, _, err := b.store.FindProducts(b.ctx, orders.ProductQuery{})
	b.ok(err)
	b.equal("products of an empty shop", len(none), 0)
	odd, desk, lamp := named("Maus 100% Ärger_x", "", 9), named("Desk", "Möbel", 0), named("Lamp", "LIGHT desk", 4)
	for _, c := range []struct {
		name string
		q    orders.ProductQuery
		want []int64
	}{
		{"all", orders.ProductQuery{}, []int64{odd, desk, lamp}},
		{"of the name or the category", orders.ProductQuery{Text: "DESK"}, []int64{desk, lamp}},
		{"any case beyond ASCII", orders.ProductQuery{Text: "äRGER"}, []int64{odd}},
		{"any case beyond ASCII, of the category", orders.ProductQuery{Text: "MÖB"}, []int64{desk}},
		{"percent is a letter", orders.ProductQuery{Text: "0%"}, []int64{odd}},
		{"underscore is a letter", orders.ProductQuery{Text: "_"}, []int64{odd}},
		{"backslash is a letter", orders.ProductQuery{Text: `\`}, nil},
		{"quote", orders.ProductQuery{Text: "' OR '1'='1"}, nil},
		{"not across name and category", orders.ProductQuery{Text: "deskmöb"}, nil},
		{"nothing by NUL", orders.ProductQuery{Text: "desk\x00"}, nil},
		{"none in stock", orders.ProductQuery{StockBelow: 1}, []int64{desk}},
		{"few in stock", orders.ProductQuery{StockBelow: 5}, []int64{desk, lamp}},
		{"two by id", orders.ProductQuery{IDs: []int64{lamp, odd, lamp, -1, lamp + 100}}, []int64{odd, lamp}},
		{"none by id", orders.ProductQuery{IDs: []int64{}}, nil},
		{"all at once", orders.ProductQuery{IDs: []int64{odd, lamp}, Text: "desk", StockBelow: 5}, []int64{lamp}},
	} {
		found, n, err := b.store.FindProducts(b.ctx, c.q)
		b.ok(err)
		var got []int64
		for _, p := range found {
			got = append(got, p.ID)
			full, err := b.store.Product(b.ctx, p.ID)
			b.ok(err)
			b.equal(c.name+": product on a page", p, full)
		}
		b.equal(c.name, got, c.want)
		b.equal(c.name+": count", n, len(c.want))
	}
	renamed, err := b.store.SaveProduct(b.ctx, desk, b.stamp(), func(p *orders.Product) error {
		p.Name, p.Category = "Table", "Oak"
		return nil
	})
	b.ok(err)
	for text, want := range map[string]int{"table": 1, "oak": 1, "möbel": 0} {
		found, n, err := b.store.FindProducts(b.ctx, orders.ProductQuery{Text: text})
		b.ok(err)
		b.equal("found by "+text+" after a change", []int{len(found), n}, []int{want, want})
		if want == 1 {
			b.equal("the changed product", found[0], renamed)
		}
	}
}

func testProductChangeFails(b *bench) {
	p := b.product("Mouse", 3)
	no := errors.New("no")
	for _, id := range []int64{0, p.ID} {
		_, err := b.store.SaveProduct(b.ctx, id, b.stamp(), func(p *orders.Product) error {
			p.Name, p.Currency, p.Stock = "other", "USD", 99
			return no
		})
		if !errors.Is(err, no) {
			b.Errorf("error %v, want that of the change", err)
		}
	}
	all, err := b.store.Products(b.ctx)
	b.ok(err)
	b.equal("products", all, []orders.Product{p})
}

func testRestock(b *bench) {
	p := b.product("Mouse", 3)
	var did atomic.Int64
	b.AtOnce(10, func(int) {
		ok, err := b.store.Restock(b.ctx, orders.Restock{Ref: "return-line-1", ProductID: p.ID, Quantity: 2}, b.stamp())
		if err != nil {
			b.Error(err)
		}
		if ok {
			did.Add(1)
		}
	})
	b.equal("restocks that did it", did.Load(), int64(1))
	b.equal("stock", b.stock(p.ID), 5)
	ok, err := b.store.Restock(b.ctx, orders.Restock{Ref: "return-line-2", ProductID: p.ID, Quantity: 1}, b.stamp())
	b.ok(err)
	b.equal("another ref", ok, true)
	b.equal("stock", b.stock(p.ID), 6)
	for _, bad := range []orders.Restock{{ProductID: p.ID, Quantity: 1}, {Ref: "x", ProductID: p.ID},
		{Ref: "x", ProductID: p.ID, Quantity: -1}} {
		_, err := b.store.Restock(b.ctx, bad, b.stamp())
		b.code(err, orders.CodeInvalid)
	}
	_, err = b.store.Restock(b.ctx, orders.Restock{Ref: "x", ProductID: 99, Quantity: 1}, b.stamp())
	b.code(err, orders.CodeNotFound)
	b.equal("stock", b.stock(p.ID), 6)
}

func testRestockLimit(b *bench) {
	p := b.product("Mouse", orders.MaxStock-3)
	back := func(ref string, n int) (bool, error) {
		return b.store.Restock(b.ctx, orders.Restock{Ref: ref, ProductID: p.ID, Quantity: n}, b.stamp())
	}
	did, err := back("r-1", 4)
	b.code(err, orders.CodeInvalid)
	b.equal("done", did, false)
	b.equal("stock after the refusal", b.stock(p.ID), orders.MaxStock-3)
	did, err = back("r-1", 3)
	b.ok(err)
	b.equal("the ref is free after a refusal", did, true)
	did, err = back("r-1", 3)
	b.ok(err)
	b.equal("done twice", did, false)
	var refused atomic.Int64
	b.AtOnce(8, func(i int) {
		if _, err := back(fmt.Sprint("r-", 2+i), 1); orders.CodeOf(err) == orders.CodeInvalid {
			refused.Add(1)
		} else {
			b.Error(err)
		}
	})
	b.equal("refused", refused.Load(), int64(8))
	b.equal("stock", b.stock(p.ID), orders.MaxStock)
}

func testCart(b *bench) {
	c, products, err := b.store.Cart(b.ctx, "ann")
	b.ok(err)
	b.equal("no cart", c, orders.Cart{CustomerID: "ann"})
	b.equal("products of no cart", len(products), 0)

	mouse, desk := b.product("Mouse", 3), b.product("Desk", 1)
	id := b.cart("ann", orders.CartItem{ProductID: desk.ID, Quantity: 1},
		orders.CartItem{ProductID: mouse.ID, Quantity: 2})
	want := orders.Cart{ID: id, CustomerID: "ann", UpdatedAt: b.now,
		Items: []orders.CartItem{{ProductID: desk.ID, Quantity: 1}, {ProductID: mouse.ID, Quantity: 2}}}
	c, products, err = b.store.Cart(b.ctx, "ann")
	b.ok(err)
	b.equal("cart", c, want)
	b.equal("products of the cart", products, map[int64]orders.Product{mouse.ID: mouse, desk.ID: desk})

	lamp := b.product("Lamp", 9)
	c, err = b.store.UpdateCart(b.ctx, "ann", newID(), []int64{lamp.ID, 99},
		func(c *orders.Cart, products map[int64]orders.Product) error {
			b.equal("cart under the lock", *c, want)
			b.equal("products under the lock", products,
				map[int64]orders.Product{mouse.ID: mouse, desk.ID: desk, lamp.ID: lamp})
			c.Items = []orders.CartItem{{ProductID: mouse.ID, Quantity: 3}, {ProductID: lamp.ID, Quantity: 9}}
			return nil
		})
	b.ok(err)
	want.Items = []orders.CartItem{{ProductID: mouse.ID, Quantity: 3}, {ProductID: lamp.ID, Quantity: 9}}
	b.equal("changed cart", c, want)
	c, _, err = b.store.Cart(b.ctx, "ann")
	b.ok(err)
	b.equal("stored cart", c, want)
	b.equal("a cart takes nothing off the stock", b.stock(lamp.ID), 9)

	for _, other := range []string{"bob", "Ann", "ann "} {
		c, _, err = b.store.Cart(b.ctx, other)
		b.ok(err)
		b.equal(fmt.Sprintf("the cart of %q", other), c, orders.Cart{CustomerID: other})
	}
	c, err = b.store.UpdateCart(b.ctx, "ann", newID(), nil, func(c *orders.Cart, _ map[int64]orders.Product) error {
		c.Items = nil
		return nil
	})
	b.ok(err)
	b.equal("emptied cart", len(c.Items), 0)
	b.equal("the same cart", c.ID, id)
}

func testCartChangeFails(b *bench) {
	p := b.product("Mouse", 3)
	no := errors.New("no")
	_, err := b.store.UpdateCart(b.ctx, "ann", newID(), []int64{p.ID},
		func(c *orders.Cart, _ map[int64]orders.Product) error {
			c.Items = []orders.CartItem{{ProductID: p.ID, Quantity: 1}}
			return no
		})
	if !errors.Is(err, no) {
		b.Errorf("error %v, want that of the change", err)
	}
	_, err = b.store.UpdateCart(b.ctx, "ann", newID(), nil, func(c *orders.Cart, _ map[int64]orders.Product) error {
		c.Items = []orders.CartItem{{ProductID: 99, Quantity: 1}}
		return nil
	})
	b.code(err, orders.CodeNotFound)
	c, _, err := b.store.Cart(b.ctx, "ann")
	b.ok(err)
	b.equal("items", len(c.Items), 0)
}

func testCartRace(b *bench) {
	p := b.product("Mouse", 300)
	b.AtOnce(20, func(int) {
		_, err := b.store.UpdateCart(b.ctx, "ann", newID(), []int64{p.ID},
			func(c *orders.Cart, _ map[int64]orders.Product) error {
				if len(c.Items) == 0 {
					c.Items = []orders.CartItem{{ProductID: p.ID}}
				}
				c.Items[0].Quantity++
				return nil
			})
		if err != nil {
			b.Error(err)
		}
	})
	c, _, err := b.store.Cart(b.ctx, "ann")
	b.ok(err)
	b.equal("items", c.Items, []orders.CartItem{{ProductID: p.ID, Quantity: 20}})
}
