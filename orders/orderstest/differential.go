package orderstest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/differ"
	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// TestDifferential drives the store and one in memory with the same random calls, with
// the ids of strangers, and fails if they answer differently. The calls are shrunk to
// those that matter, and printed with the seed. newStore is called once; 100 programs of
// up to 40 calls take a few seconds on SQLite.
func TestDifferential(t *testing.T, newStore func(t *testing.T) orders.Store, programs int) {
	suite.Run(t, []suite.Promise[*bench]{
		suite.Says("the same calls are answered alike",
			suite.By("by this store and one in memory", func(b *bench) {
				memory := NewStore()
				differ.Search(b.T, differ.Random(verbs), func(run string) (x, y differ.Object) {
					return newCaller(b, memory, run), newCaller(b, b.store, run)
				}, programs)
			}),
		),
	}, suite.Options[*bench]{Start: func(t *suite.T) *bench { return newBench(t, newStore) }})
}

// verbs are the calls, with how often each comes.
var verbs = []string{
	"product", "product", "product", "restock", "fill", "fill", "fill", "place", "place", "place", "place", "cancel",
	"decline", "complete", "queue", "attempt", "claim", "sale", "sale", "change", "end", "reserve", "reserve",
	"expire", "read", "products", "cart", "order", "list", "events", "sales", "reservation",
}

// caller makes the calls on one of the stores. Products have the store's own ids: answers
// show them as the slots that the caller has of them.
type caller struct {
	*bench
	differ.Names
	store    orders.Store
	products []int64
	orders   map[int]string // the last of a customer
	sales    map[int]string // the last of a product
	reserved map[int]string // the last of a customer
	who      event.Stamp
}

// stamp is of a stranger, by the caller's clock.
func (c *caller) stamp() event.Stamp {
	s := c.who
	s.At = c.now
	return s
}

func newCaller(b *bench, s orders.Store, run string) *caller {
	own := *b // its own clock
	names := differ.NewNames(run)
	return &caller{
		bench: &own, Names: names, store: s, products: make([]int64, len(names.IDs)),
		orders: map[int]string{}, sales: map[int]string{}, reserved: map[int]string{},
	}
}

// product is the id of a slot's product, or one that no product has.
func (c *caller) product(i int) int64 {
	if c.products[i] != 0 {
		return c.products[i]
	}
	return 1<<40 + int64(i)
}

// Do implements differ.Object.
func (c *caller) Do(ctx context.Context, op string) string {
	verb, i, j, n := differ.Parts(op)
	c.now = c.now.Add(time.Minute)
	c.who = c.Stamp(j, n)
	v, err := c.call(ctx, verb, i, j, n)
	if err != nil {
		return kindOf(err)
	}
	return productIDs.ReplaceAllStringFunc(differ.JSON(v), func(s string) string {
		at := productIDs.FindStringSubmatch(s)
		id, _ := strconv.ParseInt(at[2], 10, 64) // digits
		return fmt.Sprintf("%s%d", at[1], slices.Index(c.products, id))
	})
}

var productIDs = regexp.MustCompile(`("ProductID":|"ID":|\\"product_id\\":)(\d+)`)

// kindOf is the error in a few words.
func kindOf(err error) string {
	var e *orders.Error
	switch {
	case errors.Is(err, orders.ErrNotFound):
		return "not found"
	case errors.As(err, &e):
		return fmt.Sprintf("%s %s %d", e.Code, e.Field, e.Available)
	}
	return "error"
}

