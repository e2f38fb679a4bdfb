package orders_test

import (
	"errors"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// reprice changes the product as staff do.
func (s *shop) reprice(change func(*orders.Product)) {
	s.t.Helper()
	_, err := s.SaveProduct(s.t.Context(), s.mouse.ID, staff,
		func(p *orders.Product) error { change(p); return nil })
	must(s.t, err)
}

// Nobody is charged more than the total they were shown, whatever raised it.
func TestNobodyIsChargedMoreThanTheyWereShown(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(s *shop)
		now    int64 // minor units; 2000 were shown
	}{
		{"nothing changed", func(*shop) {}, 2000},
		{"a higher price", func(s *shop) { s.reprice(func(p *orders.Product) { p.Price = 1750 }) }, 3500},
		{"a lower price", func(s *shop) { s.reprice(func(p *orders.Product) { p.Price = 500 }) }, 1000},
		{"a discount that ended", func(s *shop) {
			s.reprice(func(p *orders.Product) {
				p.Price, p.DiscountBP = 2000, 1000
			})
		}, 3600},
		{"shipping", func(s *shop) {
			s.reprice(func(p *orders.Product) { p.ShippingWeight, p.RequiresShipping = 1000, true })
		}, 2300},
		{"import duty", func(s *shop) { s.reprice(func(p *orders.Product) { p.CountryOfOrigin = "Italy" }) }, 2100},
		{"another unit, from a second tab", func(s *shop) { s.fill(1) }, 3000},
		{"a unit less, from a second tab", func(s *shop) {
			_, err := s.SetCartQuantity(s.t.Context(), "ann", s.mouse.ID, 1)
			must(s.t, err)
		}, 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, nil)
			s.fill(2)
			c.change(s)
			r := card("key")
			r.Total = money.New(2000, "USD")
			o, err := s.Checkout(t.Context(), r)
			if c.now <= 2000 {
				must(t, err)
				s.expect("charged", s.gateway.Charges()[0].Amount, c.now)
				return
			}
			var changed *orders.Error
			if !errors.As(err, &changed) || changed.Code != orders.CodePriceChanged || changed.Field != "total" {
				t.Fatalf("order %+v, error %v", o, err)
			}
			s.expect("old and new", []any{changed.OldTotal, changed.NewTotal},
				[]any{money.New(2000, "USD"), money.New(c.now, "USD")})
			s.expect("charges and stock", []any{len(s.gateway.Charges()), s.stock()}, "[0 10]")
			// The same key, with the new total, orders the same cart.
			r.Total = changed.NewTotal
			o, err = s.Checkout(t.Context(), r)
			must(t, err)
			s.expect("charged", []any{o.Total(), s.gateway.Charges()[0].Amount}, []any{c.now, c.now})
			// Asked again, the order answers, whatever the price is by now.
			s.reprice(func(p *orders.Product) { p.Price = 9999 })
			again, err := s.Checkout(t.Context(), r)
			must(t, err)
			s.expect("again", again.ID, o.ID)
		})
	}
}

// A sale that ends, or sells out, between the page and the order is a rise too.
func TestAFlashSaleThatIsOverIsNotOrderedAtAnotherPrice(t *testing.T) {
	for name, end := range map[string]func(*shop, orders.FlashSale){
		"ended": func(s *shop, f orders.FlashSale) {
			_, err := s.EndFlashSale(s.t.Context(), f.ID, staff)
			must(s.t, err)
		},
		"sold out": func(s *shop, _ orders.FlashSale) {
			_, err := s.AddToCart(s.t.Context(), "bob", s.mouse.ID, 3)
			must(s.t, err)
			_, err = s.Checkout(s.t.Context(),
				orders.CheckoutRequest{Customer: event.Actor{ID: "bob"}, Method: payment.Cash})
			must(s.t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, nil)
			f := s.sale(5000, 3, 0)
			s.fill(2)
			v, err := s.Cart(t.Context(), "ann")
			must(t, err)
			end(s, f)
			r := cash()
			r.Total = money.New(v.Total, v.Currency)
			_, err = s.Checkout(t.Context(), r)
			s.expect("refused", orders.CodeOf(err), orders.CodePriceChanged)
		})
	}
}

func TestConsentIsCheckedBeforeStockAndAfterTheCart(t *testing.T) {
	s := open(t, nil)
	s.fill(2)
	s.reprice(func(p *orders.Product) { p.Price, p.Stock = 1500, 1 })
	r := cash()
	r.Total = money.New(2000, "USD")
	_, err := s.Checkout(t.Context(), r)
	s.expect("price before stock", orders.CodeOf(err), orders.CodePriceChanged)
	r.CartID = "01890000-0000-7000-8000-000000000000"
	_, err = s.Checkout(t.Context(), r)
	s.expect("cart before price", orders.CodeOf(err), orders.CodeNotFound)
	r.CartID, r.Total = "", money.New(-1, "USD")
	_, err = s.Checkout(t.Context(), r)
	refusedFor(t, err, orders.CodeInvalid, "total")
	r.Total = money.New(5000, "EUR")
	_, err = s.Checkout(t.Context(), r)
	s.expect("another currency", orders.CodeOf(err), orders.CodePriceChanged)
	r.Total = money.New(5000, "dollars")
	_, err = s.Checkout(t.Context(), r)
	refusedFor(t, err, orders.CodeInvalid, "currency", "USD")
}

