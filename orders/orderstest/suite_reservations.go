package orderstest

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
)

func testReservation(b *bench) {
	p := b.product("Mouse", 5)
	f := b.sale(p.ID, 0, 4)
	r := b.reserved(f, "ann", 3)
	b.equal("reservation", []any{r.Status, r.Quantity, r.ExpiresAt},
		[]any{orders.ReservationHeld, 3, b.now.Add(10 * time.Minute)})
	b.counts("reserved", f, 2, 0, 3)
	_, err := b.reserve(f, "bob", 3)
	b.code(err, orders.CodeOutOfStock)
	_, err = b.reserve(f, "ann", 5)
	b.code(err, orders.CodeSaleLimit)

	// Asking again changes the quantity, and not the end.
	b.now = b.now.Add(time.Minute)
	again := b.reserved(f, "ann", 4)
	b.equal("asked again", []any{again.ID, again.Quantity, again.ExpiresAt}, []any{r.ID, 4, r.ExpiresAt})
	b.equal("the same again", b.reserved(f, "ann", 4), again)
	b.counts("reserved more", f, 1, 0, 4)

	// Others have what is left, the customer all of it.
	_, placed, err := b.place("bob", b.cart("bob", orders.CartItem{ProductID: p.ID, Quantity: 2}), "")
	b.code(err, orders.CodeOutOfStock)
	b.equal("placed", placed, false)
	o := b.bought("ann", p.ID, 3)
	b.counts("ordered less than reserved", f, 2, 3, 0)
	used := b.foldedReservation(r.ID)
	b.equal("used", []any{used.Status, used.OrderID}, []any{orders.ReservationUsed, o.ID})
	b.now = b.now.Add(time.Hour)
	b.equal("expired after it was used", b.expire(10), 0)
	b.counts("in the end", f, 2, 3, 0)
}

func testReserveLastUnits(b *bench) {
	p := b.product("Mouse", 100)
	f := b.sale(p.ID, 0, 1)
	var held, refused atomic.Int64
	b.AtOnce(200, func(i int) {
		switch _, err := b.reserve(f, customer(i), 1); {
		case err == nil:
			held.Add(1)
		case orders.CodeOf(err) == orders.CodeOutOfStock:
			refused.Add(1)
		default:
			b.Error(err)
		}
	})
	b.equal("held and refused", []int64{held.Load(), refused.Load()}, []int64{100, 100})
	b.counts("all reserved", f, 0, 0, 100)
}

func testReservationExpires(b *bench) {
	p := b.product("Mouse", 100)
	f := b.sale(p.ID, 0, 0)
	const n = 12
	var ids []string
	for i := range n {
		ids = append(ids, b.reserved(f, customer(i), 2).ID)
	}
	b.equal("before the time", b.expire(100), 0)
	b.now = b.now.Add(10 * time.Minute)
	b.equal("one at a time", b.expire(1), 1)
	var ended atomic.Int64
	b.AtOnce(4, func(int) {
		k, err := b.store.ExpireReservations(b.ctx, b.stamp(), 100)
		if err != nil {
			b.Error(err)
		}
		ended.Add(int64(k))
	})
	b.equal("the rest, by many at once", ended.Load(), int64(n-1))
	b.counts("expired", f, 100, 0, 0)
	for _, id := range ids {
		b.equal("status", b.foldedReservation(id).Status, orders.ReservationExpired)
	}
	// The customer may reserve anew.
	b.reserved(f, customer(0), 1)
	b.counts("reserved anew", f, 99, 0, 1)
}

