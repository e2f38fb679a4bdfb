package orders

import (
	"context"
	"maps"
	"time"

	"github.com/returnkit/returnkit/orders/event"
)

// switchedSales is a Store in which no product has a flash sale while on
// reports false. What is read of the sales themselves, and what staff plan,
// stays as it is.
type switchedSales struct {
	Store
	on func(ctx context.Context) bool
}

// store returns the store that the service works with.
func (c Config) store() Store {
	if c.FlashSales == nil {
		return c.Store
	}
	return switchedSales{c.Store, c.FlashSales}
}

// Product implements Store.
func (s switchedSales) Product(ctx context.Context, id int64) (Product, error) {
	p, err := s.Store.Product(ctx, id)
	if !s.on(ctx) {
		p.Sales = nil
	}
	return p, err
}

// Products implements Store.
func (s switchedSales) Products(ctx context.Context) ([]Product, error) {
	list, err := s.Store.Products(ctx)
	return s.usual(ctx, list), err
}

// FindProducts implements Store.
func (s switchedSales) FindProducts(ctx context.Context, q ProductQuery) ([]Product, int, error) {
	list, n, err := s.Store.FindProducts(ctx, q)
	return s.usual(ctx, list), n, err
}

// usual takes the sales off the products of a list while no product has one.
func (s switchedSales) usual(ctx context.Context, list []Product) []Product {
	if !s.on(ctx) {
		for i := range list {
			list[i].Sales = nil
		}
	}
	return list
}

// Cart implements Store.
func (s switchedSales) Cart(ctx context.Context, customerID string) (Cart, map[int64]Product, error) {
	c, products, err := s.Store.Cart(ctx, customerID)
	if !s.on(ctx) {
		products = withoutSales(products)
	}
	return c, products, err
}

// UpdateCart implements Store.
func (s switchedSales) UpdateCart(ctx context.Context, customerID, newCartID string, productIDs []int64,
	change func(*Cart, map[int64]Product) error) (Cart, error) {
	if s.on(ctx) {
		return s.Store.UpdateCart(ctx, customerID, newCartID, productIDs, change)
	}
	return s.Store.UpdateCart(ctx, customerID, newCartID, productIDs,
		func(c *Cart, products map[int64]Product) error { return change(c, withoutSales(products)) })
}

// Place implements Store.
func (s switchedSales) Place(
	ctx context.Context, r PlaceRequest, decide func(Placement) (*Order, error),
) (o Order, placed bool, err error) {
	if s.on(ctx) {
		return s.Store.Place(ctx, r, decide)
	}
	return s.Store.Place(ctx, r, func(p Placement) (*Order, error) {
		p.Products = withoutSales(p.Products)
		return decide(p)
	})
}

// FlashSales implements Store: none is on at an instant.
func (s switchedSales) FlashSales(ctx context.Context, at time.Time) ([]FlashSale, error) {
	if at.IsZero() || s.on(ctx) {
		return s.Store.FlashSales(ctx, at)
	}
	return []FlashSale{}, nil
}

// Reserve implements Store.
func (s switchedSales) Reserve(ctx context.Context, saleID, customerID string, st event.Stamp,
	decide func(Product) (Reservation, []event.Event, error)) (Reservation, error) {
	if s.on(ctx) {
		return s.Store.Reserve(ctx, saleID, customerID, st, decide)
	}
	return s.Store.Reserve(ctx, saleID, customerID, st, func(p Product) (Reservation, []event.Event, error) {
		p.Sales = nil
		return decide(p)
	})
}

// withoutSales returns the products at their usual price.
func withoutSales(products map[int64]Product) map[int64]Product {
	out := maps.Clone(products)
	for id, p := range out {
		p.Sales = nil
		out[id] = p
	}
	return out
}
