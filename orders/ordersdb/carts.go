package ordersdb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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
	err := s.db.Read().NewSelect().
		Model(&row).
		Where("c.customer_id = ?", customerID).
		Where("c.order_id IS NULL").Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return none, map[int64]orders.Product{}, nil
	}
	if err != nil {
		return orders.Cart{}, nil, fmt.Errorf("ordersdb: cart of %s: %w", customerID, err)
	}
	carts := map[string]*orders.Cart{row.ID: row.cart()}
	products, sold, err := loadItems(ctx, s.db.Read().NewSelect(), carts)
	if err == nil {
		err = withSales(ctx, s.db.Read(), products, sold, customerID)
	}
	if err != nil {
		return orders.Cart{}, nil, fmt.Errorf("ordersdb: cart of %s: %w", customerID, err)
	}
	return *carts[row.ID], products, nil
}

// cartCall is a call of UpdateCart on its way.
type cartCall struct {
	customerID, newCartID string
	productIDs            []int64
	change                func(*orders.Cart, map[int64]orders.Product) error

	cart orders.Cart
	err  error
}

// Fail implements sqldb.RunBatch.
func (c *cartCall) Fail(err error) { c.cart, c.err = orders.Cart{}, refusal(err) }

// UpdateCart implements orders.Store.
func (s *Store) UpdateCart(ctx context.Context, customerID, newCartID string, productIDs []int64,
	change func(*orders.Cart, map[int64]orders.Product) error) (orders.Cart, error) {
	if !storable(customerID) {
		return orders.Cart{}, noText("customer")
	}
	c := &cartCall{customerID: customerID, newCartID: newCartID, productIDs: productIDs, change: change}
	if err := s.carts.Do(ctx, c); err != nil {
		return orders.Cart{}, fmt.Errorf("ordersdb: update cart: %w", err)
	}
	return c.cart, c.err
}

// changeCarts executes all calls in one transaction. A refusal of one is in
// its err; the error returned is of the transaction, and then nothing of any
// of them was saved.
func (s *Store) changeCarts(ctx context.Context, batch []*cartCall) error {
	return s.db.Tx(ctx, "ordersdb: update cart", func(ctx context.Context, tx bun.IDB) error {
		b := &cartBook{carts: map[string]*openCart{}}
		if err := b.load(ctx, tx, batch); err != nil {
			return err
		}
		for _, c := range batch {
			c.cart, c.err = b.apply(c)
		}
		return b.save(ctx, tx)
	})
}

// cartBook is what one transaction of changes to carts works on.
type cartBook struct {
	carts    map[string]*openCart // customer -> open cart
	products map[int64]orders.Product
	sold     []int64   // products with flash sales
	sales    *saleBook // nil: none has any
}

// openCart is a cart as it is stored, nil when it is not, and as it will be.
type openCart struct {
	was     *orders.Cart
	now     orders.Cart
	changed bool
}

func (b *cartBook) load(ctx context.Context, tx bun.IDB, batch []*cartCall) error {
	var customers []string
	var wanted []int64
	for _, c := range batch {
		if b.carts[c.customerID] == nil {
			b.carts[c.customerID] = &openCart{}
			customers = append(customers, c.customerID)
		}
		wanted = append(wanted, c.productIDs...)
	}
	var rows []cartRow
	q := tx.NewSelect().Model(&rows).
		Where("c.customer_id IN (?)", bun.List(customers)).
		Where("c.order_id IS NULL").
		Order("c.id")
	if err := sqldb.ForUpdate(q).Scan(ctx); err != nil {
		return err
	}
	stored := map[string]*orders.Cart{}
	for _, r := range rows {
		stored[r.ID] = r.cart()
		b.carts[r.CustomerID].was = stored[r.ID]
	}
	b.products = map[int64]orders.Product{}
	if len(stored) > 0 {
		var err error
		if b.products, b.sold, err = loadItems(ctx, tx.NewSelect(), stored); err != nil {
			return err
		}
	}
	more, err := addProducts(ctx, tx, b.products, wanted)
	if err != nil {
		return err
	}
	b.sold = append(b.sold, more...)
	if len(b.sold) > 0 {
		b.sales, err = loadSales(ctx, tx, b.sold, customers, time.Time{})
	}
	return err
}

