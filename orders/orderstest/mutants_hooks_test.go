//go:build mutants

package orderstest

import (
	"context"
	"time"

	"github.com/returnkit/returnkit/internal/suite"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
)

type (
	deciding  = func(orders.Placement) (*orders.Order, error)
	changing  = func(*orders.Order) error
	filling   = func(*orders.Cart, map[int64]orders.Product) error
	saving    = func(*orders.Product) error
	selling   = func(*orders.FlashSale) error
	reserving = func(orders.Product) (orders.Reservation, []event.Event, error)
)

// hooked is a store in memory with some of its methods made wrong. A hook that is nil
// leaves its method right.
type hooked struct {
	*Store
	product     func(ctx context.Context, id int64) (orders.Product, error)
	products    func(ctx context.Context, q orders.ProductQuery) ([]orders.Product, int, error)
	save        func(ctx context.Context, id int64, s event.Stamp, change saving) (orders.Product, error)
	restock     func(ctx context.Context, r orders.Restock, s event.Stamp) (bool, error)
	cart        func(ctx context.Context, customer string) (orders.Cart, map[int64]orders.Product, error)
	fill        func(ctx context.Context, customer, id string, products []int64, change filling) (orders.Cart, error)
	place       func(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error)
	order       func(ctx context.Context, id string) (orders.Order, error)
	update      func(ctx context.Context, id string, change changing) (orders.Order, error)
	list        func(ctx context.Context, q orders.Query) ([]orders.Order, int, error)
	claim       func(context.Context, time.Time, time.Duration, string, int) ([]orders.Order, error)
	history     func(ctx context.Context, id string) ([]event.Event, error)
	sale        func(ctx context.Context, id string) (orders.FlashSale, error)
	on          func(ctx context.Context, at time.Time) ([]orders.FlashSale, error)
	create      func(ctx context.Context, f orders.FlashSale) (orders.FlashSale, error)
	alter       func(ctx context.Context, id string, s event.Stamp, change selling) (orders.FlashSale, error)
	reserve     func(context.Context, string, string, event.Stamp, reserving) (orders.Reservation, error)
	reservation func(ctx context.Context, id string) (orders.Reservation, error)
	expire      func(ctx context.Context, s event.Stamp, limit int) (int, error)
}

func (h *hooked) Product(ctx context.Context, id int64) (orders.Product, error) {
	if h.product != nil {
		return h.product(ctx, id)
	}
	return h.Store.Product(ctx, id)
}

func (h *hooked) FindProducts(ctx context.Context, q orders.ProductQuery) ([]orders.Product, int, error) {
	if h.products != nil {
		return h.products(ctx, q)
	}
	return h.Store.FindProducts(ctx, q)
}

func (h *hooked) SaveProduct(ctx context.Context, id int64, s event.Stamp, change saving) (orders.Product, error) {
	if h.save != nil {
		return h.save(ctx, id, s, change)
	}
	return h.Store.SaveProduct(ctx, id, s, change)
}

func (h *hooked) Restock(ctx context.Context, r orders.Restock, s event.Stamp) (bool, error) {
	if h.restock != nil {
		return h.restock(ctx, r, s)
	}
	return h.Store.Restock(ctx, r, s)
}

func (h *hooked) Cart(ctx context.Context, customer string) (orders.Cart, map[int64]orders.Product, error) {
	if h.cart != nil {
		return h.cart(ctx, customer)
	}
	return h.Store.Cart(ctx, customer)
}

func (h *hooked) UpdateCart(
	ctx context.Context, customer, id string, products []int64, change filling,
) (orders.Cart, error) {
	if h.fill != nil {
		return h.fill(ctx, customer, id, products, change)
	}
	return h.Store.UpdateCart(ctx, customer, id, products, change)
}

func (h *hooked) Place(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error) {
	if h.place != nil {
		return h.place(ctx, r, decide)
	}
	return h.Store.Place(ctx, r, decide)
}

func (h *hooked) Order(ctx context.Context, id string) (orders.Order, error) {
	if h.order != nil {
		return h.order(ctx, id)
	}
	return h.Store.Order(ctx, id)
}

