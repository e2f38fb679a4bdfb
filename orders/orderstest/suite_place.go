package orderstest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/payment"
)

func testPlace(b *bench) {
	mouse, desk := b.product("Mouse", 3), b.product("Desk's <b>", 2)
	cartID := b.cart("ann", orders.CartItem{ProductID: desk.ID, Quantity: 2},
		orders.CartItem{ProductID: mouse.ID, Quantity: 1})
	var made *orders.Order
	o, placed, err := b.store.Place(b.ctx, orders.PlaceRequest{CustomerID: "ann", IdempotencyKey: "k-1"},
		func(p orders.Placement) (*orders.Order, error) {
			b.equal("cart in the placement", p.Cart.ID, cartID)
			b.equal("products in the placement", p.Products, map[int64]orders.Product{mouse.ID: mouse, desk.ID: desk})
			o, err := b.decide("k-1")(p)
			o.Payment.Work.Lease("worker", b.now.Add(10e9))
			made = o
			return o, err
		})
	b.ok(err)
	if !placed {
		b.Fatal("placed is false")
	}
	b.equal("placed order", o, made.Clone())
	stored, err := b.store.Order(b.ctx, o.ID)
	b.ok(err)
	b.equal("stored order", stored, o)
	b.equal("stock", []int{b.stock(mouse.ID), b.stock(desk.ID)}, []int{2, 0})
	b.folded(o.ID)

	c, _, err := b.store.Cart(b.ctx, "ann")
	b.ok(err)
	b.equal("open cart after the order", c, orders.Cart{CustomerID: "ann"})
}

func testPlaceRefused(b *bench) {
	p := b.product("Mouse", 3)
	id := b.cart("ann", orders.CartItem{ProductID: p.ID, Quantity: 4})
	_, placed, err := b.place("ann", id, "k")
	b.code(err, orders.CodeOutOfStock)
	b.equal("placed", placed, false)
	_, _, err = b.place("bob", "", "k")
	b.code(err, orders.CodeCartEmpty)
	b.equal("stock", b.stock(p.ID), 3)
	_, n, err := b.store.List(b.ctx, orders.Query{})
	b.ok(err)
	b.equal("orders", n, 0)
	c, _, err := b.store.Cart(b.ctx, "ann")
	b.ok(err)
	b.equal("the cart is still open", c.ID, id)

	b.cart("ann", orders.CartItem{ProductID: p.ID, Quantity: 3})
	_, placed, err = b.place("ann", id, "k")
	b.ok(err)
	b.equal("the key is free after a refusal", placed, true)
}

// testPlaceInvalid hands the store orders that NewOrder does not make.
func testPlaceInvalid(b *bench) {
	p := b.product("Mouse", 3)
	id := b.cart("ann", orders.CartItem{ProductID: p.ID, Quantity: 1})
	for _, c := range []struct {
		name, field string
		spoil       func(*orders.Order)
	}{
		{"no payment method", "payment_method", func(o *orders.Order) { o.Payment.Method = "" }},
		{"a method in upper case", "payment_method", func(o *orders.Order) { o.Payment.Method = "CARD" }},
		{"store credit", "store_credit", func(o *orders.Order) { o.Payment.Method = payment.StoreCredit }},
		{"the original method", "payment_method", func(o *orders.Order) { o.Payment.Method = payment.OriginalMethod }},
		{"no currency", "currency", func(o *orders.Order) { o.Currency = "" }},
		{"an unknown status", "status", func(o *orders.Order) { o.Status = "paid" }},
		{"an unknown status of the payment", "payment", func(o *orders.Order) { o.Payment.Status = "" }},
		{"no instant", "placed_at", func(o *orders.Order) { o.PlacedAt = time.Time{} }},
		{"another amount than its lines", "payment", func(o *orders.Order) { o.Payment.Amount++ }},
		{"no customer", "customer", func(o *orders.Order) { o.CustomerID = "" }},
	} {
		_, placed, err := b.store.Place(b.ctx, orders.PlaceRequest{CustomerID: "ann", CartID: id},
			func(pl orders.Placement) (*orders.Order, error) {
				o, err := b.decide("")(pl)
				if err == nil {
					c.spoil(o)
				}
				return o, err
			})
		var refused *orders.Error
		if !errors.As(err, &refused) || refused.Code != orders.CodeInvalid || refused.Field != c.field || placed {
			b.Errorf("%s: placed %v, error %v; want it refused for %s", c.name, placed, err, c.field)
		}
	}
	b.equal("stock", b.stock(p.ID), 3)
	o := b.bought("ann", p.ID, 1)
	_, err := b.store.Update(b.ctx, o.ID, func(o *orders.Order) error {
		o.Payment.Method = ""
		return nil
	})
	b.code(err, orders.CodeInvalid)
}

