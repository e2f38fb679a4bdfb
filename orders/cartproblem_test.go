package orders_test

import (
	"math"
	"strconv"
	"testing"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
)

// A cart that can't be ordered is shown, says what is wrong, and can be mended.
func TestACartWithAProblemIsShownWithAWayOut(t *testing.T) {
	for _, c := range []struct {
		name   string
		code   orders.Code
		change func(s *shop)
		mended int // a quantity that can be ordered; 0: take it out
	}{
		{"fewer in stock", orders.CodeOutOfStock,
			func(s *shop) { s.reprice(func(p *orders.Product) { p.Stock = 2 }) }, 2},
		{"sold out", orders.CodeOutOfStock, func(s *shop) { s.reprice(func(p *orders.Product) { p.Stock = 0 }) }, 0},
		{"a price that the limits forbid", orders.CodeInvalid,
			func(s *shop) { s.spoil(func(p *orders.Product) { p.Price = orders.MaxPrice + 1 }) }, 0},
		{"a price that can't be multiplied", orders.CodeInvalid,
			func(s *shop) { s.spoil(func(p *orders.Product) { p.Price = math.MaxInt64 }) }, 0},
		{"another currency", orders.CodeCurrencyMismatch,
			func(s *shop) { s.spoil(func(p *orders.Product) { p.Currency = "EUR" }) }, 0},
		{"no currency", orders.CodeCurrencyMismatch,
			func(s *shop) { s.spoil(func(p *orders.Product) { p.Currency = "" }) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, nil)
			s.fill(3)
			pen, err := s.SaveProduct(t.Context(), 0, staff, func(p *orders.Product) error {
				p.Name, p.Price, p.Stock, p.CountryOfOrigin = "Pen", 200, 10, "USA"
				return nil
			})
			must(t, err)
			_, err = s.AddToCart(t.Context(), "ann", pen.ID, 1)
			must(t, err)
			c.change(s)
			v, err := s.Cart(t.Context(), "ann")
			must(t, err)
			s.expect("shown",
				[]any{len(v.Items), orders.CodeOf(v.Items[0].Problem), v.Items[1].Problem == nil, v.Orderable()},
				[]any{2, c.code, true, false})
			if v.Items[0].Problem.ProductID != s.mouse.ID || v.Items[0].Problem.Message == "" {
				t.Errorf("problem: %+v", v.Items[0].Problem)
			}
			_, err = s.Checkout(t.Context(), cash())
			s.expect("checkout", orders.CodeOf(err), c.code)
			_, err = s.AddToCart(t.Context(), "ann", pen.ID, 1)
			must(t, err)
			v, err = s.SetCartQuantity(t.Context(), "ann", s.mouse.ID, c.mended)
			must(t, err)
			s.expect("mended", v.Orderable(), true)
			o, err := s.Checkout(t.Context(), cash())
			must(t, err)
			s.expect("ordered", o.Total(), int64(c.mended)*1000+400)
		})
	}
}

// spoil saves the product past the checks of the service.
func (s *shop) spoil(change func(*orders.Product)) {
	s.t.Helper()
	_, err := s.store.SaveProduct(s.t.Context(), s.mouse.ID, event.Stamp{},
		func(p *orders.Product) error { change(p); return nil })
	must(s.t, err)
}

// What would make the total more than can be counted is refused, and changes nothing.
func TestARefusedAddChangesNothing(t *testing.T) {
	s := open(t, nil)
	dear := func() orders.Product {
		p, err := s.SaveProduct(t.Context(), 0, staff, func(p *orders.Product) error {
			p.Name, p.Price, p.Stock, p.CountryOfOrigin = "Palace", orders.MaxPrice, orders.MaxStock, "USA"
			return nil
		})
		must(t, err)
		return p
	}
	var refused error
	n := 0
	for ; refused == nil; n++ {
		_, refused = s.AddToCart(t.Context(), "ann", dear().ID, orders.MaxQuantity)
	}
	s.expect("refused", orders.CodeOf(refused), orders.CodeOverflow)
	v, err := s.Cart(t.Context(), "ann")
	must(t, err)
	s.expect("the cart", []any{len(v.Items), v.Orderable()}, []any{n - 1, true})
	o, err := s.Checkout(t.Context(), cash())
	must(t, err)
	s.expect("total", o.Total(), int64(n-1)*orders.MaxPrice*orders.MaxQuantity)
}

// The stock stays within its limit, by restocks too; beyond it, which a
// canceled order may lead to, the product sells and can be changed.
func TestTheLimitOfTheStock(t *testing.T) {
	s := open(t, nil)
	s.reprice(func(p *orders.Product) { p.Stock = orders.MaxStock - 1 })
	back := purchase.Restock{Ref: "r-1", ProductID: strconv.FormatInt(s.mouse.ID, 10), Quantity: 2}
	_, err := s.Restock(t.Context(), back, staff)
	refusedFor(t, err, orders.CodeInvalid, "stock", "1000000000")
	s.expect("stock", s.stock(), orders.MaxStock-1)
	back.Quantity = 1
	did, err := s.Restock(t.Context(), back, staff)
	s.expect("up to the limit", []any{did, err, s.stock()}, []any{true, nil, orders.MaxStock})
	did, err = s.Restock(t.Context(), back, staff)
	s.expect("done before", []any{did, err}, []any{false, nil})

	s.spoil(func(p *orders.Product) { p.Stock = orders.MaxStock + 2 })
	s.fill(1)
	_, err = s.Checkout(t.Context(), cash())
	must(t, err)
	s.reprice(func(p *orders.Product) { p.Name = "Renamed" })
	_, err = s.SaveProduct(t.Context(), s.mouse.ID, staff,
		func(p *orders.Product) error { p.Stock++; return nil })
	refusedFor(t, err, orders.CodeInvalid, "stock")
}
