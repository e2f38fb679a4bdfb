package ordersdb

import (
	"context"
	"fmt"

	"github.com/returnkit/returnkit/orders"
)

// maxCombined is how many orders one transaction places at most, and how many
// carts one changes.
const maxCombined = 64

// placeCall is a call of Place on its way.
type placeCall struct {
	req    orders.PlaceRequest
	decide func(orders.Placement) (*orders.Order, error)

	order  orders.Order
	placed bool
	err    error
}

// Fail implements sqldb.RunBatch.
func (p *placeCall) Fail(err error) { p.order, p.placed, p.err = orders.Order{}, false, refusal(err) }

// Place implements orders.Store.
func (s *Store) Place(
	ctx context.Context,
	r orders.PlaceRequest,
	decide func(orders.Placement) (*orders.Order, error),
) (orders.Order, bool, error) {
	switch {
	case !storable(r.CustomerID):
		return orders.Order{}, false, noText("customer")
	case !storable(r.CartID):
		return orders.Order{}, false, notFound("cart", fmt.Sprintf("%q", r.CartID))
	case !storable(r.IdempotencyKey):
		return orders.Order{}, false, noText("idempotency_key")
	}
	p := &placeCall{req: r, decide: decide}
	if err := s.intake.Do(ctx, p); err != nil {
		return orders.Order{}, false, fmt.Errorf("ordersdb: place order: %w", err)
	}
	return p.order, p.placed, p.err
}
