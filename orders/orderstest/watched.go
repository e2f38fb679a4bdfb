package orderstest

import (
	"context"
	"time"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
)

// watched is the store under test, whose calls are the progress of a case.
type watched struct {
	orders.Store
	t *suite.T
}

func (w watched) Product(ctx context.Context, id int64) (orders.Product, error) {
	defer w.t.Call("Product")()
	return w.Store.Product(ctx, id)
}

func (w watched) Products(ctx context.Context) ([]orders.Product, error) {
	defer w.t.Call("Products")()
	return w.Store.Products(ctx)
}

func (w watched) FindProducts(ctx context.Context, q orders.ProductQuery) ([]orders.Product, int, error) {
	defer w.t.Call("FindProducts")()
	return w.Store.FindProducts(ctx, q)
}

func (w watched) SaveProduct(
	ctx context.Context,
	id int64,
	s event.Stamp,
	change func(*orders.Product) error,
) (orders.Product, error) {
	defer w.t.Call("SaveProduct")()
	return w.Store.SaveProduct(ctx, id, s, change)
}

func (w watched) Restock(ctx context.Context, r orders.Restock, s event.Stamp) (bool, error) {
	defer w.t.Call("Restock")()
	return w.Store.Restock(ctx, r, s)
}

func (w watched) Cart(ctx context.Context, customerID string) (orders.Cart, map[int64]orders.Product, error) {
	defer w.t.Call("Cart")()
	return w.Store.Cart(ctx, customerID)
}

func (w watched) UpdateCart(
	ctx context.Context,
	customerID, newCartID string,
	productIDs []int64,
	change func(*orders.Cart, map[int64]orders.Product) error,
) (orders.Cart, error) {
	defer w.t.Call("UpdateCart")()
	return w.Store.UpdateCart(ctx, customerID, newCartID, productIDs, change)
}

func (w watched) Place(
	ctx context.Context,
	r orders.PlaceRequest,
	decide func(orders.Placement) (*orders.Order, error),
) (o orders.Order, placed bool, err error) {
	defer w.t.Call("Place")()
	return w.Store.Place(ctx, r, decide)
}

func (w watched) Order(ctx context.Context, id string) (orders.Order, error) {
	defer w.t.Call("Order")()
	return w.Store.Order(ctx, id)
}

func (w watched) Update(ctx context.Context, id string, change func(*orders.Order) error) (orders.Order, error) {
	defer w.t.Call("Update")()
	return w.Store.Update(ctx, id, change)
}

func (w watched) List(ctx context.Context, q orders.Query) ([]orders.Order, int, error) {
	defer w.t.Call("List")()
	return w.Store.List(ctx, q)
}

func (w watched) Claim(
	ctx context.Context,
	now time.Time,
	lease time.Duration,
	token string,
	limit int,
) ([]orders.Order, error) {
	defer w.t.Call("Claim")()
	return w.Store.Claim(ctx, now, lease, token, limit)
}

func (w watched) Events(ctx context.Context, id string) ([]event.Event, error) {
	defer w.t.Call("Events")()
	return w.Store.Events(ctx, id)
}

func (w watched) FlashSale(ctx context.Context, id string) (orders.FlashSale, error) {
	defer w.t.Call("FlashSale")()
	return w.Store.FlashSale(ctx, id)
}

func (w watched) FlashSales(ctx context.Context, at time.Time) ([]orders.FlashSale, error) {
	defer w.t.Call("FlashSales")()
	return w.Store.FlashSales(ctx, at)
}

func (w watched) CreateFlashSale(ctx context.Context, f orders.FlashSale) (orders.FlashSale, error) {
	defer w.t.Call("CreateFlashSale")()
	return w.Store.CreateFlashSale(ctx, f)
}

func (w watched) UpdateFlashSale(
	ctx context.Context,
	id string,
	s event.Stamp,
	change func(*orders.FlashSale) error,
) (orders.FlashSale, error) {
	defer w.t.Call("UpdateFlashSale")()
	return w.Store.UpdateFlashSale(ctx, id, s, change)
}

func (w watched) Reserve(
	ctx context.Context,
	saleID, customerID string,
	s event.Stamp,
	decide func(orders.Product) (orders.Reservation, []event.Event, error),
) (orders.Reservation, error) {
	defer w.t.Call("Reserve")()
	return w.Store.Reserve(ctx, saleID, customerID, s, decide)
}

func (w watched) Reservation(ctx context.Context, id string) (orders.Reservation, error) {
	defer w.t.Call("Reservation")()
	return w.Store.Reservation(ctx, id)
}

func (w watched) ExpireReservations(ctx context.Context, s event.Stamp, limit int) (int, error) {
	defer w.t.Call("ExpireReservations")()
	return w.Store.ExpireReservations(ctx, s, limit)
}