func testPlaceBeyondStock(b *bench) {
	p := b.product("Mouse", 3)
	id := b.cart("ann", orders.CartItem{ProductID: p.ID, Quantity: 4})
	_, _, err := b.store.Place(b.ctx, orders.PlaceRequest{CustomerID: "ann", CartID: id},
		func(pl orders.Placement) (*orders.Order, error) {
			return b.order(pl.Cart, []orders.Item{{Product: pl.Products[p.ID], Quantity: 4}}, "")
		})
	if err == nil {
		b.Error("4 of 3 units were sold")
	}
	b.equal("stock", b.stock(p.ID), 3)
}

func testPlaceSameCart(b *bench) {
	p := b.product("Mouse", 100)
	for round := range 10 {
		id := b.cart("ann", orders.CartItem{ProductID: p.ID, Quantity: 2})
		var mu sync.Mutex
		ids, placed := map[string]bool{}, 0
		b.AtOnce(4, func(i int) {
			o, did, err := b.place("ann", id, fmt.Sprintf("key-%d-%d", round, i))
			if err != nil {
				b.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			ids[o.ID] = true
			if did {
				placed++
			}
		})
		b.equal("orders of one cart", []int{len(ids), placed}, []int{1, 1})
		b.equal("stock", b.stock(p.ID), 100-2*(round+1))
	}
}

func testPlaceSameKey(b *bench) {
	p := b.product("Mouse", 100)
	id := b.cart("ann", orders.CartItem{ProductID: p.ID, Quantity: 1})
	first, _, err := b.place("ann", id, "k")
	b.ok(err)
	b.cart("ann", orders.CartItem{ProductID: p.ID, Quantity: 5})
	again, placed, err := b.place("ann", "", "k")
	b.ok(err)
	b.equal("the order of the key", []any{again, placed}, []any{first, false})
	b.equal("stock", b.stock(p.ID), 99)

	// A canceled order still answers for its key.
	_, err = b.store.Update(b.ctx, first.ID, func(o *orders.Order) error { return o.Cancel(b.stamp(), "test") })
	b.ok(err)
	again, placed, err = b.place("ann", "", "k")
	b.ok(err)
	b.equal("the order of the key", []any{again.ID, again.Status, placed},
		[]any{first.ID, orders.StatusCanceled, false})

	var placements atomic.Int64
	b.AtOnce(6, func(int) {
		if _, did, err := b.place("ann", "", "k2"); err != nil {
			b.Error(err)
		} else if did {
			placements.Add(1)
		}
	})
	b.equal("orders of one key", placements.Load(), int64(1))
}

func testDeclineFreesKey(b *bench) {
	p := b.product("Mouse", 3)
	id := b.cart("ann", orders.CartItem{ProductID: p.ID, Quantity: 1})
	first, _, err := b.place("ann", id, "k")
	b.ok(err)
	b.update(first.ID, func(o *orders.Order) error { return o.Decline(b.stamp(), declinedFor("test")) })
	b.folded(first.ID)
	second, placed, err := b.place("ann", id, "k")
	b.ok(err)
	b.equal("placed under the key", placed, true)
	again, placed, err := b.place("ann", id, "k")
	b.ok(err)
	b.equal("again", []any{again.ID, placed}, []any{second.ID, false})
	// One that was accepted first keeps its key.
	b.update(second.ID, func(o *orders.Order) error { return o.Queue(b.stamp(), "test") })
	b.update(second.ID, func(o *orders.Order) error { return o.Decline(b.stamp(), declinedFor("test")) })
	again, placed, err = b.place("ann", id, "k")
	b.ok(err)
	b.equal("after the decline of a queued order", []any{again.ID, placed}, []any{second.ID, false})
}

func testPlaceKeyOfOther(b *bench) {
	p := b.product("Mouse", 100)
	for _, c := range []struct{ who, key string }{
		{"ann", "same key"}, {"bob", "same key"}, {"Ann", "same key"}, {"ann", "Same Key"},
	} {
		_, placed, err := b.place(c.who, b.cart(c.who, orders.CartItem{ProductID: p.ID, Quantity: 1}), c.key)
		b.ok(err)
		b.equal("placed for "+c.who+" under "+c.key, placed, true)
	}
}

func testPlaceCartOfOther(b *bench) {
	p := b.product("Mouse", 100)
	id := b.cart("ann", orders.CartItem{ProductID: p.ID, Quantity: 1})
	for _, other := range []string{"bob", "Ann"} {
		_, _, err := b.place(other, id, "")
		b.code(err, orders.CodeNotFound)
	}
	_, _, err := b.place("ann", "no-such-cart", "")
	b.code(err, orders.CodeNotFound)
	_, _, err = b.place("ann", id, "")
	b.ok(err)
	_, _, err = b.place("bob", id, "")
	b.code(err, orders.CodeNotFound)
}

func testLastUnits(b *bench) {
	p := b.product("Mouse", 100)
	const buyers = 200
	for i := range buyers {
		b.cart(customer(i), orders.CartItem{ProductID: p.ID, Quantity: 1})
	}
	var sold, refused atomic.Int64
	b.AtOnce(buyers, func(i int) {
		_, placed, err := b.place(customer(i), "", "")
		switch {
		case err == nil && placed:
			sold.Add(1)
		case orders.CodeOf(err) == orders.CodeOutOfStock:
			refused.Add(1)
		default:
			b.Errorf("buyer %d: placed %v, %v", i, placed, err)
		}
	})
	b.equal("sold and refused", []int64{sold.Load(), refused.Load()}, []int64{100, 100})
	b.equal("stock", b.stock(p.ID), 0)
	_, n, err := b.store.List(b.ctx, orders.Query{})
	b.ok(err)
	b.equal("orders", n, 100)
}

func testManyProducts(b *bench) {
	var products []orders.Product
	for i := range 5 {
		products = append(products, b.product(fmt.Sprintf("P%d", i), 1000))
	}
	const buyers = 40
	sold := map[int64]int{}
	for i := range buyers {
		// Each cart names its products in another order.
		var items []orders.CartItem
		for k := range 3 {
			p := products[(i*(k+1)+k)%5]
			dup := false
			for _, it := range items {
				dup = dup || it.ProductID == p.ID
			}
			if !dup {
				items = append(items, orders.CartItem{ProductID: p.ID, Quantity: k + 1})
				sold[p.ID] += k + 1
			}
		}
		b.cart(customer(i), items...)
	}
	b.AtOnce(buyers, func(i int) {
		if _, _, err := b.place(customer(i), "", ""); err != nil {
			b.Error(err)
		}
	})
	for _, p := range products {
		b.equal("stock of "+p.Name, b.stock(p.ID), 1000-sold[p.ID])
	}
}

func testNumberTaken(b *bench) {
	p := b.product("Mouse", 10)
	first := b.bought("ann", p.ID, 1)
	id := b.cart("bob", orders.CartItem{ProductID: p.ID, Quantity: 1})
	tries := 0
	o, placed, err := b.store.Place(b.ctx, orders.PlaceRequest{CustomerID: "bob", CartID: id},
		func(pl orders.Placement) (*orders.Order, error) {
			o, err := b.decide("")(pl)
			if tries++; tries == 1 {
				o.Number = first.Number
			}
			return o, err
		})
	b.ok(err)
	if !placed || o.Number == first.Number || tries < 2 {
		b.Errorf("placed %v as %s after %d tries", placed, o.Number, tries)
	}
	b.equal("stock", b.stock(p.ID), 8)
}

// testPlaceAgainstCart: what is put in a cart while it is ordered is in the
// order or in the customer's next cart, never lost and never in both.
func testPlaceAgainstCart(b *bench) {
	p, q := b.product("Mouse", 1000), b.product("Desk", 1000)
	const added = 5
	for i := range 25 {
		who := customer(i)
		b.cart(who, orders.CartItem{ProductID: p.ID, Quantity: 1})
		var o orders.Order
		b.AtOnce(2, func(k int) {
			var err error
			places := k == i%2 // the one that starts first differs
			if places {
				o, _, err = b.place(who, "", "")
			}
			for n := 0; !places && n < added && err == nil; n++ {
				_, err = b.store.UpdateCart(b.ctx, who, newID(), []int64{q.ID}, oneMore(q.ID))
			}
			if err != nil {
				b.Error(err)
			}
		})
		c, _, err := b.store.Cart(b.ctx, who)
		b.ok(err)
		ordered, left := 0, 0
		for _, l := range o.Lines {
			ordered += l.Quantity
		}
		for _, it := range c.Items {
			left += it.Quantity
		}
		if ordered+left != 1+added {
			b.Fatalf("round %d: %d units ordered and %d in the next cart, want %d in all", i, ordered, left, 1+added)
		}
	}
}

// oneMore adds a unit of the product to a cart.
func oneMore(product int64) func(*orders.Cart, map[int64]orders.Product) error {
	return func(c *orders.Cart, _ map[int64]orders.Product) error {
		for i := range c.Items {
			if c.Items[i].ProductID == product {
				c.Items[i].Quantity++
				return nil
			}
		}
		c.Items = append(c.Items, orders.CartItem{ProductID: product, Quantity: 1})
		return nil
	}
}
