package ordersdb

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
)

// updateCall is a call of Update on its way.
type updateCall struct {
	id     string
	change func(*orders.Order) error

	saved orders.Change
	order orders.Order
	alone bool // it cancels; see finish
	err   error
}

// Fail implements sqldb.RunBatch.
func (u *updateCall) Fail(err error) {
	u.order, u.alone, u.err = orders.Order{}, false, refusal(err)
}

// Update implements orders.Store. Calls that meet (for charges that are answered at
// the same time, for instance) are one transaction.
func (s *Store) Update(ctx context.Context, id string, change func(*orders.Order) error) (orders.Order, error) {
	if !storable(id) {
		return orders.Order{}, notFound("order", fmt.Sprintf("%q", id))
	}
	u := &updateCall{id: id, change: change}
	if err := s.updates.Do(ctx, u); err != nil {
		return orders.Order{}, fmt.Errorf("ordersdb: update order: %w", err)
	}
	return s.finish(ctx, u)
}

// finish executes by itself what cancels: it locks carts and products, which
// all transactions lock in one order. It is done here and not with the calls it
// met, because what it panics with is its own.
func (s *Store) finish(ctx context.Context, u *updateCall) (orders.Order, error) {
	if u.alone {
		sqldb.RunBatch(ctx, []*updateCall{u}, s.updateAll)
	}
	return u.order, u.err
}

// updateAll executes calls in one transaction. A refusal of one is in its
// err; the error returned is of the transaction, and then nothing was saved.
func (s *Store) updateAll(ctx context.Context, calls []*updateCall) error {
	return s.db.Tx(ctx, "ordersdb: update order", func(ctx context.Context, tx bun.IDB) error {
		now, err := lockOrders(ctx, tx, calls)
		if err != nil {
			return err
		}
		for _, u := range calls {
			u.alone = false
			was, ok := now[u.id]
			if !ok {
				u.order, u.err = orders.Order{}, notFound("order", u.id)
				continue
			}
			u.order = was.Clone()
			if u.err = u.change(&u.order); u.err == nil {
				u.saved, u.err = orders.NewChange(was, u.order)
			}
			if u.err != nil {
				continue
			}
			if u.saved.Cancels() {
				if u.alone = len(calls) > 1; u.alone {
					continue
				}
				if err := s.release(ctx, tx, u.saved); err != nil {
					return err
				}
			}
			if err := s.unleased(u.saved.Before, u.saved.After); err != nil {
				return err
			}
			now[u.id] = u.saved.After
		}
		return sqldb.Pipeline(ctx, tx, func(w bun.IDB) error {
			for _, u := range calls {
				if u.err != nil || u.alone {
					continue
				}
				if err := s.saveOrder(ctx, w, u.saved); err != nil {
					return err
				}
				u.order = u.saved.After.Clone()
			}
			return nil
		})
	})
}

// saveOrder writes what changed.
func (s *Store) saveOrder(ctx context.Context, db bun.IDB, c orders.Change) error {
	was, o := c.Before, c.After
	if row := rowOfOrder(o); row != rowOfOrder(was) {
		_, err := db.NewUpdate().Model(&row).WherePK().
			Column(
				"status",
				"idempotency_key",
				"completed_at",
				"cancelled_at",
				"cancel_reason",
				"delivered_at",
				"updated_at",
				"version",
			).Exec(ctx)
		if err != nil {
			return err
		}
	}
	if row := rowOfPayment(o); row != rowOfPayment(was) {
		if _, err := db.NewUpdate().Model(&row).WherePK().ExcludeColumn("id", "order_id", "method", "amount_minor",
			"key").Exec(ctx); err != nil {
			return err
		}
	}
	return s.append(ctx, db, c.Events)
}

