package ordersdb

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
)

// placeAll places the orders of all calls in one transaction. A refusal of one
// is in its err; the error returned is of the transaction, and then nothing of
// any of them was saved.
func (s *Store) placeAll(ctx context.Context, batch []*placeCall) error {
	return s.db.Tx(ctx, "ordersdb: place order", func(ctx context.Context, tx bun.IDB) error {
		b := &book{
			store: s, tx: tx, batch: batch, byID: map[string]*orders.Cart{}, open: map[string]*orders.Cart{},
			earlier: map[string]orders.Order{}, keys: map[[2]string]string{}, sold: map[int64]int{},
		}
		for _, step := range []func(context.Context) error{
			b.lockCarts, b.loadEarlier, b.lockProducts, b.lockCredit,
		} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		for _, p := range batch {
			p.order, p.placed, p.err = b.decide(p)
			if err := s.unleased(orders.Order{}, p.order); p.placed && err != nil {
				return err
			}
		}
		if err := b.moveCredit(ctx); err != nil {
			return err
		}
		return b.save(ctx)
	})
}

// book is what one transaction of intake works on.
type book struct {
	store *Store
	tx    bun.IDB
	batch []*placeCall

	byID     map[string]*orders.Cart // carts, locked
	open     map[string]*orders.Cart // customer -> open cart
	earlier  map[string]orders.Order
	keys     map[[2]string]string // customer and idempotency key -> order
	products map[int64]orders.Product
	sales    *saleBook       // nil: none of the products has any
	credit   map[purse]int64 // what is left of it, locked

	placed []orders.Change
	sold   map[int64]int // product -> change of its stock
}

func (b *book) lockCarts(ctx context.Context) error {
	var ids, customers []string
	for _, p := range b.batch {
		if p.req.CartID != "" {
			ids = append(ids, p.req.CartID)
		} else {
			customers = append(customers, p.req.CustomerID)
		}
	}
	var rows []cartRow
	q := b.tx.NewSelect().Model(&rows).Order("c.id")
	if len(ids) > 0 {
		q = q.WhereOr("c.id IN (?)", bun.List(ids))
	}
	if len(customers) > 0 {
		q = q.WhereOr("(c.order_id IS NULL AND c.customer_id IN (?))", bun.List(customers))
	}
	if err := sqldb.ForUpdate(q).Scan(ctx); err != nil {
		return err
	}
	for _, r := range rows {
		c := r.cart()
		b.byID[r.ID] = c
		if r.OrderID == nil {
			b.open[r.CustomerID] = c
		}
	}
	return nil
}

// loadEarlier loads the orders that the carts have already, and those made
// under the idempotency keys.
func (b *book) loadEarlier(ctx context.Context) error {
	var ids []string
	for _, c := range b.byID {
		if c.OrderID != "" {
			ids = append(ids, c.OrderID)
		}
	}
	var keyed []struct{ ID, CustomerID, IdempotencyKey string }
	q := b.tx.NewSelect().TableExpr("?(rk)orders").Column("id", "customer_id", "idempotency_key")
	any := false
	for _, p := range b.batch {
		if p.req.IdempotencyKey != "" {
			q = q.WhereOr(
				"(customer_id = ? AND idempotency_key = ? AND idempotency_key <> '')",
				p.req.CustomerID,
				p.req.IdempotencyKey,
			)
			any = true
		}
	}
	if any {
		if err := q.Scan(ctx, &keyed); err != nil {
			return err
		}
	}
	for _, k := range keyed {
		b.keys[[2]string{k.CustomerID, k.IdempotencyKey}] = k.ID
		ids = append(ids, k.ID)
	}
	if len(ids) == 0 {
		return nil
	}
	found, err := loadOrders(ctx, b.tx, ids)
	if err != nil {
		return err
	}
	for _, o := range found {
		b.earlier[o.ID] = o
	}
	return nil
}

