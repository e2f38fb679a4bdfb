package orderstest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
)

// testAmounts saves amounts that a float does not carry, and smallest ones.
func testAmounts(b *bench) {
	const units = 90_001 // at the highest price they are above 1<<53 minor units, and odd
	for _, c := range []money.Currency{"USD", "JPY", "KWD"} {
		for _, amount := range []int64{1, 57, 999_999_999_999} {
			what := fmt.Sprintf("%d minor units of %s: ", amount, c)
			p, err := b.store.SaveProduct(b.ctx, 0, b.stamp(), func(p *orders.Product) error {
				p.Name, p.Price, p.Currency, p.Stock = "Mouse", amount, c, units
				return nil
			})
			b.ok(err)
			b.equal(what+"price", []any{p.Price, p.Currency}, []any{amount, c})
			stored, err := b.store.Product(b.ctx, p.ID)
			b.ok(err)
			b.equal(what+"product", stored, p)

			who := newID()
			cart := b.cart(who, orders.CartItem{ProductID: p.ID, Quantity: units})
			o, _, err := b.store.Place(b.ctx, orders.PlaceRequest{CustomerID: who, CartID: cart, At: b.now},
				func(pl orders.Placement) (*orders.Order, error) {
					return b.orderOf(c, pl.Cart, []orders.Item{{Product: pl.Products[p.ID], Quantity: units}}, "")
				})
			b.ok(err)
			b.equal(what+"amount", []any{o.Lines[0].Paid.Price, o.Currency}, []any{units * amount, c})
			got, err := b.store.Order(b.ctx, o.ID)
			b.ok(err)
			b.equal(what+"order", got, o)
			b.folded(o.ID)
		}
	}
}

// history is a product in a flash sale that ann ordered of, bob has reserved and cid
// has in the cart.
func (b *bench) history() (p orders.Product, o orders.Order, r orders.Reservation) {
	b.Helper()
	p = b.product("Mouse", 100)
	f := b.sale(p.ID, 50, 20)
	o = b.bought("ann", p.ID, 3)
	r = b.reserved(f, "bob", 2)
	b.cart("cid", orders.CartItem{ProductID: p.ID, Quantity: 4})
	p, err := b.store.Product(b.ctx, p.ID)
	b.ok(err)
	return p, o, r
}

// snapshot is all that a store returns of the history.
type snapshot struct {
	Product     orders.Product
	Cart        orders.Cart
	Seen        map[int64]orders.Product
	Order       orders.Order
	Reservation orders.Reservation
	Events      []string
}

func (b *bench) snapshot(p orders.Product, o orders.Order, r orders.Reservation) (s snapshot) {
	b.Helper()
	var err error
	s.Product, err = b.store.Product(b.ctx, p.ID)
	b.ok(err)
	s.Cart, s.Seen, err = b.store.Cart(b.ctx, "cid")
	b.ok(err)
	s.Order, err = b.store.Order(b.ctx, o.ID)
	b.ok(err)
	s.Reservation, err = b.store.Reservation(b.ctx, r.ID)
	b.ok(err)
	for _, id := range []string{o.ID, r.SaleID, r.ID} {
		events, err := b.store.Events(b.ctx, id)
		b.ok(err)
		for _, e := range events {
			s.Events = append(s.Events, fmt.Sprintf("%+v %s", e, e.Data))
		}
	}
	return suite.Copy(s)
}

// testShared overwrites all that the store was given, or gave.
func testShared(b *bench) {
	p, o, r := b.history()
	at := b.now.AddDate(0, 0, 1)
	for _, c := range []struct {
		name string
		run  func() (any, error)
	}{
		{"Product", func() (any, error) { v, err := b.store.Product(b.ctx, p.ID); return &v, err }},
		{"Products", func() (any, error) { v, err := b.store.Products(b.ctx); return &v, err }},
		{"FindProducts", func() (any, error) {
			v, _, err := b.store.FindProducts(b.ctx, orders.ProductQuery{})
			return &v, err
		}},
		{"SaveProduct", func() (any, error) {
			v, err := b.store.SaveProduct(b.ctx, p.ID, b.stamp(), func(*orders.Product) error { return nil })
			return &v, err
		}},
		{"Cart", func() (any, error) {
			c, all, err := b.store.Cart(b.ctx, "cid")
			return &[]any{&c, &all}, err
		}},
		{"UpdateCart", b.keptCart},
		{"Place", b.keptPlace(p.ID)},
		{"Order", func() (any, error) { v, err := b.store.Order(b.ctx, o.ID); return &v, err }},
		{"Update", func() (any, error) {
			var given orders.Order
			v, err := b.store.Update(b.ctx, o.ID, func(o *orders.Order) error { given = *o; return nil })
			return &[]any{&v, &given}, err
		}},
		{"List", func() (any, error) { v, _, err := b.store.List(b.ctx, orders.Query{}); return &v, err }},
		{"Events", func() (any, error) { v, err := b.store.Events(b.ctx, o.ID); return &v, err }},
		{"Events of a sale", func() (any, error) { v, err := b.store.Events(b.ctx, r.SaleID); return &v, err }},
		{"Events of a reservation", func() (any, error) { v, err := b.store.Events(b.ctx, r.ID); return &v, err }},
		{"FlashSales", func() (any, error) { v, err := b.store.FlashSales(b.ctx, b.now); return &v, err }},
		{"Reserve", b.keptReservation(r.SaleID)},
	} {
		before := b.snapshot(p, o, r)
		got, err := c.run()
		b.ok(err)
		suite.Scramble(got)
		b.equal("what is stored after what "+c.name+" gave or got was overwritten", b.snapshot(p, o, r), before)
	}
	before := b.snapshot(p, o, r)
	list, err := b.store.Claim(b.ctx, at, time.Minute, "t", 10)
	b.ok(err)
	suite.Scramble(&list)
	b.equal("lines after what Claim gave was overwritten", b.snapshot(p, o, r).Order.Lines, before.Order.Lines)
}