// lockOrders loads the orders of the calls, and locks their rows and the rows of their
// payments: Claim leases payments without locking their orders.
func lockOrders(ctx context.Context, tx bun.IDB, calls []*updateCall) (map[string]orders.Order, error) {
	ids := make([]string, len(calls))
	for i, u := range calls {
		ids[i] = u.id
	}
	var rows []orderRow
	if err := sqldb.ForUpdate(tx.NewSelect().Model(&rows).Where("o.id IN (?)",
		bun.List(ids)).Order("o.id")).Scan(ctx); err != nil {
		return nil, err
	}
	var payments []paymentRow
	if err := sqldb.ForUpdate(tx.NewSelect().Model(&payments).Where("pay.order_id IN (?)",
		bun.List(ids)).Order("pay.order_id")).Scan(ctx); err != nil {
		return nil, err
	}
	var lines []lineRow
	if err := tx.NewSelect().Model(&lines).Where("l.order_id IN (?)", bun.List(ids)).Order("l.order_id",
		"l.position").Scan(ctx); err != nil {
		return nil, err
	}
	found := make(map[string]orders.Order, len(rows))
	for _, o := range assemble(rows, lines, payments) {
		found[o.ID] = o
	}
	return found, nil
}

// release gives back what a canceled order held: its cart, its units, and its
// store credit, which all transactions lock in this order.
func (s *Store) release(ctx context.Context, tx bun.IDB, c orders.Change) error {
	if err := releaseCart(ctx, tx, c.After); err != nil {
		return err
	}
	if err := s.releaseUnits(ctx, tx, c); err != nil {
		return err
	}
	return s.credit.move(ctx, tx, c.Credit, c.Stamp())
}

// releaseCart opens the cart of a canceled order, unless the customer has another
// one with something in it.
func releaseCart(ctx context.Context, tx bun.IDB, o orders.Order) error {
	var carts []cartRow
	err := sqldb.ForUpdate(tx.NewSelect().Model(&carts).
		Where("c.id = ? OR (c.customer_id = ? AND c.order_id IS NULL)", o.CartID, o.CustomerID).Order("c.id")).Scan(ctx)
	if err != nil {
		return err
	}
	own, other := false, ""
	for _, cart := range carts {
		if cart.ID != o.CartID {
			other = cart.ID
		} else if cart.OrderID != nil && *cart.OrderID == o.ID {
			own = true
		}
	}
	if own && other != "" {
		items, err := tx.NewSelect().TableExpr("?(rk)cart_items").Where("cart_id = ?", other).Count(ctx)
		if err != nil {
			return err
		}
		if items > 0 {
			own = false
		} else if _, err := tx.NewDelete().TableExpr("?(rk)carts").Where("id = ?", other).Exec(ctx); err != nil {
			return err
		}
	}
	if own {
		if _, err := tx.NewUpdate().TableExpr("?(rk)carts").Set("order_id = NULL").Where("id = ?",
			o.CartID).Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// releaseUnits puts the units of a canceled order back, and takes them out of the
// flash sales they were sold in.
func (s *Store) releaseUnits(ctx context.Context, tx bun.IDB, c orders.Change) error {
	ids := slices.Sorted(maps.Keys(c.Stock))
	var locked []int64
	err := lockProducts(
		tx.NewSelect().Model((*productRow)(nil)).Column("p.id").Where("p.id IN (?)", bun.List(ids)).Order("p.id"),
		s.db.Dialect(),
	).
		Scan(ctx, &locked)
	if err != nil {
		return err
	}
	if len(locked) != len(ids) {
		return errNoRows
	}
	if err := addStock(ctx, tx, c.Stock, ids); err != nil {
		return err
	}
	return s.uncount(ctx, tx, c)
}

// uncount takes a canceled order out of the flash sales of its lines, under
// the locks of their products.
func (s *Store) uncount(ctx context.Context, tx bun.IDB, c orders.Change) error {
	ids := slices.Sorted(maps.Keys(c.Sales))
	if len(ids) == 0 {
		return nil
	}
	var rows []saleRow
	if err := tx.NewSelect().Model(&rows).Where("f.id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return err
	}
	b := newSaleBook(rows)
	if err := b.loadBuyers(ctx, tx, ids, []string{c.After.CustomerID}); err != nil {
		return err
	}
	for id, n := range c.Sales {
		b.count(id, c.After.CustomerID, n)
	}
	return s.saveSales(ctx, tx, b)
}