func (c *caller) call(ctx context.Context, verb string, i, j, n int) (any, error) {
	switch verb {
	case "product":
		return c.saves(ctx, i, n)
	case "restock":
		return c.store.Restock(ctx, orders.Restock{Ref: c.IDs[j] + c.Run, ProductID: c.product(i), Quantity: n - 1},
			c.stamp())
	case "fill":
		return c.store.UpdateCart(ctx, c.IDs[i], c.ID(), []int64{c.product(j)},
			func(cart *orders.Cart, seen map[int64]orders.Product) error {
				if n == 8 {
					return &orders.Error{Code: orders.CodeInvalid, Field: "items", Available: len(seen)}
				}
				item := orders.CartItem{ProductID: c.product(j), Quantity: 1 + n}
				cart.Items = append(slices.DeleteFunc(cart.Items,
					func(it orders.CartItem) bool { return it.ProductID == item.ProductID }), item)
				cart.UpdatedAt = c.now
				return nil
			})
	case "place":
		return c.places(ctx, i, j, n)
	case "cancel", "decline", "complete", "queue", "attempt":
		return c.store.Update(ctx, c.orderOf(i), func(o *orders.Order) error { return c.changes(o, verb, n) })
	case "claim":
		// What programs before left due is not this one's.
		all, err := c.store.Claim(ctx, c.now.Add(time.Duration(n)*time.Second), 10*time.Second, "token", 10_000)
		return slices.DeleteFunc(all, func(o orders.Order) bool { return !c.Own(o.ID) }), err
	}
	return c.sells(ctx, verb, i, j, n)
}

// orderOf is the id of the customer's last order, or an id that nothing has.
func (c *caller) orderOf(i int) string {
	if id, ok := c.orders[i]; ok {
		return id
	}
	return c.IDs[i]
}

func (c *caller) saves(ctx context.Context, i, n int) (any, error) {
	p, err := c.store.SaveProduct(ctx, c.products[i], c.stamp(), func(p *orders.Product) error {
		if n == 8 {
			return &orders.Error{Code: orders.CodeInvalid, Field: "name", Available: p.Stock}
		}
		p.Name, p.Category, p.Stock = "Ärger \"it's\" \\ 100 % "+c.Run, "", []int{0, 3, 12, 1000}[n%4]
		p.Price, p.Currency = []int64{1, 57, 999_999_999_999}[n%3], []money.Currency{"USD", "JPY", "KWD"}[i%3]
		return nil
	})
	if err == nil {
		c.products[i] = p.ID
	}
	return p, err
}

// places orders what is in the customer's cart in one currency, as a service does.
func (c *caller) places(ctx context.Context, i, j, n int) (any, error) {
	key := ""
	if n%2 == 0 {
		key = c.IDs[j]
	}
	id, payID := c.ID(), c.ID()
	o, placed, err := c.store.Place(ctx,
		orders.PlaceRequest{CustomerID: c.IDs[i], IdempotencyKey: key, At: c.now, From: c.stamp().Source},
		func(p orders.Placement) (*orders.Order, error) {
			if len(p.Cart.Items) == 0 {
				return nil, &orders.Error{Code: orders.CodeCartEmpty}
			}
			in := p.Products[p.Cart.Items[0].ProductID].Currency
			var items []orders.Item
			for _, it := range p.Cart.Items {
				product := p.Products[it.ProductID]
				item := orders.Item{Product: product, Quantity: it.Quantity}
				if sale := product.SaleAt(c.now); sale != nil && it.Quantity <= sale.Left() {
					item.Sale = &sale.FlashSale
				}
				if product.Currency == in {
					items = append(items, item)
				}
			}
			return c.orderAs(in, p.Cart, items, key, id, payID)
		})
	if err == nil {
		c.orders[i] = o.ID
	}
	return []any{o, placed}, err
}

func (c *caller) orderAs(
	in money.Currency, cart orders.Cart, items []orders.Item, key, id, payID string,
) (*orders.Order, error) {
	lines, err := orders.Price(items, dutyAndShipping)
	if err != nil {
		return nil, err
	}
	for i := range lines {
		lines[i].ID = fmt.Sprintf("%s-%d", id, i)
	}
	return orders.NewOrder(orders.Params{
		ID: id, CustomerID: cart.CustomerID, CartID: cart.ID, IdempotencyKey: key, TermsID: "terms-1", Source: "web",
		Currency: in, Lines: lines, PaymentID: payID, Method: payment.Card, Token: TokenPays,
	}, c.stamp())
}

func (c *caller) changes(o *orders.Order, verb string, n int) error {
	switch verb {
	case "cancel":
		return o.Cancel(c.stamp(), "it's \"late\"")
	case "decline":
		return o.Decline(c.stamp(), declinedFor("né \\"))
	case "complete":
		return o.Complete(c.stamp(), c.IDs[n%4])
	case "queue":
		return o.Queue(c.stamp(), "later")
	}
	return o.ChargeAttempted(c.stamp(), orders.ChargeResult{
		Outcome: payment.OutcomeUnknown, NextAt: c.now.Add(time.Second), NeedsReview: n == 8, MayBeCaptured: n%2 == 0,
	})
}