// apply settles one call by what is there and what the calls before it left.
func (b *cartBook) apply(call *cartCall) (orders.Cart, error) {
	open := b.carts[call.customerID]
	was := open.now
	if !open.changed {
		was = orders.Cart{ID: call.newCartID, CustomerID: call.customerID}
		if open.was != nil {
			was = *open.was
		}
	}
	products := make(map[int64]orders.Product, len(was.Items)+len(call.productIDs))
	see := func(id int64) {
		if p, ok := b.products[id]; ok {
			if b.sales != nil {
				p = b.sales.product(p, call.customerID)
			}
			products[id] = p
		}
	}
	for _, it := range was.Items {
		see(it.ProductID)
	}
	for _, id := range call.productIDs {
		see(id)
	}
	c := was
	c.Items = slices.Clone(was.Items)
	if err := call.change(&c, products); err != nil {
		return orders.Cart{}, err
	}
	for _, it := range c.Items {
		if _, ok := products[it.ProductID]; !ok {
			return orders.Cart{}, notFound("product", it.ProductID)
		}
	}
	c.UpdatedAt = sqldb.At(c.UpdatedAt).Time()
	open.now, open.changed = c, true
	c.Items = slices.Clone(c.Items)
	return c, nil
}

// cartChanges are the rows that a save of carts writes.
type cartChanges struct {
	made, kept []cartRow
	items      []cartItemRow
	gone       []any // cart and product of each item that is gone, in pairs
}

// changes collects what changed, in one order, so that no two transactions wait for
// each other.
func (b *cartBook) changes() cartChanges {
	var out cartChanges
	for _, customer := range slices.Sorted(maps.Keys(b.carts)) {
		c := b.carts[customer]
		if !c.changed {
			continue
		}
		row := cartRow{ID: c.now.ID, CustomerID: customer, UpdatedAt: sqldb.At(c.now.UpdatedAt)}
		before := map[int64]cartItemRow{}
		if c.was == nil {
			out.made = append(out.made, row)
		} else {
			out.kept = append(out.kept, row)
			for _, r := range itemRows(*c.was) {
				before[r.ProductID] = r
			}
		}
		for _, r := range itemRows(c.now) {
			if before[r.ProductID] != r {
				out.items = append(out.items, r)
			}
			delete(before, r.ProductID)
		}
		for id := range before {
			out.gone = append(out.gone, c.now.ID, id)
		}
	}
	return out
}

// save writes what changed in one round trip, with one statement a table.
func (b *cartBook) save(ctx context.Context, tx bun.IDB) error {
	c := b.changes()
	return sqldb.Pipeline(ctx, tx, func(w bun.IDB) error {
		if len(c.made) > 0 {
			if _, err := w.NewInsert().Model(&c.made).Returning("NULL").Exec(ctx); err != nil {
				return err
			}
		}
		if len(c.kept) > 0 {
			_, err := w.NewInsert().Model(&c.kept).Returning("NULL").
				On("CONFLICT (id) DO UPDATE").Set("updated_at = EXCLUDED.updated_at").Exec(ctx)
			if err != nil {
				return err
			}
		}
		if len(c.gone) > 0 {
			pairs := strings.TrimSuffix(strings.Repeat("(?, ?), ", len(c.gone)/2), ", ")
			_, err := w.NewDelete().TableExpr("?(rk)cart_items").
				Where("(cart_id, product_id) IN (VALUES "+pairs+")", c.gone...).Exec(ctx)
			if err != nil {
				return err
			}
		}
		if len(c.items) == 0 {
			return nil
		}
		_, err := w.NewInsert().Model(&c.items).On("CONFLICT (cart_id, product_id) DO UPDATE").
			Set("position = EXCLUDED.position").Set("quantity = EXCLUDED.quantity").Exec(ctx)
		return err
	})
}

// addProducts loads the products with the ids that are not there already. It
// returns the ids of the products that have flash sales.
func addProducts(
	ctx context.Context,
	db bun.IDB,
	products map[int64]orders.Product,
	ids []int64,
) (sold []int64, err error) {
	missing := map[int64]bool{}
	for _, id := range ids {
		if _, ok := products[id]; !ok {
			missing[id] = true
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	var rows []productRow
	if err := db.NewSelect().Model(&rows).Where("p.id IN (?)",
		bun.List(slices.Sorted(maps.Keys(missing)))).Scan(ctx); err != nil {
		return nil, err
	}
	for _, r := range rows {
		products[r.ID] = r.product()
	}
	return onSale(rows...), nil
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
// also returns the ids of the products that have flash sales.
func loadItems(
	ctx context.Context,
	q *bun.SelectQuery,
	carts map[string]*orders.Cart,
) (products map[int64]orders.Product, sold []int64, err error) {
	ids := make([]string, 0, len(carts))
	for id := range carts {
		ids = append(ids, id)
	}
	var rows []itemRow
	err = q.TableExpr("?(rk)cart_items AS i").Join("JOIN ?(rk)products AS p ON p.id = i.product_id").
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
