package ordersdb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
)

// maxSales is how many flash sales a list holds at most.
const maxSales = 1000

// FlashSale implements orders.Store.
func (s *Store) FlashSale(ctx context.Context, id string) (orders.FlashSale, error) {
	f, err := loadSale(ctx, s.db.Read(), id)
	if err != nil {
		return orders.FlashSale{}, fmt.Errorf("ordersdb: flash sale: %w", err)
	}
	return f, nil
}

func loadSale(ctx context.Context, db bun.IDB, id string) (orders.FlashSale, error) {
	if !storable(id) {
		return orders.FlashSale{}, notFound("flash_sale", fmt.Sprintf("%q", id))
	}
	var row saleRow
	err := db.NewSelect().Model(&row).Where("f.id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return orders.FlashSale{}, notFound("flash_sale", id)
	}
	return row.sale(), err
}

// FlashSales implements orders.Store.
func (s *Store) FlashSales(ctx context.Context, at time.Time) ([]orders.FlashSale, error) {
	var rows []saleRow
	q := s.db.Read().NewSelect().Model(&rows).Order("f.starts DESC", "f.id DESC").Limit(maxSales)
	if !at.IsZero() {
		q = q.Where("f.starts <= ?", sqldb.At(at)).Where("f.ends > ?", sqldb.At(at))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("ordersdb: flash sales: %w", err)
	}
	found := make([]orders.FlashSale, len(rows))
	for i, r := range rows {
		found[i] = r.sale()
	}
	return found, nil
}

// lockProduct locks one product for a change of its stock or its sales.
func (s *Store) lockProduct(ctx context.Context, tx bun.IDB, id int64) (orders.Product, error) {
	var row productRow
	err := lockProducts(tx.NewSelect().Model(&row).Where("p.id = ?", id), s.db.Dialect()).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return orders.Product{}, notFound("product", id)
	}
	return row.product(), err
}

// CreateFlashSale implements orders.Store.
func (s *Store) CreateFlashSale(ctx context.Context, f orders.FlashSale) (orders.FlashSale, error) {
	err := s.db.Tx(ctx, "ordersdb: create flash sale", func(ctx context.Context, tx bun.IDB) error {
		if _, err := s.lockProduct(ctx, tx, f.ProductID); err != nil {
			return err
		}
		if err := checkOverlap(ctx, tx, f); err != nil {
			return err
		}
		row := rowOfSale(f)
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.NewUpdate().TableExpr("?(rk)products").Set("on_sale = TRUE").Where("id = ?",
			f.ProductID).Exec(ctx); err != nil {
			return err
		}
		return s.append(ctx, tx, f.PendingEvents())
	})
	if err != nil {
		return orders.FlashSale{}, refusal(err)
	}
	return f.Clone(), nil
}

// checkOverlap is exact because it runs under the lock of the product.
func checkOverlap(ctx context.Context, tx bun.IDB, f orders.FlashSale) error {
	var rows []saleRow
	err := tx.NewSelect().Model(&rows).Where("f.product_id = ?", f.ProductID).
		Where("f.starts < ?", sqldb.At(f.Ends)).Where("f.ends > ?", sqldb.At(f.Starts)).Limit(2).Scan(ctx)
	if err != nil {
		return err
	}
	others := make([]orders.FlashSale, len(rows))
	for i, r := range rows {
		others[i] = r.sale()
	}
	return f.CheckOverlap(others)
}

