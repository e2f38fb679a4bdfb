package orderstest

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
)

// Place implements orders.Store.
func (s *Store) Place(ctx context.Context, r orders.PlaceRequest,
	decide func(orders.Placement) (*orders.Order, error)) (orders.Order, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return orders.Order{}, false, err
	}
	if err := cmp.Or(storable("customer", r.CustomerID), storable("idempotency_key", r.IdempotencyKey)); err != nil {
		return orders.Order{}, false, err
	}
	if id, ok := s.keys[[2]string{r.CustomerID, r.IdempotencyKey}]; ok && r.IdempotencyKey != "" {
		return s.orders[id].Clone(), false, nil
	}
	cartID := r.CartID
	if cartID == "" {
		cartID = s.open[r.CustomerID]
	}
	cart, ok := s.carts[cartID]
	switch {
	case !ok && r.CartID == "":
		cart = orders.Cart{CustomerID: r.CustomerID}
	case !ok || cart.CustomerID != r.CustomerID:
		return orders.Order{}, false, notFound("cart", r.CartID)
	}
	if o, ok := s.orders[cart.OrderID]; ok && o.Status != orders.StatusCanceled {
		return o.Clone(), false, nil
	}
	swept := func(v orders.Reservation) bool {
		return slices.ContainsFunc(cart.Items, func(it orders.CartItem) bool { return it.ProductID == v.ProductID })
	}
	if _, err := s.expire(event.Stamp{At: r.At, Source: r.From}, math.MaxInt, swept); err != nil {
		return orders.Order{}, false, err
	}
	for try := 0; ; try++ {
		p := orders.Placement{Cart: copyCart(cart), Products: s.productsOf(cart, nil)}
		var err error
		if p.Credit, err = s.creditOf(ctx, r, p); err != nil {
			return orders.Order{}, false, err
		}
		o, err := decide(p)
		if err != nil {
			return orders.Order{}, false, err
		}
		if _, taken := s.numbers[o.Number]; taken && try < 3 {
			continue // decide makes new ids
		}
		saved, err := s.insert(ctx, *o, cart)
		return saved, err == nil, err
	}
}

func (s *Store) insert(ctx context.Context, o orders.Order, cart orders.Cart) (orders.Order, error) {
	if _, taken := s.orders[o.ID]; taken {
		return orders.Order{}, fmt.Errorf("orderstest: order id %s is taken", o.ID)
	}
	if _, taken := s.numbers[o.Number]; taken {
		return orders.Order{}, fmt.Errorf("orderstest: order number %s is taken", o.Number)
	}
	c, err := orders.NewChange(orders.Order{}, o)
	if err != nil {
		return orders.Order{}, err
	}
	reserved, err := s.checkSales(c)
	if err != nil {
		return orders.Order{}, err
	}
	for id, n := range c.Stock {
		if p, ok := s.products[id]; !ok || p.Stock+reserved[id]+n < 0 {
			return orders.Order{}, fmt.Errorf("orderstest: order %s takes %d of product %d, %d in stock", o.ID, -n, id,
				p.Stock)
		}
	}
	if err := s.moveCredit(ctx, c); err != nil {
		return orders.Order{}, err
	}
	if err := s.countInSales(c); err != nil {
		return orders.Order{}, err
	}
	for id, n := range c.Stock {
		p := s.products[id]
		p.Stock += n
		s.products[id] = p
	}
	s.events[o.ID] = event.Clone(c.Events)
	o = c.After
	s.orders[o.ID], s.numbers[o.Number] = o, o.ID
	if o.IdempotencyKey != "" {
		s.keys[[2]string{o.CustomerID, o.IdempotencyKey}] = o.ID
	}
	if c.ClosesCart {
		cart.OrderID = o.ID
		s.carts[cart.ID] = cart
		if s.open[cart.CustomerID] == cart.ID {
			delete(s.open, cart.CustomerID)
		}
	}
	return o.Clone(), nil
}
