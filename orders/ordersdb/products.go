package ordersdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/paging"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
)

// Product implements orders.Store.
func (s *Store) Product(ctx context.Context, id int64) (orders.Product, error) {
	var row productRow
	err := s.db.Read().NewSelect().Model(&row).Where("p.id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return orders.Product{}, notFound("product", id)
	}
	if err != nil {
		return orders.Product{}, fmt.Errorf("ordersdb: product %d: %w", id, err)
	}
	found := map[int64]orders.Product{id: row.product()}
	if err := withSales(ctx, s.db.Read(), found, onSale(row), ""); err != nil {
		return orders.Product{}, fmt.Errorf("ordersdb: product %d: %w", id, err)
	}
	return found[id], nil
}

// onSale are the ids of the rows that have flash sales.
func onSale(rows ...productRow) (ids []int64) {
	for _, r := range rows {
		if r.OnSale {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// Products implements orders.Store.
func (s *Store) Products(ctx context.Context) ([]orders.Product, error) {
	var rows []productRow
	if err := s.db.Read().NewSelect().Model(&rows).Order("p.id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("ordersdb: products: %w", err)
	}
	return s.productsOf(ctx, rows)
}

// FindProducts implements orders.Store.
func (s *Store) FindProducts(ctx context.Context, q orders.ProductQuery) ([]orders.Product, int, error) {
	q = q.Normalize()
	if !storable(q.Text) {
		return nil, 0, nil
	}
	var rows []productRow
	sel := s.db.Read().NewSelect().Model(&rows)
	if q.IDs != nil {
		sel = sel.Where("p.id IN (?)", bun.List(q.IDs))
	}
	if q.Text != "" {
		sel = sel.Where(`p.search LIKE ? ESCAPE '\'`, "%"+likeEscape.Replace(strings.ToLower(q.Text))+"%")
	}
	if q.StockBelow != 0 {
		sel = sel.Where("p.stock < ?", q.StockBelow)
	}
	sel = sel.Order("p.id").Limit(int64(q.PageSize)).Offset(paging.Offset(q.Page, q.PageSize))
	if err := sel.Scan(ctx); err != nil {
		return nil, 0, fmt.Errorf("ordersdb: find products: %w", err)
	}
	n := int64(len(rows))
	if q.Page > 1 || len(rows) == q.PageSize { // else the first page has all there are
		var err error
		if n, err = sel.Count(ctx); err != nil {
			return nil, 0, fmt.Errorf("ordersdb: find products: %w", err)
		}
	}
	products, err := s.productsOf(ctx, rows)
	return products, int(n), err
}

// productsOf returns the products of the rows, in their order, with their flash sales.
func (s *Store) productsOf(ctx context.Context, rows []productRow) ([]orders.Product, error) {
	found := make(map[int64]orders.Product, len(rows))
	for _, r := range rows {
		found[r.ID] = r.product()
	}
	if err := withSales(ctx, s.db.Read(), found, onSale(rows...), ""); err != nil {
		return nil, fmt.Errorf("ordersdb: products: %w", err)
	}
	products := make([]orders.Product, len(rows))
	for i, r := range rows {
		products[i] = found[r.ID]
	}
	return products, nil
}

// SaveProduct implements orders.Store.
func (s *Store) SaveProduct(
	ctx context.Context,
	id int64,
	st event.Stamp,
	change func(*orders.Product) error,
) (orders.Product, error) {
	var saved orders.Product
	err := s.db.Tx(ctx, "ordersdb: save product", func(ctx context.Context, tx bun.IDB) error {
		var was orders.Product
		if id != 0 {
			var row productRow
			err := lockProducts(tx.NewSelect().Model(&row).Where("p.id = ?", id), s.db.Dialect()).Scan(ctx)
			if errors.Is(err, sql.ErrNoRows) {
				return notFound("product", id)
			}
			if err != nil {
				return err
			}
			was = row.product()
		}
		p := was
		if err := change(&p); err != nil {
			return err
		}
		if field := event.BadText(&st, &p); field != "" {
			return noText(field)
		}
		p.ID, p.UpdatedAt = id, st.At
		kind := "adjustment"
		if id == 0 {
			p.CreatedAt, kind = st.At, "initial"
		}
		row := rowOfProduct(p)
		if id == 0 {
			if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
				return err
			}
		} else if _, err := tx.NewUpdate().Model(&row).ExcludeColumn("id", "on_sale").WherePK().Exec(ctx); err != nil {
			return err
		}
		if p.Stock != was.Stock {
			if _, err := tx.NewInsert().Model(movement(row.ID, kind, p.Stock-was.Stock, "", st)).Exec(ctx); err != nil {
				return err
			}
		}
		saved = row.product()
		return nil
	})
	return saved, refusal(err)
}

// restockCall is a call of Restock on its way.
type restockCall struct {
	restock orders.Restock
	stamp   event.Stamp

	did bool
	err error
}

// Fail implements sqldb.RunBatch.
func (r *restockCall) Fail(err error) { r.did, r.err = false, refusal(err) }

// Restock implements orders.Store. Calls that meet are one transaction: those
// of one product would wait for its row one after the other.
func (s *Store) Restock(ctx context.Context, r orders.Restock, st event.Stamp) (bool, error) {
	if err := r.Validate(); err != nil {
		return false, err
	}
	if field := event.BadText(&st); field != "" {
		return false, noText(field)
	}
	call := &restockCall{restock: r, stamp: st}
	if err := s.restocks.Do(ctx, call); err != nil {
		return false, fmt.Errorf("ordersdb: restock: %w", err)
	}
	return call.did, call.err
}

func (s *Store) restockAll(ctx context.Context, calls []*restockCall) error {
	return s.db.Tx(ctx, "ordersdb: restock", func(ctx context.Context, tx bun.IDB) error {
		wanted := map[int64]bool{}
		for _, c := range calls {
			wanted[c.restock.ProductID] = true
		}
		var locked []productRow
		err := lockProducts(tx.NewSelect().Model(&locked).
			Where("p.id IN (?)", bun.List(slices.Sorted(maps.Keys(wanted)))).Order("p.id"), s.db.Dialect()).Scan(ctx)
		if err != nil {
			return err
		}
		products := make(map[int64]orders.Product, len(locked))
		for _, r := range locked {
			products[r.ID] = r.product()
		}
		rows, err := movementsOf(ctx, tx, calls, products)
		if err != nil || len(rows) == 0 {
			return err
		}
		var refs []string
		_, err = tx.NewInsert().Model(&rows).On("CONFLICT (ref) WHERE ref <> '' DO NOTHING").
			Returning("ref").Exec(ctx, &refs)
		if err != nil {
			return err
		}
		back := map[int64]int{}
		for _, c := range calls {
			// Of two calls with one reference that met, the first did it.
			if i := slices.Index(refs, c.restock.Ref); c.err == nil && i >= 0 {
				c.did, refs = true, slices.Delete(refs, i, i+1)
				back[c.restock.ProductID] += c.restock.Quantity
			}
		}
		return addStock(ctx, tx, back, slices.Sorted(maps.Keys(back)))
	})
}

// movementsOf returns a row for each call that may put its units back, and sets the
// refusals of the others. The products are locked.
func movementsOf(
	ctx context.Context, tx bun.IDB, calls []*restockCall, products map[int64]orders.Product,
) (rows []*movementRow, err error) {
	for _, c := range calls {
		c.did, c.err = false, nil
		p, ok := products[c.restock.ProductID]
		if !ok {
			c.err = notFound("product", c.restock.ProductID)
			continue
		}
		if refused := p.CheckRestock(c.restock.Quantity); refused != nil {
			// What was done before is done, whatever is in stock now.
			done, err := tx.NewSelect().TableExpr("?(rk)stock_movements").Where("ref = ?", c.restock.Ref).Exists(ctx)
			if err != nil {
				return nil, err
			}
			if !done {
				c.err = refused
			}
			continue
		}
		p.Stock += c.restock.Quantity
		products[p.ID] = p
		rows = append(rows, movement(c.restock.ProductID, "restock", c.restock.Quantity, c.restock.Ref, c.stamp))
	}
	return rows, nil
}
