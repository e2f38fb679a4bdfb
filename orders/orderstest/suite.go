package orderstest

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/payment"
)

// TestStore is the conformance suite of orders.Store. newStore returns a
// fresh, empty one for each subtest.
func TestStore(t *testing.T, newStore func(t *testing.T) orders.Store) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, b *bench)
	}{
		{"a product comes back as it was saved", testProducts},
		{"a product's failing change saves nothing", testProductChangeFails},
		{"a restock happens once per ref", testRestock},
		{"a restock beyond the limit of the stock is refused", testRestockLimit},
		{"a cart comes back with its products", testCart},
		{"a cart's failing change saves nothing", testCartChangeFails},
		{"one customer has one open cart, made by many at once", testCartRace},
		{"an order comes back as it was placed", testPlace},
		{"a refused placement saves nothing", testPlaceRefused},
		{"an order that no shop takes is refused by the store too", testPlaceInvalid},
		{"an order that the stock can't serve is refused by the store too", testPlaceBeyondStock},
		{"a cart is ordered once, by many at once", testPlaceSameCart},
		{"what is added while a cart is ordered is not lost", testPlaceAgainstCart},
		{"a key is used once, by many at once", testPlaceSameKey},
		{"a decline frees the key", testDeclineFreesKey},
		{"a key belongs to its customer", testPlaceKeyOfOther},
		{"a cart belongs to its customer", testPlaceCartOfOther},
		{"200 buyers share 100 units", testLastUnits},
		{"orders of many products at once end, and add up", testManyProducts},
		{"a taken order number is tried again", testNumberTaken},
		{"an update is saved whole or not at all", testUpdate},
		{"a cancelled order gives back units and cart", testCancel},
		{"a cancelled order leaves another full cart alone", testCancelOtherCart},
		{"cancels and purchases at once add up", testCancelRace},
		{"due payments are claimed in order of arrival", testClaim},
		{"due payments of a higher priority are claimed first", testClaimPriority},
		{"what a clock that was set back has left due is due", testClaimClockSetBack},
		{"a payment is claimed by one worker at a time", testClaimRace},
		{"a worker that lost its lease saves nothing", testFencing},
		{"a claim is not undone by an update at the same time", testClaimAgainstUpdate},
		{"orders are listed newest first, by page", testListPages},
		{"orders are found by what a query names", testListFilters},
		{"an order is paid on a page of the provider's", testPage},
		{"events fold to the stored order", testEvents},
		{"a flash sale comes back as it was saved", testSale},
		{"a product has one flash sale at a time, made by many at once", testSaleOverlap},
		{"a flash sale changes until it is over", testSaleChange},
		{"a flash sale's caps hold, for many at once", testSaleCaps},
		{"an order beyond a flash sale's caps is refused by the store too", testSaleBeyondCaps},
		{"an order takes part of its units from a flash sale", testSalePart},
		{"a cancelled order gives its units back to the flash sale", testSaleCancel},
		{"a reservation holds units until it is used", testReservation},
		{"200 customers reserve 100 units", testReserveLastUnits},
		{"a reservation that expires gives its units back once", testReservationExpires},
		{"whoever comes gets the units of expired reservations", testReservationExpiresLazily},
		{"a reservation ends with its flash sale", testReservationEndsWithSale},
		{"stock, reservations and orders add up, whatever happens", testStockLaw},
		{"stock, reservations and orders add up, whatever happens at once", testStockLawAtOnce},
		{"what is not there is not found", testNotFound},
		{"a context that has ended does nothing", testContext},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.run(t, &bench{
				T:     t,
				ctx:   t.Context(),
				store: newStore(t),
				now:   time.Date(2026, 5, 4, 10, 0, 0, 123_456_000, time.UTC),
			})
		})
	}
}

// bench is what each test of the suite works with.
type bench struct {
	*testing.T
	ctx   context.Context
	store orders.Store
	now   time.Time
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func (b *bench) stamp() event.Stamp {
	return event.Stamp{
		At: b.now, By: event.Actor{Kind: event.ActorStaff, ID: "7", Name: "Mo O'Brien \\ \"?\""},
		Source: event.Source{Address: "2001:db8::1", Request: "req-7"},
	}
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) equal(what string, got, want any) {
	b.Helper()
	if !reflect.DeepEqual(got, want) {
		b.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
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
			available := product.AvailableAt(b.now)
			items[i] = orders.Item{Product: product, Quantity: it.Quantity}
			if sale := product.SaleAt(b.now); sale != nil {
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
	lines, err := orders.Price(items, dutyAndShipping)
	if err != nil {
		return nil, err
	}
	for i := range lines {
		lines[i].ID = newID()
	}
	return orders.NewOrder(orders.Params{
		ID: newID(), CustomerID: c.CustomerID, CartID: c.ID, IdempotencyKey: key, TermsID: "terms-1", Source: "web",
		Currency: "USD", Lines: lines, PaymentID: newID(), Method: payment.Card, Token: TokenPays,
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

// together runs f n times at once and waits.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
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