func testReservationExpiresLazily(b *bench) {
	p := b.product("Mouse", 2)
	f := b.sale(p.ID, 2, 2)
	first := b.reserved(f, "ann", 2)
	cart := b.cart("bob", orders.CartItem{ProductID: p.ID, Quantity: 1})
	_, _, err := b.place("bob", cart, "")
	b.code(err, orders.CodeOutOfStock)
	b.now = b.now.Add(10 * time.Minute)
	_, placed, err := b.place("bob", cart, "")
	b.ok(err)
	b.equal("placed", placed, true)
	b.counts("bought by another", f, 1, 1, 0)
	b.equal("what the other took", b.foldedReservation(first.ID).Status, orders.ReservationExpired)
	b.reserved(f, "cy", 1)
	b.counts("reserved by another", f, 0, 1, 1)
	b.now = b.now.Add(10 * time.Minute)
	b.reserved(f, "cy", 1)
	b.counts("reserved anew by the same", f, 0, 1, 1)

	// A refused order gives back what has expired all the same.
	b.now = b.now.Add(10 * time.Minute)
	_, _, err = b.place("dee", b.cart("dee", orders.CartItem{ProductID: p.ID, Quantity: 2}), "")
	b.code(err, orders.CodeOutOfStock)
	b.counts("given back", f, 1, 1, 0)

	// A refused reservation too.
	f = b.sale(b.product("Keyboard", 2).ID, 2, 2)
	last := b.reserved(f, "eve", 2)
	b.now = b.now.Add(10 * time.Minute)
	_, err = b.reserve(f, "fay", 3)
	b.code(err, orders.CodeSaleLimit)
	b.counts("given back to nobody", f, 2, 0, 0)
	events, err := b.store.Events(b.ctx, last.ID)
	b.ok(err)
	b.equal("who ended it", events[len(events)-1].Actor, event.System("flash sales"))
}

func testReservationEndsWithSale(b *bench) {
	p := b.product("Mouse", 10)
	f := b.sale(p.ID, 0, 0)
	b.now = f.Ends.Add(-time.Minute)
	late := b.reserved(f, "ann", 1)
	b.equal("it does not outlive the sale", late.ExpiresAt, f.Ends)
	b.now = b.now.Add(-20 * time.Minute)
	r := b.reserved(f, "bob", 2)
	b.now = b.now.Add(time.Minute)
	ended, err := b.shop(b.store).EndFlashSale(b.sourced(), f.ID, b.stamp().By)
	b.ok(err)
	b.equal("the end", ended.Ends, b.now)
	b.equal("shortened", b.foldedReservation(r.ID).ExpiresAt, b.now)
	b.equal("expired", b.expire(10), 2)
	_, err = b.reserve(f, "cy", 1)
	b.code(err, orders.CodeSaleNotActive)
	b.counts("given back", f, 10, 0, 0)
	loaded, err := b.store.Product(b.ctx, p.ID)
	b.ok(err)
	b.equal("sales of the product when all is over", len(loaded.Sales), 0)
	o := b.bought("cy", p.ID, 1)
	b.equal("bought after the sale", o.Lines[0].SaleID, "")
	b.counts("in the end", f, 9, 0, 0)
}

// step is something that happens to the stock of one product.
type step struct {
	Kind, Who, Quantity int
}

// randomSteps are up to 25.
func randomSteps(r *rand.Rand) []step {
	steps := make([]step, r.IntN(26))
	for i := range steps {
		steps[i] = step{r.IntN(10), r.IntN(4), 1 + r.IntN(4)}
	}
	return steps
}

// law is one product in a sale, and what happened to its stock.
type law struct {
	*bench
	product int64
	sale    orders.FlashSale
	moved   atomic.Int64 // initial stock, adjustments and restocks
}

const (
	lawStock = 12
	lawCap   = 9
	lawOwn   = 5
)

func (b *bench) law() *law {
	p := b.product("Mouse", lawStock)
	l := &law{bench: b, product: p.ID, sale: b.sale(p.ID, lawCap, lawOwn)}
	l.moved.Store(lawStock)
	return l
}

// do executes a step at an instant; refusals are answers, other errors not.
func (l *law) do(s step, at time.Time) error {
	b := *l.bench // its own clock
	b.now = at
	who := customer(s.Who)
	var err error
	switch s.Kind {
	case 0, 1, 2:
		_, err = b.reserve(l.sale, who, s.Quantity)
	case 3, 4, 5:
		var c orders.Cart
		c, err = b.store.UpdateCart(b.ctx, who, newID(), []int64{l.product},
			func(c *orders.Cart, _ map[int64]orders.Product) error {
				c.Items = []orders.CartItem{{ProductID: l.product, Quantity: s.Quantity}}
				return nil
			})
		if err == nil {
			_, _, err = b.place(who, c.ID, "")
		}
	case 6:
		var found []orders.Order
		found, _, err = b.store.List(b.ctx, orders.Query{CustomerID: who, PageSize: 1})
		if err == nil && len(found) > 0 {
			_, err = b.store.Update(b.ctx, found[0].ID,
				func(o *orders.Order) error { return o.Cancel(b.stamp(), "test") })
		}
	case 7:
		_, err = b.store.ExpireReservations(b.ctx, b.stamp(), s.Quantity)
	case 8:
		ref := newID()
		_, err = b.store.Restock(b.ctx, orders.Restock{Ref: ref, ProductID: l.product, Quantity: s.Quantity}, b.stamp())
		if err == nil {
			l.moved.Add(int64(s.Quantity))
		}
	case 9:
		delta := 0
		_, err = b.store.SaveProduct(b.ctx, l.product, b.stamp(), func(p *orders.Product) error {
			delta = max(p.Stock-1, 0) - p.Stock
			p.Stock += delta
			return nil
		})
		if err == nil {
			l.moved.Add(int64(delta))
		}
	}
	if orders.CodeOf(err) != "" {
		return nil
	}
	return err
}

