package orderstest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
)

// draft is a sale of the product at 20 % off, on for an hour around now.
func (b *bench) draft(productID int64, limit, perCustomer int) orders.FlashSaleParams {
	return orders.FlashSaleParams{
		ProductID: productID, Starts: b.now.Add(-30 * time.Minute), Ends: b.now.Add(30 * time.Minute),
		PercentBP: 2000, Cap: limit, CapPerCustomer: perCustomer,
	}
}

// shop returns a service on the store, which makes the changes of sales that stores save.
func (b *bench) shop(store orders.Store) *orders.Service {
	b.Helper()
	s, err := orders.New(orders.Config{
		Store: store, Gateway: &Gateway{}, Currency: "USD", Now: func() time.Time { return b.now },
	})
	b.ok(err)
	return s
}

// create saves a sale as staff decided it.
func (b *bench) create(d orders.FlashSaleParams) (orders.FlashSale, error) {
	b.Helper()
	return b.shop(b.store).CreateFlashSale(b.sourced(), b.stamp().By, d)
}

// change has staff change a sale.
func (b *bench) change(id string, change func(*orders.FlashSaleParams) error) (orders.FlashSale, error) {
	b.Helper()
	return b.shop(b.store).UpdateFlashSale(b.sourced(), id, b.stamp().By, change)
}

// sourced is a context of a request, whose source is that of the stamp.
func (b *bench) sourced() context.Context { return event.WithSource(b.ctx, b.stamp().Source) }

func (b *bench) sale(productID int64, limit, perCustomer int) orders.FlashSale {
	b.Helper()
	f, err := b.create(b.draft(productID, limit, perCustomer))
	b.ok(err)
	return f
}

func (b *bench) loadSale(id string) orders.FlashSale {
	b.Helper()
	f, err := b.store.FlashSale(b.ctx, id)
	b.ok(err)
	return f
}

// reserve holds n units for ten minutes.
func (b *bench) reserve(f orders.FlashSale, customer string, n int) (orders.Reservation, error) {
	by := event.Actor{Kind: event.ActorCustomer, ID: customer}
	return b.shop(b.store).ReserveFlashSale(b.sourced(), f.ID, by, n)
}

func (b *bench) reserved(f orders.FlashSale, customer string, n int) orders.Reservation {
	b.Helper()
	r, err := b.reserve(f, customer, n)
	b.ok(err)
	return r
}

func (b *bench) expire(limit int) int {
	b.Helper()
	n, err := b.store.ExpireReservations(b.ctx, b.stamp(), limit)
	b.ok(err)
	return n
}

// counts are the stock and what the sale counts.
func (b *bench) counts(what string, f orders.FlashSale, stock, sold, held int) {
	b.Helper()
	f = b.loadSale(f.ID)
	b.equal(what+": stock, sold, held", []int{b.stock(f.ProductID), f.Sold, f.Held}, []int{stock, sold, held})
}

func (b *bench) foldedReservation(id string) orders.Reservation {
	b.Helper()
	events, err := b.store.Events(b.ctx, id)
	b.ok(err)
	got, err := orders.FoldReservation(events)
	b.ok(err)
	want, err := b.store.Reservation(b.ctx, id)
	b.ok(err)
	b.equal("reservation folded from its events", got, want)
	for _, e := range events {
		b.equal("origin of "+e.Type, e.Source, b.stamp().Source)
	}
	return want
}