func (h *hooked) Update(ctx context.Context, id string, change changing) (orders.Order, error) {
	if h.update != nil {
		return h.update(ctx, id, change)
	}
	return h.Store.Update(ctx, id, change)
}

func (h *hooked) List(ctx context.Context, q orders.Query) ([]orders.Order, int, error) {
	if h.list != nil {
		return h.list(ctx, q)
	}
	return h.Store.List(ctx, q)
}

func (h *hooked) Claim(
	ctx context.Context, now time.Time, lease time.Duration, token string, limit int,
) ([]orders.Order, error) {
	if h.claim != nil {
		return h.claim(ctx, now, lease, token, limit)
	}
	return h.Store.Claim(ctx, now, lease, token, limit)
}

func (h *hooked) Events(ctx context.Context, id string) ([]event.Event, error) {
	if h.history != nil {
		return h.history(ctx, id)
	}
	return h.Store.Events(ctx, id)
}

func (h *hooked) FlashSale(ctx context.Context, id string) (orders.FlashSale, error) {
	if h.sale != nil {
		return h.sale(ctx, id)
	}
	return h.Store.FlashSale(ctx, id)
}

func (h *hooked) FlashSales(ctx context.Context, at time.Time) ([]orders.FlashSale, error) {
	if h.on != nil {
		return h.on(ctx, at)
	}
	return h.Store.FlashSales(ctx, at)
}

func (h *hooked) CreateFlashSale(ctx context.Context, f orders.FlashSale) (orders.FlashSale, error) {
	if h.create != nil {
		return h.create(ctx, f)
	}
	return h.Store.CreateFlashSale(ctx, f)
}

func (h *hooked) UpdateFlashSale(
	ctx context.Context, id string, s event.Stamp, change selling,
) (orders.FlashSale, error) {
	if h.alter != nil {
		return h.alter(ctx, id, s, change)
	}
	return h.Store.UpdateFlashSale(ctx, id, s, change)
}

func (h *hooked) Reserve(
	ctx context.Context, sale, customer string, s event.Stamp, decide reserving,
) (orders.Reservation, error) {
	if h.reserve != nil {
		return h.reserve(ctx, sale, customer, s, decide)
	}
	return h.Store.Reserve(ctx, sale, customer, s, decide)
}

func (h *hooked) Reservation(ctx context.Context, id string) (orders.Reservation, error) {
	if h.reservation != nil {
		return h.reservation(ctx, id)
	}
	return h.Store.Reservation(ctx, id)
}

func (h *hooked) ExpireReservations(ctx context.Context, s event.Stamp, limit int) (int, error) {
	if h.expire != nil {
		return h.expire(ctx, s, limit)
	}
	return h.Store.ExpireReservations(ctx, s, limit)
}

