package orders_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// refusedFor checks that err names the field, and says each of the words.
func refusedFor(t *testing.T, err error, code orders.Code, field string, words ...string) {
	t.Helper()
	var e *orders.Error
	if !errors.As(err, &e) || e.Code != code || e.Field != field {
		t.Errorf("error %v; want %s for %s", err, code, field)
		return
	}
	for _, w := range words {
		if !strings.Contains(e.Message, w) {
			t.Errorf("message %q does not say %q", e.Message, w)
		}
	}
}

// A method that nobody declared is never treated as cash, which needs no proof.
func TestAnUndeclaredPaymentMethodIsRefused(t *testing.T) {
	for _, m := range []payment.Method{"", "CARD", "Cash", "ideal", "paypal", payment.StoreCredit,
		payment.OriginalMethod, " card", "card\n"} {
		t.Run(string(m), func(t *testing.T) {
			s := open(t, nil)
			s.fill(1)
			_, err := s.Checkout(t.Context(), orders.CheckoutRequest{Customer: ann, Method: m, Token: "pm_x"})
			refusedFor(t, err, orders.CodeInvalid, "payment_method", "card, cash")
			s.expect("stock", s.stock(), 10)
			_, err = orders.NewOrder(params(m), event.Stamp{At: time.Now(), By: ann})
			refusedFor(t, err, orders.CodeInvalid, "payment_method", "card, cash")
		})
	}
}

func params(m payment.Method) orders.Params {
	return orders.Params{
		ID: "o-1", CustomerID: "ann", PaymentID: "p-1", Currency: "USD", Method: m,
		Lines: []orders.Line{
			{ID: "l-1", ProductID: 1, Name: "Mouse", Quantity: 1, UnitList: 1000, Paid: money.Components{Price: 1000}},
		},
	}
}

// A declared method of the provider is charged there as a card is.
func TestADeclaredMethodIsChargedAtTheProvider(t *testing.T) {
	s := open(t, func(c *orders.Config) { c.ProviderMethods = []payment.Method{"ideal", payment.Card} })
	s.fill(1)
	o, err := s.Checkout(t.Context(), orders.CheckoutRequest{Customer: ann, Method: "ideal"}) // no token: it needs none
	must(t, err)
	s.expect("status", o.Status, orders.StatusCompleted)
	s.expect("charges", len(s.gateway.Charges()), 1)
	s.fill(1)
	_, err = s.Checkout(t.Context(), orders.CheckoutRequest{Customer: ann, Method: "IDEAL"})
	refusedFor(t, err, orders.CodeInvalid, "payment_method", "ideal, card, cash")
}

// An order whose method was lost, or is not known, is not complete without the
// provider's reference.
func TestAnUnknownMethodNeedsProof(t *testing.T) {
	o, err := orders.NewOrder(params(payment.Card), event.Stamp{At: time.Now(), By: ann})
	must(t, err)
	for _, m := range []payment.Method{"", "CARD", "ideal", payment.StoreCredit} {
		o.Payment.Method = m
		if !o.NeedsCharge() || orders.CodeOf(o.Complete(event.Stamp{At: time.Now()}, "")) != orders.CodeInvalid {
			t.Errorf("%q completes without a charge", m)
		}
	}
}

func TestNewOrderNamesTheFieldThatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name, field string
		at          time.Time
		change      func(*orders.Params)
	}{
		{"no currency", "Currency", time.Now(), func(p *orders.Params) { p.Currency = "" }},
		{"a currency that is none", "Currency", time.Now(), func(p *orders.Params) { p.Currency = "usd" }},
		{"no instant", "placed_at", time.Time{}, func(*orders.Params) {}},
		{"no customer", "CustomerID", time.Now(), func(p *orders.Params) { p.CustomerID = "" }},
		{"cash declared as the provider's", "ProviderMethods", time.Now(),
			func(p *orders.Params) { p.ProviderMethods = []payment.Method{payment.Cash} }},
		{"a method declared twice", "ProviderMethods", time.Now(),
			func(p *orders.Params) { p.ProviderMethods = []payment.Method{"ideal", "ideal"} }},
		{"a method that is no name", "ProviderMethods", time.Now(),
			func(p *orders.Params) { p.ProviderMethods = []payment.Method{"Pay Pal"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := params(payment.Card)
			c.change(&p)
			_, err := orders.NewOrder(p, event.Stamp{At: c.at, By: ann})
			refusedFor(t, err, orders.CodeInvalid, c.field)
		})
	}
}

// A library adds nothing to the price that nobody asked for.
func TestNothingIsAddedToThePriceByDefault(t *testing.T) {
	s := open(t, func(c *orders.Config) { c.Pricing = orders.Config{}.Pricing })
	lamp, err := s.SaveProduct(t.Context(), 0, staff, func(p *orders.Product) error {
		p.Name, p.Price, p.Stock, p.ShippingWeight, p.RequiresShipping, p.CountryOfOrigin = "Lamp", 4000, 10, 2000,
			true, "Italy"
		return nil
	})
	must(t, err)
	v, err := s.AddToCart(t.Context(), "ann", lamp.ID, 3)
	must(t, err)
	s.expect("total of three lamps at 40.00", v.Total, 12000)
}

func TestOrdersRefusesAStatusThatIsNone(t *testing.T) {
	_, _, err := open(t,
		nil).Orders(t.Context(), orders.Query{Status: []orders.Status{orders.StatusQueued, "COMPLETED"}})
	refusedFor(t, err, orders.CodeInvalid, "status", "COMPLETED")
}