// keptCart saves a cart whose items the caller keeps.
func (b *bench) keptCart() (any, error) {
	var given map[int64]orders.Product
	var items []orders.CartItem
	c, err := b.store.UpdateCart(b.ctx, "cid", newID(), nil, func(c *orders.Cart, all map[int64]orders.Product) error {
		items, given = append([]orders.CartItem(nil), c.Items...), all
		c.Items = items
		return nil
	})
	return &[]any{&c, &items, &given}, err
}

// keptPlace places the order of another customer, and the caller keeps all of it.
func (b *bench) keptPlace(product int64) func() (any, error) {
	return func() (any, error) {
		var given orders.Placement
		var made *orders.Order
		id := b.cart("dan", orders.CartItem{ProductID: product, Quantity: 1})
		o, _, err := b.store.Place(b.ctx, orders.PlaceRequest{CustomerID: "dan", CartID: id, At: b.now},
			func(p orders.Placement) (*orders.Order, error) {
				given = p
				var err error
				made, err = b.decide("")(p)
				return made, err
			})
		if err != nil {
			return nil, err
		}
		want := o.Clone()
		suite.Scramble(&[]any{&o, &given, made})
		got, err := b.store.Order(b.ctx, want.ID)
		b.ok(err)
		b.equal("the order placed, after what Place gave or got was overwritten", got, want)
		b.folded(want.ID)
		_, err = b.store.Update(b.ctx, want.ID, func(o *orders.Order) error {
			return o.Cancel(b.stamp(), "as it was before")
		})
		return &o, err
	}
}

func (b *bench) keptReservation(sale string) func() (any, error) {
	return func() (any, error) {
		seen := &seesReservation{Store: b.store}
		bob := event.Actor{Kind: event.ActorCustomer, ID: "bob"}
		r, err := b.shop(seen).ReserveFlashSale(b.sourced(), sale, bob, 2)
		return &[]any{&r, &seen.given, &seen.events}, err
	}
}

// seesReservation keeps what goes into a callback of Reserve and comes out of it.
type seesReservation struct {
	orders.Store
	given  orders.Product
	events []event.Event
}

// Reserve implements orders.Store.
func (s *seesReservation) Reserve(ctx context.Context, saleID, customerID string, by event.Stamp,
	decide func(orders.Product) (orders.Reservation, []event.Event, error)) (orders.Reservation, error) {
	return s.Store.Reserve(ctx, saleID, customerID, by,
		func(p orders.Product) (orders.Reservation, []event.Event, error) {
			s.given = p
			r, all, err := decide(p)
			s.events = all
			return r, all, err
		})
}

// testInPlace changes what a callback gets, and refuses.
func testInPlace(b *bench) {
	p, o, r := b.history()
	no := errors.New("no")
	before := b.snapshot(p, o, r)
	check := func(what string, err error) {
		b.Helper()
		if !errors.Is(err, no) {
			b.Errorf("%s: error %v, want that of the callback", what, err)
		}
		b.equal("after a refused "+what, b.snapshot(p, o, r), before)
	}
	_, err := b.store.SaveProduct(b.ctx, p.ID, b.stamp(), func(p *orders.Product) error {
		suite.Scramble(p)
		*p = orders.Product{}
		return no
	})
	check("SaveProduct", err)
	_, err = b.store.UpdateCart(b.ctx, "cid", newID(), nil, func(c *orders.Cart, all map[int64]orders.Product) error {
		suite.Scramble(c)
		suite.Scramble(&all)
		return no
	})
	check("UpdateCart", err)
	_, _, err = b.store.Place(b.ctx, orders.PlaceRequest{CustomerID: "cid", At: b.now},
		func(p orders.Placement) (*orders.Order, error) {
			suite.Scramble(&p)
			return nil, no
		})
	check("Place", err)
	_, err = b.store.Update(b.ctx, o.ID, func(o *orders.Order) error {
		suite.Scramble(o)
		*o = orders.Order{}
		return no
	})
	check("Update", err)
	_, err = b.store.UpdateFlashSale(b.ctx, r.SaleID, b.stamp(), func(f *orders.FlashSale) error {
		*f = orders.FlashSale{}
		return no
	})
	check("UpdateFlashSale", err)
	_, err = b.store.Reserve(b.ctx, r.SaleID, "bob", b.stamp(),
		func(p orders.Product) (orders.Reservation, []event.Event, error) {
			suite.Scramble(&p)
			return orders.Reservation{}, nil, no
		})
	check("Reserve", err)
}