// holds recounts the law from what the store gives back.
func (l *law) holds() bool {
	l.Helper()
	found, _, err := l.store.List(l.ctx, orders.Query{PageSize: orders.MaxPageSize})
	l.ok(err)
	taken, sold, own := 0, 0, map[string]int{}
	for _, o := range found {
		for _, line := range o.Lines {
			if line.ProductID != l.product || o.Status == orders.StatusCanceled {
				continue
			}
			taken += line.Quantity
			if line.SaleID == l.sale.ID {
				sold += line.Quantity
				own[o.CustomerID] += line.Quantity
			}
		}
	}
	held := 0
	for i := range 4 {
		p, err := l.asSeenBy(customer(i))
		l.ok(err)
		for _, st := range p.Sales {
			held += st.Reserved.Quantity
			if st.Bought != own[customer(i)] || st.Bought > lawOwn {
				l.Errorf("%s bought %d, counted %d, at most %d", customer(i), own[customer(i)], st.Bought, lawOwn)
				return false
			}
		}
	}
	f := l.loadSale(l.sale.ID)
	stock := l.stock(l.product)
	if stock != int(l.moved.Load())-taken-held || stock < 0 || f.Sold != sold || f.Held != held || sold+held > lawCap {
		l.Errorf("stock %d, moved in %d, taken %d; sale: sold %d of %d, held %d of %d, cap %d", stock, l.moved.Load(),
			taken, f.Sold, sold, f.Held, held, lawCap)
		return false
	}
	return true
}

// asSeenBy is the product as it stands for a customer; nothing is changed.
func (l *law) asSeenBy(customer string) (p orders.Product, err error) {
	_, err = l.store.UpdateCart(l.ctx, customer, newID(), []int64{l.product},
		func(_ *orders.Cart, products map[int64]orders.Product) error {
			p = products[l.product]
			return nil
		})
	return p, err
}

// testStockLaw is I4: on hand = initial + adjustments + restocked - units of
// orders not canceled - live reservations, and the counts of the sale are
// those of its orders and reservations, within the caps, whatever came before.
func testStockLaw(b *bench) {
	r := rand.New(rand.NewPCG(1, 1))
	// An order that takes a part of what is reserved comes at random in few runs.
	programs := [][]step{{{0, 0, 4}, {3, 0, 1}, {6, 0, 1}, {0, 1, 3}, {3, 1, 2}, {7, 0, 4}}}
	for range 8 {
		programs = append(programs, randomSteps(r))
	}
	for _, steps := range programs {
		// The store keeps what the runs before did; each has its customers.
		l := b.law()
		at := b.now
		for i, s := range steps {
			at = at.Add(2 * time.Minute)
			if at.After(l.sale.Ends) {
				at = l.sale.Ends.Add(-time.Second)
			}
			if err := l.do(s, at); err != nil {
				b.Fatalf("%+v: %v", s, err)
			}
			if (i%3 == 2 || i == len(steps)-1) && !l.holds() {
				b.Fatalf("after %+v", steps[:i+1])
			}
		}
	}
}

func testStockLawAtOnce(b *bench) {
	l := b.law()
	b.AtOnce(8, func(i int) {
		r := rand.New(rand.NewPCG(uint64(i), 11))
		at := b.now
		for range 15 {
			at = at.Add(time.Duration(r.IntN(70)) * time.Second)
			if err := l.do(step{r.IntN(10), r.IntN(4), 1 + r.IntN(4)}, at); err != nil {
				b.Error(err)
			}
		}
	})
	l.holds()
}
