package ordersdb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
)

// Cart implements orders.Store.
func (s *Store) Cart(ctx context.Context, customerID string) (orders.Cart, map[int64]orders.Product, error) {
	none := orders.Cart{CustomerID: customerID}
	if !storable(customerID) {
		return none, map[int64]orders.Product{}, nil
	}
	var row cartRow
	err := s.db.Read.NewSelect().Model(&row).Where("c.customer_id = ?", customerID).Where("c.order_id IS NULL").Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return none, map[int64]orders.Product{}, nil
	}
	if err != nil {
		return orders.Cart{}, nil, fmt.Errorf("ordersdb: cart of %s: %w", customerID, err)
	}
	carts := map[string]*orders.Cart{row.ID: row.cart()}
	products, sold, err := loadItems(ctx, s.db.Read.NewSelect(), carts)
	if err == nil {
		err = withSales(ctx, s.db.Read, products, sold, customerID)
	}
	if err != nil {
		return orders.Cart{}, nil, fmt.Errorf("ordersdb: cart of %s: %w", customerID, err)
	}
	return *carts[row.ID], products, nil
}

// UpdateCart implements orders.Store.
func (s *Store) UpdateCart(ctx context.Context, customerID, newCartID string, productIDs []int64,
	change func(*orders.Cart, map[int64]orders.Product) error) (orders.Cart, error) {
	if !storable(customerID) {
		return orders.Cart{}, &orders.Error{Code: orders.CodeInvalid, Field: "customer", Message: "the customer's id is no text"}
	}
	var saved orders.Cart
	err := retryUnique(func() error {
		return s.db.Tx(ctx, "ordersdb: update cart", func(ctx context.Context, tx bun.Tx) error {
			var err error
			saved, err = updateCart(ctx, tx, customerID, newCartID, productIDs, change)
			return err
		})
	})
	return saved, refusal(err)
}

func updateCart(ctx context.Context, tx bun.Tx, customerID, newCartID string, productIDs []int64,
	change func(*orders.Cart, map[int64]orders.Product) error) (orders.Cart, error) {
	var row cartRow
	err := sqldb.ForUpdate(tx.NewSelect().Model(&row).Where("c.customer_id = ?", customerID).Where("c.order_id IS NULL")).Scan(ctx)
	isNew := errors.Is(err, sql.ErrNoRows)
	if err != nil && !isNew {
		return orders.Cart{}, err
	}
	was := orders.Cart{ID: newCartID, CustomerID: customerID}
	products := map[int64]orders.Product{}
	var sold []int64
	if !isNew {
		carts := map[string]*orders.Cart{row.ID: row.cart()}
		if products, sold, err = loadItems(ctx, tx.NewSelect(), carts); err != nil {
			return orders.Cart{}, err
		}
		was = *carts[row.ID]
	}
	more, err := addProducts(ctx, tx, products, productIDs)
	if err != nil {
		return orders.Cart{}, err
	}
	if err := withSales(ctx, tx, products, append(sold, more...), customerID); err != nil {
		return orders.Cart{}, err
	}

	c := was
	c.Items = append([]orders.CartItem(nil), was.Items...)
	if err := change(&c, products); err != nil {
		return orders.Cart{}, err
	}
	for _, it := range c.Items {
		if _, ok := products[it.ProductID]; !ok {
			return orders.Cart{}, notFound("product", it.ProductID)
		}
	}
	next := cartRow{ID: c.ID, CustomerID: customerID, UpdatedAt: sqldb.At(c.UpdatedAt)}
	c.UpdatedAt = next.UpdatedAt.Time()
	if isNew {
		_, err = tx.NewInsert().Model(&next).Exec(ctx)
	} else {
		_, err = tx.NewUpdate().Model(&next).Column("updated_at").WherePK().Exec(ctx)
	}
	if err != nil {
		return orders.Cart{}, err
	}
	return c, saveItems(ctx, tx, was, c)
}