// UpdateFlashSale implements orders.Store.
func (s *Store) UpdateFlashSale(
	ctx context.Context,
	id string,
	st event.Stamp,
	change func(*orders.FlashSale) error,
) (orders.FlashSale, error) {
	var saved orders.FlashSale
	err := s.db.Tx(ctx, "ordersdb: update flash sale", func(ctx context.Context, tx bun.IDB) error {
		f, err := s.lockSale(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := change(&f); err != nil {
			return err
		}
		saved = f.Clone()
		if len(f.PendingEvents()) == 0 {
			return nil
		}
		if err := checkOverlap(ctx, tx, f); err != nil {
			return err
		}
		row := rowOfSale(f)
		_, err = tx.NewUpdate().Model(&row).WherePK().
			Column("starts", "ends", "percent_bp", "cap", "cap_per_customer", "updated_at", "version").Exec(ctx)
		if err != nil {
			return err
		}
		b := newSaleBook(nil)
		b.events = f.PendingEvents()
		var late []reservationRow
		err = tx.NewSelect().Model(&late).Where("r.sale_id = ?", id).Where("r.status = 'held'").
			Where("r.expires_at > ?", sqldb.At(f.Ends)).Order("r.id").Scan(ctx)
		if err != nil {
			return err
		}
		for _, r := range late {
			if err := b.keep(r.reservation().Shorten(f.Ends, st)); err != nil {
				return err
			}
		}
		return s.saveSales(ctx, tx, b)
	})
	if err != nil {
		return orders.FlashSale{}, refusal(err)
	}
	return saved, nil
}

// lockSale loads a sale under the lock of its product, which never changes.
func (s *Store) lockSale(ctx context.Context, tx bun.IDB, id string) (orders.FlashSale, error) {
	f, err := loadSale(ctx, tx, id)
	if err != nil {
		return orders.FlashSale{}, err
	}
	if _, err := s.lockProduct(ctx, tx, f.ProductID); err != nil {
		return orders.FlashSale{}, err
	}
	return loadSale(ctx, tx, id)
}

// Reserve implements orders.Store.
func (s *Store) Reserve(ctx context.Context, saleID, customerID string, st event.Stamp,
	decide func(orders.Product) (orders.Reservation, []event.Event, error)) (orders.Reservation, error) {
	if !storable(customerID) {
		return orders.Reservation{}, noText("customer")
	}
	var saved orders.Reservation
	var refused error
	err := s.db.Tx(ctx, "ordersdb: reserve", func(ctx context.Context, tx bun.IDB) error {
		f, err := loadSale(ctx, tx, saleID)
		if err != nil {
			return err
		}
		p, err := s.lockProduct(ctx, tx, f.ProductID)
		if err != nil {
			return err
		}
		b, err := loadSales(ctx, tx, []int64{p.ID}, []string{customerID}, st.At)
		if err != nil {
			return err
		}
		if err := b.expire(st.At, st.Source); err != nil {
			return err
		}
		p.Stock += b.back[p.ID]
		var events []event.Event
		if saved, events, refused = decide(b.product(p, customerID)); refused == nil {
			before := b.held[buyer{saved.SaleID, customerID}].Quantity
			b.hold(saved, saved.Quantity-before)
			if err := b.keep(saved, events, nil); err != nil {
				return err
			}
		}
		if back := b.back[p.ID]; back != 0 {
			if err := addStock(ctx, tx, b.back, []int64{p.ID}); err != nil {
				return err
			}
		}
		return s.saveSales(ctx, tx, b)
	})
	if err = cmp.Or(err, refused); err != nil {
		return orders.Reservation{}, refusal(err)
	}
	return saved, nil
}

// Reservation implements orders.Store.
func (s *Store) Reservation(ctx context.Context, id string) (orders.Reservation, error) {
	if !storable(id) {
		return orders.Reservation{}, notFound("reservation", fmt.Sprintf("%q", id))
	}
	var row reservationRow
	err := s.db.Read().NewSelect().Model(&row).Where("r.id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return orders.Reservation{}, notFound("reservation", id)
	}
	if err != nil {
		return orders.Reservation{}, fmt.Errorf("ordersdb: reservation %s: %w", id, err)
	}
	return row.reservation(), nil
}

// ExpireReservations implements orders.Store. Each product is a transaction of
// its own, so that checkouts of other products wait for nothing.
func (s *Store) ExpireReservations(ctx context.Context, st event.Stamp, limit int) (int, error) {
	if limit < 1 {
		return 0, nil
	}
	at := sqldb.At(st.At)
	var due, over []int64
	err := s.db.Read().NewSelect().
		Model((*reservationRow)(nil)).
		Column("r.product_id").
		Where("r.status = 'held'").
		Where("r.expires_at <= ?", at).
		Order("r.expires_at").
		Limit(int64(limit)).
		Scan(ctx, &due)
	if err == nil {
		err = s.db.Read().NewSelect().Model((*saleRow)(nil)).Column("f.product_id").
			Where("NOT f.closed").Where("f.ends <= ?", at).Limit(int64(limit)).Scan(ctx, &over)
	}
	if err != nil {
		return 0, fmt.Errorf("ordersdb: expired reservations: %w", err)
	}
	ids := append(due, over...)
	slices.Sort(ids)
	n := 0
	for _, id := range slices.Compact(ids) {
		done, err := s.expireProduct(ctx, id, st, limit-n)
		n += done
		if err != nil || n >= limit {
			return n, err
		}
	}
	return n, nil
}

func (s *Store) expireProduct(ctx context.Context, productID int64, st event.Stamp, limit int) (n int, err error) {
	err = s.db.Tx(ctx, "ordersdb: expire reservations", func(ctx context.Context, tx bun.IDB) error {
		if _, err := s.lockProduct(ctx, tx, productID); err != nil {
			return err
		}
		b, err := loadSales(ctx, tx, []int64{productID}, nil, st.At)
		if err != nil {
			return err
		}
		b.expired = b.expired[:min(len(b.expired), limit)]
		n = len(b.expired)
		if err := b.expire(st.At, st.Source); err != nil {
			return err
		}
		if n > 0 {
			if err := addStock(ctx, tx, b.back, []int64{productID}); err != nil {
				return err
			}
		}
		if err := s.saveSales(ctx, tx, b); err != nil {
			return err
		}
		_, err = tx.NewUpdate().TableExpr("?(rk)flash_sales").
			Set("closed = TRUE").
			Where("product_id = ?", productID).
			Where("NOT closed").
			Where("ends <= ?", sqldb.At(st.At)).
			Where("held = 0").Exec(ctx)
		if err != nil {
			return err
		}
		_, err = tx.NewUpdate().TableExpr("?(rk)products").
			Set("on_sale = EXISTS (SELECT 1 FROM ?(rk)flash_sales WHERE product_id = ? AND NOT closed)", productID).
			Where("id = ?", productID).Exec(ctx)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// withSales fills in the flash sales of the products that have some, as they
// stand for the customer (empty: for nobody in particular).
func withSales(
	ctx context.Context,
	db bun.IDB,
	products map[int64]orders.Product,
	onSale []int64,
	customerID string,
) error {
	if len(onSale) == 0 {
		return nil
	}
	var customers []string
	if customerID != "" {
		customers = []string{customerID}
	}
	b, err := loadSales(ctx, db, onSale, customers, time.Time{})
	if err != nil {
		return err
	}
	for _, id := range onSale {
		products[id] = b.product(products[id], customerID)
	}
	return nil
}

// loadSales loads the open sales of the products, as they stand for the
// customers, and the reservations that have expired by the instant.
func loadSales(
	ctx context.Context, db bun.IDB, productIDs []int64, customers []string, at time.Time,
) (*saleBook, error) {
	var rows []saleRow
	err := db.NewSelect().Model(&rows).Where("f.product_id IN (?)",
		bun.List(productIDs)).Where("NOT f.closed").Scan(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b saleRow) int {
		return cmp.Or(a.Starts.Time().Compare(b.Starts.Time()), cmp.Compare(a.ID, b.ID))
	})
	b := newSaleBook(rows)
	if len(rows) == 0 || len(customers) == 0 && at.IsZero() {
		return b, nil
	}
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	if len(customers) > 0 {
		if err := b.loadBuyers(ctx, db, ids, customers); err != nil {
			return nil, err
		}
	}
	return b, b.loadReservations(ctx, db, ids, customers, at)
}

// loadReservations loads the reservations in the sales that hold units for the
// customers, and those that have expired by the instant.
func (b *saleBook) loadReservations(
	ctx context.Context, db bun.IDB, saleIDs, customers []string, at time.Time,
) error {
	var held []reservationRow
	q := db.NewSelect().Model(&held).Where("r.sale_id IN (?)", bun.List(saleIDs)).Where("r.status = 'held'").
		OrderExpr("r.id").
		WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			if !at.IsZero() {
				q = q.WhereOr("r.expires_at <= ?", sqldb.At(at))
			}
			if len(customers) > 0 {
				q = q.WhereOr("r.customer_id IN (?)", bun.List(customers))
			}
			return q
		})
	if err := q.Scan(ctx); err != nil {
		return err
	}
	for _, row := range held {
		r := row.reservation()
		b.held[buyer{r.SaleID, r.CustomerID}] = r
		if !at.IsZero() && !r.ExpiresAt.After(at) {
			b.expired = append(b.expired, r)
		}
	}
	return nil
}