// locked runs f on what the store keeps.
func (h *hooked) locked(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

// stocked changes the stock that is kept of a product.
func (h *hooked) stocked(id int64, n int) {
	p := h.Store.products[id]
	p.Stock += n
	h.Store.products[id] = p
}

// counted changes what is kept of a flash sale.
func (h *hooked) counted(id string, sold, held int) {
	f := h.sales.byID[id]
	f.Sold, f.Held = f.Sold+sold, f.Held+held
	h.sales.byID[id] = f
}

// readsProduct spoils what Product reads.
func (h *hooked) readsProduct(spoil func(p *orders.Product)) {
	h.product = suite.Spoiled(h.Store.Product, spoil)
}

// reads spoils what Order reads.
func (h *hooked) reads(spoil func(o *orders.Order)) {
	h.order = suite.Spoiled(h.Store.Order, spoil)
}

// placed runs f after each order that is placed.
func (h *hooked) placed(f func(o orders.Order)) {
	h.place = func(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error) {
		o, placed, err := h.Store.Place(ctx, r, decide)
		if err == nil && placed {
			h.locked(func() { f(o) })
		}
		return o, placed, err
	}
}

// refused runs f after each placement that is refused.
func (h *hooked) refused(f func(r orders.PlaceRequest)) {
	h.place = func(ctx context.Context, r orders.PlaceRequest, decide deciding) (orders.Order, bool, error) {
		o, placed, err := h.Store.Place(ctx, r, decide)
		if err != nil {
			h.locked(func() { f(r) })
		}
		return o, placed, err
	}
}

// updated runs f after each change of an order.
func (h *hooked) updated(f func(before, after orders.Order)) {
	h.update = func(ctx context.Context, id string, change changing) (orders.Order, error) {
		var before orders.Order
		o, err := h.Store.Update(ctx, id, func(o *orders.Order) error {
			before = o.Clone()
			return change(o)
		})
		if err == nil {
			h.locked(func() { f(before, o) })
		}
		return o, err
	}
}

// canceled runs f after each change that cancels an order.
func (h *hooked) canceled(f func(before, after orders.Order)) {
	h.updated(func(before, after orders.Order) {
		if before.Status != orders.StatusCanceled && after.Status == orders.StatusCanceled {
			f(before, after)
		}
	})
}

func (h *hooked) listed(spoil func([]orders.Order, int) ([]orders.Order, int)) {
	h.list = func(ctx context.Context, q orders.Query) ([]orders.Order, int, error) {
		all, n, err := h.Store.List(ctx, q)
		all, n = spoil(all, n)
		return all, n, err
	}
}

func (h *hooked) claims(spoil func([]orders.Order) []orders.Order) {
	h.claim = func(
		ctx context.Context, now time.Time, d time.Duration, token string, limit int,
	) ([]orders.Order, error) {
		all, err := h.Store.Claim(ctx, now, d, token, limit)
		return spoil(all), err
	}
}

func (h *hooked) eventsOf(spoil func([]event.Event) []event.Event) {
	h.history = func(ctx context.Context, id string) ([]event.Event, error) {
		all, err := h.Store.Events(ctx, id)
		if err == nil {
			all = spoil(all)
		}
		return all, err
	}
}

// placeUnlocked decides on what it read before the lock.
func (h *hooked) placeUnlocked(
	ctx context.Context, r orders.PlaceRequest, decide deciding,
) (orders.Order, bool, error) {
	var seen orders.Placement
	h.locked(func() {
		cart, ok := h.carts[r.CartID]
		if r.CartID == "" {
			cart, ok = h.carts[h.open[r.CustomerID]]
		}
		if ok && cart.OrderID == "" {
			seen = orders.Placement{Cart: copyCart(cart), Products: h.productsOf(cart, nil)}
		}
	})
	if seen.Cart.ID == "" {
		return h.Store.Place(ctx, r, decide)
	}
	o, err := decide(seen)
	if err != nil {
		return orders.Order{}, false, err
	}
	suite.Pause()
	return h.Store.Place(ctx, r, func(orders.Placement) (*orders.Order, error) { return o, nil })
}

// updateUnlocked changes what it read before the lock.
func (h *hooked) updateUnlocked(ctx context.Context, id string, change changing) (orders.Order, error) {
	o, err := h.Store.Order(ctx, id)
	if err != nil {
		return o, err
	}
	if err := change(&o); err != nil {
		return orders.Order{}, err
	}
	suite.Pause()
	return h.Store.Update(ctx, id, func(now *orders.Order) error {
		*now = o
		return nil
	})
}

// overwrites saves a change of what it read before the lock, whatever there is now.
func (h *hooked) overwrites(ctx context.Context, id string, change changing) (orders.Order, error) {
	before, err := h.Store.Order(ctx, id)
	if err != nil {
		return before, err
	}
	after := before.Clone()
	if err := change(&after); err != nil {
		return orders.Order{}, err
	}
	c, err := orders.NewChange(before, after)
	if err != nil {
		return orders.Order{}, err
	}
	suite.Pause()
	h.locked(func() {
		h.Store.orders[id] = c.After
		h.Store.events[id] = append(h.Store.events[id], c.Events...)
	})
	return c.After.Clone(), nil
}