func testSale(b *bench) {
	p, q := b.product("Mouse", 10), b.product("Desk", 10)
	d := b.draft(p.ID, 5, 2)
	f, err := b.create(d)
	b.ok(err)
	b.equal("created", f, orders.FlashSale{
		ID: f.ID, ProductID: p.ID, Starts: d.Starts, Ends: d.Ends, PercentBP: 2000, Cap: 5, CapPerCustomer: 2,
		CreatedAt: b.now, UpdatedAt: b.now, Version: 1,
	})
	b.equal("stored", b.loadSale(f.ID), f)
	next := b.draft(p.ID, 0, 0)
	next.Starts, next.Ends = next.Ends, next.Ends.Add(time.Hour)
	later, err := b.create(next)
	b.ok(err)

	on, err := b.store.FlashSales(b.ctx, b.now)
	b.ok(err)
	b.equal("on now", on, []orders.FlashSale{f})
	on, err = b.store.FlashSales(b.ctx, f.Ends)
	b.ok(err)
	b.equal("on when the first ends", on, []orders.FlashSale{later})
	all, err := b.store.FlashSales(b.ctx, time.Time{})
	b.ok(err)
	b.equal("all", all, []orders.FlashSale{later, f})

	loaded, err := b.store.Product(b.ctx, p.ID)
	b.ok(err)
	b.equal("sales of the product", loaded.Sales, []orders.SaleState{{FlashSale: f}, {FlashSale: later}})
	list, err := b.store.Products(b.ctx)
	b.ok(err)
	b.equal("sales of all products", []any{list[0].Sales, list[1].Sales}, []any{loaded.Sales, q.Sales})
	r := b.reserved(f, "ann", 1)
	c, err := b.store.UpdateCart(b.ctx, "ann", newID(), []int64{p.ID, q.ID},
		func(c *orders.Cart, products map[int64]orders.Product) error {
			loaded := products[p.ID]
			b.equal("the sale while the cart changes", loaded.SaleAt(b.now).Reserved, r)
			c.Items = []orders.CartItem{{ProductID: q.ID, Quantity: 1}, {ProductID: p.ID, Quantity: 1}}
			return nil
		})
	b.ok(err)
	_, products, err := b.store.Cart(b.ctx, "ann")
	b.ok(err)
	loaded = products[p.ID]
	b.equal("the sale in the cart", loaded.SaleAt(b.now).Reserved, r)
	b.equal("the other product of the cart", products[q.ID].Sales, q.Sales)
	_, err = b.store.SaveProduct(b.ctx, p.ID, b.stamp(), func(p *orders.Product) error { p.Name = "Mice"; return nil })
	b.ok(err)
	loaded, err = b.store.Product(b.ctx, p.ID)
	b.ok(err)
	b.equal("sales after the product changed", len(loaded.Sales), 2)
	if _, placed, err := b.place("ann", c.ID, ""); err != nil || !placed {
		b.Error(placed, err)
	}

	events, err := b.store.Events(b.ctx, f.ID)
	b.ok(err)
	folded, err := orders.FoldFlashSale(events)
	b.ok(err)
	b.equal("folded", folded, f)
	_, err = b.shop(anyProduct{b.store}).CreateFlashSale(b.sourced(), b.stamp().By, b.draft(999, 0, 0))
	b.code(err, orders.CodeNotFound)
}

// anyProduct is a store that leaves it to CreateFlashSale to find no product.
type anyProduct struct{ orders.Store }

func (anyProduct) Product(_ context.Context, id int64) (orders.Product, error) {
	return orders.Product{ID: id, Currency: "USD"}, nil
}

func testSaleOverlap(b *bench) {
	p, q := b.product("Mouse", 10), b.product("Desk", 10)
	var made, refused atomic.Int64
	b.AtOnce(8, func(i int) {
		d := b.draft(p.ID, 0, 0)
		d.Starts, d.Ends = d.Starts.Add(time.Duration(i)*time.Minute), d.Ends.Add(time.Duration(i)*time.Minute)
		switch _, err := b.create(d); {
		case err == nil:
			made.Add(1)
		case orders.CodeOf(err) == orders.CodeSaleOverlap:
			refused.Add(1)
		default:
			b.Error(err)
		}
	})
	b.equal("made and refused", []int64{made.Load(), refused.Load()}, []int64{1, 7})
	b.sale(q.ID, 0, 0)

	all, err := b.store.FlashSales(b.ctx, time.Time{})
	b.ok(err)
	first := all[0]
	if first.ProductID != p.ID {
		first = all[1]
	}
	d := b.draft(p.ID, 0, 0)
	d.Starts, d.Ends = first.Ends, first.Ends.Add(time.Hour)
	second, err := b.create(d)
	b.ok(err)
	_, err = b.change(second.ID, func(d *orders.FlashSaleParams) error {
		d.Starts = first.Ends.Add(-time.Microsecond)
		return nil
	})
	b.code(err, orders.CodeSaleOverlap)
	b.equal("the refused change", b.loadSale(second.ID), second)
	// One that is dropped before it began makes room.
	_, err = b.shop(b.store).EndFlashSale(b.sourced(), second.ID, b.stamp().By)
	b.ok(err)
	_, err = b.create(d)
	b.ok(err)
}

