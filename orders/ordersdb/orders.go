package ordersdb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/paging"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/payment"
)

// eventPrefix names the tables of this store's events.
const eventPrefix = "orders"

// Order implements orders.Store.
func (s *Store) Order(ctx context.Context, id string) (orders.Order, error) {
	if !storable(id) {
		return orders.Order{}, notFound("order", fmt.Sprintf("%q", id))
	}
	o, ok, err := s.byID.Find(ctx, id)
	if err != nil {
		return orders.Order{}, fmt.Errorf("ordersdb: order %s: %w", id, err)
	}
	if !ok {
		return orders.Order{}, notFound("order", id)
	}
	return o, nil
}

func (s *Store) ordersByID(ctx context.Context, ids []string) (map[string]orders.Order, error) {
	list, err := loadOrders(ctx, s.db.Read(), ids)
	found := make(map[string]orders.Order, len(list))
	for _, o := range list {
		found[o.ID] = o
	}
	return found, err
}

// Events implements orders.Store.
func (s *Store) Events(ctx context.Context, id string) ([]event.Event, error) {
	if !storable(id) {
		return nil, notFound("order", fmt.Sprintf("%q", id))
	}
	events, err := outboxdb.Events(ctx, s.db.Read(), eventPrefix, id)
	if err != nil {
		return nil, fmt.Errorf("ordersdb: %w", err)
	}
	if len(events) == 0 {
		return nil, notFound("order", id)
	}
	return events, nil
}

// loadOrders loads the orders with the ids, in order of id, with one statement
// each for orders, lines and payments, however many there are.
func loadOrders(ctx context.Context, db bun.IDB, ids []string) ([]orders.Order, error) {
	var rows []orderRow
	if err := db.NewSelect().Model(&rows).Where("o.id IN (?)", bun.List(ids)).Order("o.id").Scan(ctx); err != nil {
		return nil, err
	}
	return withDetails(ctx, db, rows)
}

// withDetails adds lines and payments, keeping the order of rows.
func withDetails(ctx context.Context, db bun.IDB, rows []orderRow) ([]orders.Order, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	var lines []lineRow
	if err := db.NewSelect().Model(&lines).Where("l.order_id IN (?)", bun.List(ids)).Order("l.order_id",
		"l.position").Scan(ctx); err != nil {
		return nil, err
	}
	var payments []paymentRow
	if err := db.NewSelect().Model(&payments).Where("pay.order_id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return nil, err
	}
	return assemble(rows, lines, payments), nil
}

// assemble makes the orders of rows, in their order, with their lines, which
// come by position, and payments.
func assemble(rows []orderRow, lines []lineRow, payments []paymentRow) []orders.Order {
	found, at := make([]orders.Order, len(rows)), make(map[string]int, len(rows))
	for i, r := range rows {
		found[i], at[r.ID] = r.order(), i
	}
	for _, l := range lines {
		o := &found[at[l.OrderID]]
		o.Lines = append(o.Lines, l.line())
	}
	for _, p := range payments {
		found[at[p.OrderID]].Payment = p.payment()
	}
	return found
}

// List implements orders.Store.
func (s *Store) List(ctx context.Context, q orders.Query) ([]orders.Order, int, error) {
	q = q.Normalize()
	if len(q.IDs) > 0 {
		q.IDs = slices.DeleteFunc(slices.Clone(q.IDs), func(id string) bool { return !storable(id) })
		if len(q.IDs) == 0 {
			return nil, 0, nil
		}
	}
	if !storable(q.CustomerID) || !storable(q.Text) {
		return nil, 0, nil
	}
	var rows []orderRow
	sel := filter(s.db.Read().NewSelect().Model(&rows), q).Order("o.placed_at DESC", "o.id DESC").
		Limit(int64(q.PageSize)).Offset(paging.Offset(q.Page, q.PageSize))
	err := sel.Scan(ctx)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, 0, fmt.Errorf("ordersdb: list orders: %w", err)
	}
	n, err := s.count(ctx, sel, q, len(rows))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, 0, fmt.Errorf("ordersdb: list orders: %w", err)
	}
	found, err := withDetails(ctx, s.db.Read(), rows)
	if err != nil {
		return nil, 0, fmt.Errorf("ordersdb: list orders: %w", err)
	}
	return found, int(n), nil
}

