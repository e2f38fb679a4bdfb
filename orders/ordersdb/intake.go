package ordersdb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
)

// maxCombined is how many orders one transaction places at most, and how many
// carts one changes.
const maxCombined = 64

// placing is a call of Place on its way.
type placing struct {
	req    orders.PlaceRequest
	decide func(orders.Placement) (*orders.Order, error)

	order  orders.Order
	placed bool
	err    error
}

func (p *placing) fail(err error) { p.order, p.placed, p.err = orders.Order{}, false, refusal(err) }

// Place implements orders.Store.
func (s *Store) Place(ctx context.Context, r orders.PlaceRequest, decide func(orders.Placement) (*orders.Order, error)) (orders.Order, bool, error) {
	if !storable(r.CustomerID) || !storable(r.CartID) || !storable(r.IdempotencyKey) {
		return orders.Order{}, false, &orders.Error{Code: orders.CodeInvalid, Field: "order", Message: "an id or a key is no text"}
	}
	p := &placing{req: r, decide: decide}
	if err := s.intake.Do(ctx, p); err != nil {
		return orders.Order{}, false, fmt.Errorf("ordersdb: place order: %w", err)
	}
	return p.order, p.placed, p.err
}

// carryOut carries out calls that met with all, in one transaction. Where that
// fails for what is in one of them, each is tried alone and fails for itself.
func carryOut[C interface{ fail(error) }](ctx context.Context, calls []C, all func(context.Context, []C) error) {
	err := all(ctx, calls)
	for _, c := range calls {
		switch {
		case err != nil && atFault(err):
			if err := retryUnique(func() error { return all(ctx, []C{c}) }); err != nil {
				c.fail(err)
			}
		case err != nil:
			c.fail(err)
		}
	}
}

// atFault reports whether a transaction failed for what was in it. One of its
// orders is the reason then, and alone each fails for itself. Where the
// database is out of reach or too busy, trying each would only make it worse.
func atFault(err error) bool {
	if _, ok := sqldb.IsUnique(err); ok {
		return true
	}
	if _, ok := sqldb.IsCheck(err); ok {
		return true
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && strings.HasPrefix(pg.Code, "22") // data that no column takes
}
