package orderstest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// TestStore is the conformance suite of orders.Store: each promise of the interface's
// documentation is a subtest. newStore returns a fresh, empty store for each case.
//
// A case fails when nothing happens for 200 times as long as a call of the store takes,
// and when a call panics; what differs is printed field by field.
func TestStore(t *testing.T, newStore func(t *testing.T) orders.Store) {
	suite.Run(t, storePromises, suite.Options[*bench]{
		Start: func(t *suite.T) *bench { return newBench(t, newStore) },
		Calibrate: func(b *bench) int {
			p := b.product("Mouse", 3)
			for range 3 {
				b.bought("ann", p.ID, 1)
			}
			return 7
		},
	})
}

// bench is what each case works with.
type bench struct {
	*suite.T
	ctx   context.Context
	store orders.Store
	now   time.Time
}

func newBench(t *suite.T, newStore func(t *testing.T) orders.Store) *bench {
	return &bench{T: t, ctx: t.Context(), store: watched{newStore(t.Testing()), t},
		now: time.Date(2026, 5, 4, 10, 0, 0, 123_456_000, time.UTC)}
}

// dutyAndShipping are rules as a shop that imports and ships has them.
var dutyAndShipping = orders.Rules{DutyBP: 500, DutyFreeOrigins: []string{"USA"}, ShippingRate: 1500}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func (b *bench) stamp() event.Stamp {
	return event.Stamp{
		At: b.now, By: event.Actor{Kind: event.ActorStaff, ID: "7", Name: "Mo O'Brien \\ \"?\""},
		Source: event.Source{Address: "2001:db8::1", Request: "req-7"},
	}
}

func (b *bench) ok(err error) {
	b.Helper()
	b.OK(err)
}

func (b *bench) equal(what string, got, want any) {
	b.Helper()
	b.Equal(what, got, want)
}

func (b *bench) code(err error, want orders.Code) {
	b.Helper()
	if orders.CodeOf(err) != want {
		b.Errorf("error %v has code %q, want %q", err, orders.CodeOf(err), want)
	}
}

// product saves one with the stock.
func (b *bench) product(name string, stock int) orders.Product {
	b.Helper()
	p, err := b.store.SaveProduct(b.ctx, 0, b.stamp(), func(p *orders.Product) error {
		p.Name, p.Price, p.Currency, p.Stock = name, 1999, "USD", stock
		return nil
	})
	b.ok(err)
	return p
}

func (b *bench) stock(id int64) int {
	b.Helper()
	p, err := b.store.Product(b.ctx, id)
	b.ok(err)
	return p.Stock
}

// cart fills the customer's open cart and returns its id.
func (b *bench) cart(customer string, items ...orders.CartItem) string {
	b.Helper()
	ids := make([]int64, len(items))
	for i, it := range items {
		ids[i] = it.ProductID
	}
	c, err := b.store.UpdateCart(b.ctx, customer, newID(), ids, func(c *orders.Cart, _ map[int64]orders.Product) error {
		c.Items, c.UpdatedAt = items, b.now
		return nil
	})
	b.ok(err)
	return c.ID
}

// decide orders everything in the cart by card, or refuses like the service.
func (b *bench) decide(key string) func(orders.Placement) (*orders.Order, error) {
	return func(p orders.Placement) (*orders.Order, error) {
		if len(p.Cart.Items) == 0 {
			return nil, &orders.Error{Code: orders.CodeCartEmpty}
		}
		items := make([]orders.Item, len(p.Cart.Items))
		for i, it := range p.Cart.Items {
			product := p.Products[it.ProductID]
			available := product.Stock
			items[i] = orders.Item{Product: product, Quantity: it.Quantity}
			if sale := product.SaleAt(b.now); sale != nil {
				available += min(sale.Reserved.Quantity, sale.Left())
				items[i].Sale, available = &sale.FlashSale, min(available, sale.Left())
			}
			if it.Quantity > available {
				return nil, &orders.Error{Code: orders.CodeOutOfStock, Available: available}
			}
		}
		return b.order(p.Cart, items, key)
	}
}

func (b *bench) order(c orders.Cart, items []orders.Item, key string) (*orders.Order, error) {
	return b.orderOf("USD", c, items, key)
}

func (b *bench) orderOf(
	in money.Currency, c orders.Cart, items []orders.Item, key string,
) (*orders.Order, error) {
	lines, err := orders.Price(items, dutyAndShipping)
	if err != nil {
		return nil, err
	}
	for i := range lines {
		lines[i].ID = newID()
	}
	return orders.NewOrder(orders.Params{
		ID: newID(), CustomerID: c.CustomerID, CartID: c.ID, IdempotencyKey: key, TermsID: "terms-1", Source: "web",
		Currency: in, Lines: lines, PaymentID: newID(), Method: payment.Card, Token: TokenPays,
	}, b.stamp())
}

// place orders the cart.
func (b *bench) place(customer, cartID, key string) (orders.Order, bool, error) {
	return b.store.Place(
		b.ctx,
		orders.PlaceRequest{
			CustomerID:     customer,
			CartID:         cartID,
			IdempotencyKey: key,
			At:             b.now,
			From:           b.stamp().Source,
		},
		b.decide(key),
	)
}

// bought is an order of n units of a product.
func (b *bench) bought(customer string, productID int64, n int) orders.Order {
	b.Helper()
	o, placed, err := b.place(customer, b.cart(customer, orders.CartItem{ProductID: productID, Quantity: n}), "")
	b.ok(err)
	if !placed {
		b.Fatal("the order was there already")
	}
	return o
}

// folded checks that the events of an order give the stored one.
func (b *bench) folded(id string) {
	b.Helper()
	events, err := b.store.Events(b.ctx, id)
	b.ok(err)
	got, err := orders.Fold(events)
	b.ok(err)
	want, err := b.store.Order(b.ctx, id)
	b.ok(err)
	want.Payment.Work.Lease("", time.Time{}) // a lease is not history
	b.equal("order folded from its events", got, want)
}

func customer(i int) string { return fmt.Sprintf("customer-%03d", i) }