// filter selects the orders of the query, on any page.
func filter(sel *bun.SelectQuery, q orders.Query) *bun.SelectQuery {
	if len(q.IDs) > 0 {
		sel = sel.Where("o.id IN (?)", bun.List(q.IDs))
	}
	if q.CustomerID != "" {
		sel = sel.Where("o.customer_id = ?", q.CustomerID)
	}
	if len(q.Status) > 0 {
		sel = sel.Where("o.status IN (?)", bun.List(q.Status))
		if !slices.Contains(q.Status, orders.StatusCompleted) && !slices.Contains(q.Status, orders.StatusCanceled) {
			// True of all of them, and what the index of open orders asks for.
			sel = sel.Where("o.completed_at IS NULL AND o.cancelled_at IS NULL")
		}
	}
	if q.NeedsReview {
		sel = sel.Where("o.id IN (SELECT order_id FROM ?(rk)payments WHERE needs_review)")
	}
	if !q.From.IsZero() {
		sel = sel.Where("o.placed_at >= ?", sqldb.At(q.From))
	}
	if !q.To.IsZero() {
		sel = sel.Where("o.placed_at < ?", sqldb.At(q.To))
	}
	if q.Text != "" {
		sel = sel.Where(`o.search LIKE ? ESCAPE '\'`, "%"+likeEscape.Replace(strings.ToLower(q.Text))+"%")
	}
	return sel
}

// count returns how many orders match; a page of some of them was read.
func (s *Store) count(ctx context.Context, sel *bun.SelectQuery, q orders.Query, some int) (n int64, err error) {
	// A first page that is not full has all there are, and so has one with room
	// for each of the ids.
	switch all := q.Page == 1 && (some < q.PageSize || len(q.IDs) > 0 && len(q.IDs) <= q.PageSize); {
	case all:
		n = int64(some)
	case q.CountUpTo > 0:
		counted := sel.Clone().ColumnExpr("1").Limit(int64(q.CountUpTo)).Offset(0)
		err = s.db.Read().NewSelect().TableExpr("(?) AS counted", counted).ColumnExpr("COUNT(*)").Scan(ctx, &n)
	default:
		n, err = sel.Count(ctx)
	}
	if q.CountUpTo > 0 {
		n = min(n, int64(q.CountUpTo))
	}
	return n, err
}

var likeEscape = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// Claim implements orders.Store.
func (s *Store) Claim(
	ctx context.Context,
	now time.Time,
	lease time.Duration,
	token string,
	limit int,
) ([]orders.Order, error) {
	due := func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Model((*paymentRow)(nil)).Column("pay.id").
			Where("pay.next_at IS NOT NULL AND NOT pay.needs_review").
			Where("(pay.next_at <= ? OR pay.next_at > ?)", sqldb.At(now), sqldb.At(now.Add(orders.Horizon))).
			Where("(pay.lease_until IS NULL OR pay.lease_until <= ? OR pay.lease_until > ?)",
				sqldb.At(now), sqldb.At(now.Add(orders.Horizon))).
			Order("pay.priority DESC", "pay.id")
	}
	if limit < 1 {
		return nil, nil
	}
	if s.db.InTx() {
		return nil, fmt.Errorf("ordersdb: claim payments: %w", payment.ErrInTransaction)
	}
	// Most of the time nothing is due: find that out without a transaction.
	any, err := due(s.db.Read().NewSelect()).Limit(1).Exists(ctx)
	if err != nil {
		return nil, fmt.Errorf("ordersdb: claim payments: %w", err)
	}
	if !any {
		return nil, nil
	}
	var claimed []orders.Order
	err = s.db.Tx(ctx, "ordersdb: claim payments", func(ctx context.Context, tx bun.IDB) error {
		claimed = nil
		var ids, orderIDs []string
		if err := sqldb.SkipLocked(due(tx.NewSelect()).Limit(int64(limit))).Scan(ctx, &ids); err != nil {
			return err
		}
		if len(ids) == 0 {
			return nil
		}
		err := tx.NewUpdate().Model((*paymentRow)(nil)).
			Set("lease_until = ?", sqldb.At(now.Add(lease))).Set("lease_token = ?", token).
			Where("id IN (?)", bun.List(ids)).Returning("order_id").Scan(ctx, &orderIDs)
		if err != nil {
			return err
		}
		claimed, err = loadOrders(ctx, tx, orderIDs)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(claimed, func(a, b orders.Order) int {
		return cmp.Or(cmp.Compare(b.Payment.Priority, a.Payment.Priority), cmp.Compare(a.Payment.ID, b.Payment.ID))
	})
	return claimed, nil
}