// service makes the changes of flash sales, with ids that are the same for all stores.
func (c *caller) service() (*orders.Service, error) {
	return orders.New(orders.Config{
		Store: c.store, Gateway: &Gateway{}, Currency: "USD", Now: func() time.Time { return c.now }, NewID: c.ID,
	})
}

func (c *caller) sells(ctx context.Context, verb string, i, j, n int) (any, error) {
	s, err := c.service()
	if err != nil {
		return nil, err
	}
	by := c.stamp().By
	switch verb {
	case "sale":
		f, err := s.CreateFlashSale(ctx, by, orders.FlashSaleParams{
			ProductID: c.product(i), Starts: c.now, Ends: c.now.Add(time.Duration(1+j) * 10 * time.Minute),
			PercentBP: 1 + 999*n, Cap: n % 5, CapPerCustomer: n % 3,
		})
		if err == nil {
			c.sales[i] = f.ID
		}
		return f, err
	case "change":
		return s.UpdateFlashSale(ctx, c.saleOf(i), by, func(d *orders.FlashSaleParams) error {
			d.Cap, d.PercentBP = n, 100*(1+n)
			return nil
		})
	case "end":
		return s.EndFlashSale(ctx, c.saleOf(i), by)
	case "reserve":
		customer := event.Actor{Kind: event.ActorCustomer, ID: c.IDs[j]}
		r, err := s.ReserveFlashSale(ctx, c.saleOf(i), customer, n)
		if err == nil {
			c.reserved[j] = r.ID
		}
		return r, err
	case "expire":
		at := c.stamp()
		at.At = at.At.Add(time.Duration(n) * time.Minute)
		_, err := c.store.ExpireReservations(ctx, at, 10_000) // of programs before too
		return nil, err
	}
	return c.shows(ctx, verb, i, j, n)
}

// saleOf is the id of the product's last flash sale, or an id that nothing has.
func (c *caller) saleOf(i int) string {
	if id, ok := c.sales[i]; ok {
		return id
	}
	return c.IDs[i]
}

func (c *caller) shows(ctx context.Context, verb string, i, j, n int) (any, error) {
	switch verb {
	case "read":
		return c.store.Product(ctx, c.product(i))
	case "products":
		all, err := c.store.Products(ctx)
		return slices.DeleteFunc(all, func(p orders.Product) bool { return !slices.Contains(c.products, p.ID) }), err
	case "cart":
		cart, products, err := c.store.Cart(ctx, c.IDs[i])
		var seen []orders.Product
		for _, it := range cart.Items {
			seen = append(seen, products[it.ProductID])
		}
		return []any{cart, seen, len(products)}, err
	case "order":
		return c.store.Order(ctx, c.orderOf(i))
	case "list":
		list, total, err := c.store.List(ctx, orders.Query{CustomerID: c.IDs[i], Page: n % 3, PageSize: 1 + n%2,
			From: c.bench.now.Add(-time.Hour), Text: []string{"", "ärger", "%", c.IDs[j]}[n%4]})
		return []any{list, total}, err
	case "sales":
		all, err := c.store.FlashSales(ctx, c.now)
		return slices.DeleteFunc(all, func(f orders.FlashSale) bool { return !c.Own(f.ID) }), err
	case "reservation":
		id, ok := c.reserved[j]
		if !ok {
			id = c.IDs[j]
		}
		return c.store.Reservation(ctx, id)
	}
	return c.told(ctx, []string{c.orderOf(i), c.saleOf(i), c.reserved[i]}[n%3])
}

// told are the events of an order, a flash sale or a reservation.
func (c *caller) told(ctx context.Context, id string) (any, error) {
	events, err := c.store.Events(ctx, id)
	all := []string{}
	for _, e := range events {
		all = append(all, fmt.Sprintf("%d %s %s %s %v %v", e.Seq, e.Type, e.Data, e.At, e.Actor, e.Source))
	}
	return all, err
}
