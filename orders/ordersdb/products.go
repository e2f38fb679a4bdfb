package ordersdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders"
)

// Product implements orders.Store.
func (s *Store) Product(ctx context.Context, id int64) (orders.Product, error) {
	var row productRow
	err := s.db.Read.NewSelect().Model(&row).Where("p.id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return orders.Product{}, notFound("product", id)
	}
	if err != nil {
		return orders.Product{}, fmt.Errorf("ordersdb: product %d: %w", id, err)
	}
	found := map[int64]orders.Product{id: row.product()}
	if err := withSales(ctx, s.db.Read, found, onSale(row), ""); err != nil {
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
	if err := s.db.Read.NewSelect().Model(&rows).Order("p.id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("ordersdb: products: %w", err)
	}
	found := make(map[int64]orders.Product, len(rows))
	for _, r := range rows {
		found[r.ID] = r.product()
	}
	if err := withSales(ctx, s.db.Read, found, onSale(rows...), ""); err != nil {
		return nil, fmt.Errorf("ordersdb: products: %w", err)
	}
	products := make([]orders.Product, len(rows))
	for i, r := range rows {
		products[i] = found[r.ID]
	}
	return products, nil
}

// SaveProduct implements orders.Store.
func (s *Store) SaveProduct(ctx context.Context, id int64, st orders.Stamp, change func(*orders.Product) error) (orders.Product, error) {
	var saved orders.Product
	err := s.db.Tx(ctx, "ordersdb: save product", func(ctx context.Context, tx bun.Tx) error {
		var was orders.Product
		if id != 0 {
			var row productRow
			err := lockProducts(tx.NewSelect().Model(&row).Where("p.id = ?", id), s.db.Dialect).Scan(ctx)
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

// Restock implements orders.Store.
func (s *Store) Restock(ctx context.Context, r orders.Restock, st orders.Stamp) (bool, error) {
	if err := r.Validate(); err != nil {
		return false, err
	}
	did := false
	err := s.db.Tx(ctx, "ordersdb: restock", func(ctx context.Context, tx bun.Tx) error {
		did = false
		var row productRow
		err := lockProducts(tx.NewSelect().Model(&row).Where("p.id = ?", r.ProductID), s.db.Dialect).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("product", r.ProductID)
		}
		if err != nil {
			return err
		}
		res, err := tx.NewInsert().Model(movement(r.ProductID, "restock", r.Quantity, r.Ref, st)).
			On("CONFLICT (ref) WHERE ref <> '' DO NOTHING").Returning("NULL").Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		did = true
		return addStock(ctx, tx, map[int64]int{r.ProductID: r.Quantity}, []int64{r.ProductID})
	})
	return did && err == nil, refusal(err)
}
