package orders_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
)

func TestCart(t *testing.T) {
	s := open(t, nil)
	ctx := t.Context()
	view, err := s.Cart(ctx, "ann")
	must(t, err)
	s.expect("no cart", []any{len(view.Items), view.Total}, "[0 0]")
	desk, err := s.SaveProduct(ctx, 0, event.Actor{}, func(p *orders.Product) error {
		p.Name, p.Price, p.Stock, p.DiscountBP, p.RequiresShipping, p.ShippingWeight, p.CountryOfOrigin = "Desk",
			19999, 5, 1000, true, 12_500, "Italy"
		return nil
	})
	must(t, err)
	_, err = s.AddToCart(ctx, "ann", desk.ID, 1)
	must(t, err)
	view, err = s.AddToCart(ctx, "ann", desk.ID, 1)
	must(t, err)
	want := orders.CartViewItem{
		Product:        desk,
		Quantity:       2,
		UnitList:       19999,
		UnitDiscounted: 17999,
		Subtotal:       35998,
		Shipping:       3750,
		Duty:           2000,
		Available:      5,
	}
	s.expect("item", view.Items, []orders.CartViewItem{want})
	s.expect("total", view.Total, 35998+3750+2000)

	_, err = s.AddToCart(ctx, "ann", desk.ID, 4)
	var refusal *orders.Error
	if !errors.As(err, &refusal) || refusal.Code != orders.CodeOutOfStock || refusal.Available != 5 {
		t.Errorf("6 of 5: %v", err)
	}
	for _, n := range []int{0, -1, 1_000_001, 1_000_000_000_000} {
		if _, err := s.AddToCart(ctx, "ann", desk.ID, n); orders.CodeOf(err) != orders.CodeInvalid {
			t.Errorf("adding %d: %v", n, err)
		}
	}
	for _, n := range []int{-1, 1_000_001} {
		if _, err := s.SetCartQuantity(ctx, "ann", desk.ID, n); orders.CodeOf(err) != orders.CodeInvalid {
			t.Errorf("setting %d: %v", n, err)
		}
	}
	_, err = s.AddToCart(ctx, "ann", 99, 1)
	s.expect("no such product", orders.CodeOf(err), orders.CodeNotFound)
	_, err = s.SetCartQuantity(ctx, "ann", 99, 0)
	s.expect("no such product", orders.CodeOf(err), orders.CodeNotFound)
	view, err = s.SetCartQuantity(ctx, "ann", desk.ID, 5)
	must(t, err)
	s.expect("quantity", view.Items[0].Quantity, 5)
	view, err = s.SetCartQuantity(ctx, "ann", desk.ID, 0)
	must(t, err)
	s.expect("taken out", len(view.Items), 0)
	s.fill(2)
	view, err = s.ClearCart(ctx, "ann")
	must(t, err)
	s.expect("cleared", []any{len(view.Items), view.Total}, "[0 0]")
}

func TestProducts(t *testing.T) {
	s := open(t, nil)
	for name, change := range map[string]func(*orders.Product){
		"no name":            func(p *orders.Product) { p.Name = "  " },
		"a long name":        func(p *orders.Product) { p.Name = strings.Repeat("é", 201) },
		"a name that's data": func(p *orders.Product) { p.Name = "a\x00" },
		"a negative price":   func(p *orders.Product) { p.Price = -1 },
		"a huge price":       func(p *orders.Product) { p.Price = orders.MaxPrice + 1 },
		"negative stock":     func(p *orders.Product) { p.Stock = -1 },
		"a discount of 101%": func(p *orders.Product) { p.DiscountBP = 10_100 },
		"negative weight":    func(p *orders.Product) { p.ShippingWeight = -1 },
		"another currency":   func(p *orders.Product) { p.Currency = "EUR" },
		"another id":         func(p *orders.Product) { p.ID = 77 },
	} {
		_, err := s.SaveProduct(t.Context(), s.mouse.ID, event.Actor{},
			func(p *orders.Product) error { change(p); return nil })
		if orders.CodeOf(err) == "" {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
	p, err := s.Product(t.Context(), s.mouse.ID)
	must(t, err)
	s.expect("unchanged", p, s.mouse)
	did, err := s.Restock(
		t.Context(),
		purchase.Restock{Ref: "r-1", ProductID: strconv.FormatInt(p.ID, 10), Quantity: 2},
		staff,
	)
	s.expect("restocked", []any{did, err, s.stock()}, []any{true, nil, 12})
}