// addProducts loads the products with the ids that are not there already. It
// returns the ids of those that have flash sales.
func addProducts(ctx context.Context, db bun.IDB, products map[int64]orders.Product, ids []int64) (sold []int64, err error) {
	var missing []int64
	for _, id := range ids {
		if _, ok := products[id]; !ok {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	var rows []productRow
	if err := db.NewSelect().Model(&rows).Where("p.id IN (?)", bun.List(missing)).Scan(ctx); err != nil {
		return nil, err
	}
	for _, r := range rows {
		products[r.ID] = r.product()
	}
	return onSale(rows...), nil
}

// saveItems writes what changed between two states of a cart.
func saveItems(ctx context.Context, tx bun.Tx, was, now orders.Cart) error {
	before := map[int64]cartItemRow{}
	for _, r := range itemRows(was) {
		before[r.ProductID] = r
	}
	var changed []cartItemRow
	for _, r := range itemRows(now) {
		if before[r.ProductID] != r {
			changed = append(changed, r)
		}
		delete(before, r.ProductID)
	}
	if len(before) > 0 {
		gone := make([]int64, 0, len(before))
		for id := range before {
			gone = append(gone, id)
		}
		if _, err := tx.NewDelete().Table("cart_items").Where("cart_id = ?", now.ID).Where("product_id IN (?)", bun.List(gone)).Exec(ctx); err != nil {
			return err
		}
	}
	if len(changed) == 0 {
		return nil
	}
	_, err := tx.NewInsert().Model(&changed).
		On("CONFLICT (cart_id, product_id) DO UPDATE").Set("position = EXCLUDED.position").Set("quantity = EXCLUDED.quantity").Exec(ctx)
	return err
}

func itemRows(c orders.Cart) []cartItemRow {
	rows := make([]cartItemRow, len(c.Items))
	for i, it := range c.Items {
		rows[i] = cartItemRow{CartID: c.ID, ProductID: it.ProductID, Position: i, Quantity: int64(it.Quantity)}
	}
	return rows
}

func (r cartRow) cart() *orders.Cart {
	c := &orders.Cart{ID: r.ID, CustomerID: r.CustomerID, UpdatedAt: r.UpdatedAt.Time()}
	if r.OrderID != nil {
		c.OrderID = *r.OrderID
	}
	return c
}

// itemRow is an item of a cart with its product.
type itemRow struct {
	productRow `bun:",extend"`

	CartID       string
	CartPosition int
	CartQuantity int64
}

// loadItems fills the carts with their items, and returns the products they
// name, with one statement: q, which may lock the products (as p, by id). It
// also returns the ids of those that have flash sales.
func loadItems(ctx context.Context, q *bun.SelectQuery, carts map[string]*orders.Cart) (products map[int64]orders.Product, sold []int64, err error) {
	ids := make([]string, 0, len(carts))
	for id := range carts {
		ids = append(ids, id)
	}
	var rows []itemRow
	err = q.TableExpr("cart_items AS i").Join("JOIN products AS p ON p.id = i.product_id").
		ColumnExpr("p.*, i.cart_id AS cart_id, i.position AS cart_position, i.quantity AS cart_quantity").
		Where("i.cart_id IN (?)", bun.List(ids)).OrderExpr("p.id").Scan(ctx, &rows)
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(rows, func(a, b itemRow) int { return cmp.Compare(a.CartPosition, b.CartPosition) })
	products = make(map[int64]orders.Product, len(rows))
	for _, r := range rows {
		if _, seen := products[r.ID]; !seen {
			sold = append(sold, onSale(r.productRow)...)
		}
		products[r.ID] = r.product()
		c := carts[r.CartID]
		c.Items = append(c.Items, orders.CartItem{ProductID: r.ID, Quantity: int(r.CartQuantity)})
	}
	return products, sold, nil
}