func testSaleChange(b *bench) {
	p := b.product("Mouse", 10)
	f := b.sale(p.ID, 5, 0)
	b.reserved(f, "ann", 2)
	change := func(limit, percentBP int) error {
		_, err := b.change(f.ID, func(d *orders.FlashSaleParams) error {
			d.Cap, d.PercentBP = limit, percentBP
			return nil
		})
		return err
	}
	b.code(change(1, 2000), orders.CodeInvalid)
	b.ok(change(2, 5000))
	b.ok(change(2, 5000)) // nothing to change
	no := errors.New("no")
	refuse := func(*orders.FlashSale) error { return no }
	if _, err := b.store.UpdateFlashSale(b.ctx, f.ID, b.stamp(), refuse); !errors.Is(err, no) {
		b.Error(err)
	}
	stored := b.loadSale(f.ID)
	b.equal("changed", []int{stored.Cap, stored.PercentBP, stored.Held, stored.Version}, []int{2, 5000, 2, 2})
	events, err := b.store.Events(b.ctx, f.ID)
	b.ok(err)
	folded, err := orders.FoldFlashSale(events)
	b.ok(err)
	folded.Held = 2
	b.equal("folded", folded, stored)
	_, err = b.store.UpdateFlashSale(b.ctx, newID(), b.stamp(), func(*orders.FlashSale) error { return nil })
	b.code(err, orders.CodeNotFound)
}

func testSaleCaps(b *bench) {
	p := b.product("Mouse", 100)
	f := b.sale(p.ID, 20, 2)
	const buyers = 15
	var sold atomic.Int64
	var mu sync.Mutex
	bought := map[string]int{}
	b.AtOnce(3*buyers, func(i int) {
		who := customer(i % buyers)
		if i < buyers {
			// Some reserve first.
			if _, err := b.reserve(f, who, 1+i%2); err != nil && orders.CodeOf(err) != orders.CodeSaleLimit {
				b.Error(err)
			}
		}
		c, err := b.store.UpdateCart(b.ctx, who, newID(), []int64{p.ID},
			func(c *orders.Cart, _ map[int64]orders.Product) error {
				c.Items = []orders.CartItem{{ProductID: p.ID, Quantity: 1}}
				return nil
			})
		if err != nil {
			b.Error(err)
			return
		}
		_, placed, err := b.place(who, c.ID, "")
		if err != nil && orders.CodeOf(err) != orders.CodeOutOfStock {
			b.Error(err)
		}
		if placed {
			sold.Add(1)
			mu.Lock()
			bought[who]++
			mu.Unlock()
		}
	})
	stored := b.loadSale(f.ID)
	if stored.Sold+stored.Held > 20 || int64(stored.Sold) != sold.Load() ||
		b.stock(p.ID) != 100-stored.Sold-stored.Held {
		b.Errorf("sold %d, held %d, stock %d of 100 with %d orders and a cap of 20", stored.Sold, stored.Held,
			b.stock(p.ID), sold.Load())
	}
	for who, n := range bought {
		if n > 2 {
			b.Errorf("%s bought %d, at most 2", who, n)
		}
	}
	// What is left is sold to the last unit, and no more.
	for i := range 30 {
		who := customer(100 + i)
		_, placed, _ := b.place(who, b.cart(who, orders.CartItem{ProductID: p.ID, Quantity: 1}), "")
		if want := i < 20-stored.Sold-stored.Held; placed != want {
			b.Fatalf("buyer %d: placed %v, want %v", i, placed, want)
		}
	}
}