// A product sells in its own currency, and an order has one.
func TestAProductSellsInItsOwnCurrencyOnly(t *testing.T) {
	s := open(t, func(c *orders.Config) {
		c.Currencies, c.Pricing = []money.Currency{"USD", "JPY", "KWD"}, orders.Rules{}
	})
	product := func(name string, price int64, c money.Currency) orders.Product {
		p, err := s.SaveProduct(t.Context(), 0, staff, func(p *orders.Product) error {
			p.Name, p.Price, p.Stock, p.Currency = name, price, 10, c
			return nil
		})
		must(t, err)
		return p
	}
	tea := product("Tea", 1050, "JPY")
	oil := product("Oil", 1234, "KWD")
	for customer, p := range map[string]orders.Product{"yuki": tea, "omar": oil, "ann": s.mouse} {
		v, err := s.AddToCart(t.Context(), customer, p.ID, 2)
		must(t, err)
		s.expect("cart", []any{v.Total, v.Currency}, []any{2 * p.Price, p.Currency})
		o, err := s.Checkout(t.Context(), orders.CheckoutRequest{
			Customer: event.Actor{ID: customer},
			Method:   payment.Card,
			Token:    "pm_x",
			Total:    money.New(v.Total, v.Currency),
		})
		must(t, err)
		charged := s.gateway.Charges()[len(s.gateway.Charges())-1]
		s.expect("order and charge", []any{o.Currency, charged.Amount, charged.Currency},
			[]any{p.Currency, 2 * p.Price, p.Currency})
	}
	s.fill(1)
	_, err := s.AddToCart(t.Context(), "ann", tea.ID, 1)
	refusedFor(t, err, orders.CodeCurrencyMismatch, "currency", "Tea", "JPY", "USD", "by itself")
	v, err := s.Cart(t.Context(), "ann")
	must(t, err)
	s.expect("a refused add changes nothing", []any{len(v.Items), v.Total}, "[1 1000]")
	_, err = s.SaveProduct(t.Context(), tea.ID, staff,
		func(p *orders.Product) error { p.Currency = "KWD"; return nil })
	refusedFor(t, err, orders.CodeCurrencyMismatch, "currency", "Tea", "JPY")
	_, err = s.SaveProduct(t.Context(), 0, staff, func(p *orders.Product) error {
		p.Name, p.Currency = "Cake", "EUR"
		return nil
	})
	refusedFor(t, err, orders.CodeCurrencyMismatch, "currency", "EUR", "USD, JPY, KWD")
}

// Started in another currency, a shop sells nothing at the old numbers.
func TestAChangedCurrencySellsNothingAtTheOldNumbers(t *testing.T) {
	s := open(t, nil)
	s.fill(1)
	f := s.sale(1000, 0, 0)
	yen, err := orders.New(orders.Config{Store: s.store, Gateway: s.gateway, Currency: "JPY"})
	must(t, err)
	_, err = yen.AddToCart(t.Context(), "bob", s.mouse.ID, 1)
	refusedFor(t, err, orders.CodeCurrencyMismatch, "currency", "Mouse", "USD", "JPY")
	v, err := yen.Cart(t.Context(), "ann")
	must(t, err)
	s.expect("the cart is shown", []any{v.Orderable(), v.Total, orders.CodeOf(v.Items[0].Problem)},
		[]any{false, 0, orders.CodeCurrencyMismatch})
	_, err = yen.Checkout(t.Context(), cash())
	s.expect("checkout", orders.CodeOf(err), orders.CodeCurrencyMismatch)
	_, err = yen.CreateFlashSale(t.Context(), staff, orders.FlashSaleParams{
		ProductID: s.mouse.ID, Starts: time.Now().Add(2 * time.Hour), Ends: time.Now().Add(3 * time.Hour),
		PercentBP: 1000,
	})
	s.expect("flash sale", orders.CodeOf(err), orders.CodeCurrencyMismatch)
	_, err = yen.ReserveFlashSale(t.Context(), f.ID, ann, 1)
	s.expect("reservation", orders.CodeOf(err), orders.CodeCurrencyMismatch)
	_, err = yen.SetCartQuantity(t.Context(), "ann", s.mouse.ID, 0)
	must(t, err)
	s.expect("charges and stock", []any{len(s.gateway.Charges()), s.stock()}, "[0 10]")
	_, err = yen.SaveProduct(t.Context(), s.mouse.ID, staff,
		func(p *orders.Product) error { p.Name = "Old mouse"; return nil })
	must(t, err)
}