// lockProducts loads the items of the carts that can be ordered, and locks
// their products in order of id.
func (b *book) lockProducts(ctx context.Context) error {
	wanted := map[string]*orders.Cart{}
	for id, c := range b.byID {
		if _, ok := b.orderOf(c); !ok {
			wanted[id] = c
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	var sold []int64
	var err error
	b.products, sold, err = loadItems(ctx, lockProducts(b.tx.NewSelect(), b.store.db.Dialect()), wanted)
	if err != nil || len(sold) == 0 {
		return err
	}
	return b.loadSales(ctx, sold)
}

// loadSales loads the flash sales of locked products and ends the reservations
// that have expired.
func (b *book) loadSales(ctx context.Context, productIDs []int64) error {
	var customers []string
	var now time.Time
	var from event.Source
	for _, p := range b.batch {
		customers = append(customers, p.req.CustomerID)
		if p.req.At.After(now) {
			now, from = p.req.At, p.req.From
		}
	}
	var err error
	if b.sales, err = loadSales(ctx, b.tx, productIDs, customers, now); err != nil {
		return err
	}
	if err := b.sales.expire(now, from); err != nil {
		return err
	}
	b.giveBack()
	return nil
}

// giveBack returns the units that reservations no longer hold to the stock.
func (b *book) giveBack() {
	for id, n := range b.sales.back {
		product := b.products[id]
		product.Stock += n
		b.products[id] = product
		b.sold[id] += n
	}
	clear(b.sales.back)
}

// orderOf is the order made of the cart that is not canceled, if any.
func (b *book) orderOf(c *orders.Cart) (orders.Order, bool) {
	o, ok := b.earlier[c.OrderID]
	return o, ok && o.Status != orders.StatusCanceled
}

// decide settles one call by what is there and what the calls before it took.
func (b *book) decide(p *placeCall) (orders.Order, bool, error) {
	r := p.req
	if id, ok := b.keys[[2]string{r.CustomerID, r.IdempotencyKey}]; ok && r.IdempotencyKey != "" {
		return b.earlier[id].Clone(), false, nil
	}
	c := b.open[r.CustomerID]
	if r.CartID != "" {
		c = b.byID[r.CartID]
		if c == nil || c.CustomerID != r.CustomerID {
			return orders.Order{}, false, notFound("cart", r.CartID)
		}
	}
	if c == nil {
		c = &orders.Cart{CustomerID: r.CustomerID}
	}
	if o, ok := b.orderOf(c); ok {
		return o.Clone(), false, nil
	}
	placement := orders.Placement{Cart: *c, Products: make(map[int64]orders.Product, len(c.Items))}
	placement.Cart.Items = slices.Clone(c.Items)
	for _, it := range c.Items {
		p := b.products[it.ProductID]
		if b.sales != nil {
			p = b.sales.product(p, r.CustomerID)
		}
		placement.Products[it.ProductID] = p
	}
	placement.Credit = b.creditOf(p, placement)
	o, err := p.decide(placement)
	if err != nil {
		return orders.Order{}, false, err
	}
	change, err := orders.NewChange(orders.Order{}, *o)
	if err != nil {
		return orders.Order{}, false, err
	}
	if err := b.takeCredit(change.Credit); err != nil {
		return orders.Order{}, false, err
	}
	if err := b.countInSales(change); err != nil {
		b.returnCredit(change.Credit)
		return orders.Order{}, false, err
	}
	for id, n := range change.Stock {
		product := b.products[id]
		product.Stock += n
		b.products[id] = product
		b.sold[id] += n
	}
	b.placed = append(b.placed, change)
	saved := change.After
	b.earlier[o.ID] = saved
	c.OrderID = o.ID
	if r.IdempotencyKey != "" {
		b.keys[[2]string{r.CustomerID, r.IdempotencyKey}] = o.ID
	}
	return saved.Clone(), true, nil
}

// countInSales counts a new order in the flash sales of its lines.
func (b *book) countInSales(c orders.Change) error {
	if b.sales == nil {
		if len(c.Sales) == 0 {
			return nil
		}
		return (&saleBook{}).check(c)
	}
	if err := b.sales.check(c); err != nil {
		return err
	}
	if err := b.sales.sell(c); err != nil {
		return err
	}
	b.giveBack()
	return nil
}

// save writes everything that was decided, in one round trip, with one statement
// a table.
func (b *book) save(ctx context.Context) error {
	var (
		orderRows   []orderRow
		lines       []lineRow
		payments    []paymentRow
		events      []event.Event
		cartIDs     []string
		assignments strings.Builder
		args        []any
	)
	for _, c := range b.placed {
		o := c.After
		orderRows = append(orderRows, rowOfOrder(o))
		lines = append(lines, rowsOfLines(o)...)
		payments = append(payments, rowOfPayment(o))
		events = append(events, c.Events...)
		if c.ClosesCart {
			cartIDs = append(cartIDs, o.CartID)
			assignments.WriteString(" WHEN ? THEN ?")
			args = append(args, o.CartID, o.ID)
		}
	}
	return sqldb.Pipeline(ctx, b.tx, func(w bun.IDB) error {
		if b.sales != nil {
			events = append(events, b.sales.events...)
			if err := b.sales.saveRows(ctx, w); err != nil {
				return err
			}
		}
		if err := addStock(ctx, w, b.sold, slices.SortedFunc(maps.Keys(b.sold), cmp.Compare[int64])); err != nil {
			return err
		}
		if len(b.placed) > 0 {
			for _, rows := range []any{&orderRows, &lines, &payments} {
				if _, err := w.NewInsert().Model(rows).Returning("NULL").Exec(ctx); err != nil {
					return err
				}
			}
		}
		if len(cartIDs) > 0 {
			_, err := w.NewUpdate().TableExpr("?(rk)carts").
				Set("order_id = CASE id"+assignments.String()+" END", args...).
				Where("id IN (?)", bun.List(cartIDs)).Exec(ctx)
			if err != nil {
				return err
			}
		}
		return b.store.append(ctx, w, events)
	})
}