func testSaleBeyondCaps(b *bench) {
	p := b.product("Mouse", 100)
	f := b.sale(p.ID, 5, 3)
	order := func(who, saleID string, n int) error {
		id := b.cart(who, orders.CartItem{ProductID: p.ID, Quantity: n})
		_, _, err := b.store.Place(b.ctx,
			orders.PlaceRequest{CustomerID: who, CartID: id, At: b.now, From: b.stamp().Source},
			func(pl orders.Placement) (*orders.Order, error) {
				return b.order(pl.Cart,
					[]orders.Item{{Product: pl.Products[p.ID], Quantity: n, Sale: &orders.FlashSale{ID: saleID}}}, "")
			})
		return err
	}
	b.ok(order("ann", f.ID, 3))
	for _, c := range []struct {
		who, sale string
		n         int
	}{{"ann", f.ID, 1}, {"bob", f.ID, 3}, {"bob", newID(), 1}} {
		if order(c.who, c.sale, c.n) == nil {
			b.Errorf("%d more units were sold to %s in sale %s", c.n, c.who, c.sale)
		}
	}
	b.counts("after the refusals", f, 97, 3, 0)
}

// testSalePart orders more units than the sale has left: each part is a line.
func testSalePart(b *bench) {
	p := b.product("Mouse", 10)
	f := b.sale(p.ID, 3, 0)
	_, err := b.reserve(f, "ann", 2)
	b.ok(err)
	id := b.cart("ann", orders.CartItem{ProductID: p.ID, Quantity: 7})
	o, placed, err := b.store.Place(b.ctx,
		orders.PlaceRequest{CustomerID: "ann", CartID: id, At: b.now, From: b.stamp().Source},
		func(pl orders.Placement) (*orders.Order, error) {
			product := pl.Products[p.ID]
			return b.order(pl.Cart,
				[]orders.Item{{Product: product, Quantity: 3, Sale: &f}, {Product: product, Quantity: 4}}, "")
		})
	b.ok(err)
	b.equal("placed, lines", []any{placed, len(o.Lines), o.Lines[0].SaleID, o.Lines[1].SaleID},
		[]any{true, 2, f.ID, ""})
	b.folded(o.ID)
	b.counts("after the order", f, 3, 3, 0)
	b.update(o.ID, func(o *orders.Order) error { return o.Cancel(b.stamp(), "test") })
	b.counts("after the cancel", f, 10, 0, 0)
}

func testSaleCancel(b *bench) {
	p := b.product("Mouse", 10)
	f := b.sale(p.ID, 4, 2)
	o := b.bought("ann", p.ID, 2)
	b.equal("the line", []any{o.Lines[0].SaleID, o.Lines[0].UnitDiscount}, []any{f.ID, int64(400)})
	b.folded(o.ID)
	b.counts("sold", f, 8, 2, 0)
	_, placed, err := b.place("ann", b.cart("ann", orders.CartItem{ProductID: p.ID, Quantity: 1}), "")
	b.code(err, orders.CodeOutOfStock)
	b.equal("placed beyond the customer's cap", placed, false)
	b.update(o.ID, func(o *orders.Order) error { return o.Cancel(b.stamp(), "test") })
	b.counts("cancelled", f, 10, 0, 0)
	o = b.bought("ann", p.ID, 2)
	b.counts("sold again", f, 8, 2, 0)

	// Also when the sale is over and closed.
	b.now = f.Ends
	b.expire(10)
	b.update(o.ID, func(o *orders.Order) error { return o.Cancel(b.stamp(), "test") })
	b.counts("cancelled after the sale", f, 10, 0, 0)
}
