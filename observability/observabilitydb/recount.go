package observabilitydb

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// Counts says how often what happened.
type Counts struct {
	Orders           int64 // placed
	OrdersCompleted  int64 `bun:"orders_completed"`
	OrdersQueued     int64 `bun:"orders_queued"`
	OrdersCancelled  int64 `bun:"orders_cancelled"`
	Returns          int64 // requested
	RMAs             int64 `bun:"rmas"` // RMA numbers given out
	ReturnsApproved  int64 `bun:"returns_approved"`
	ReturnsRejected  int64 `bun:"returns_rejected"`
	ReturnsCancelled int64 `bun:"returns_cancelled"`
	ReturnsRefunded  int64 `bun:"returns_refunded"`
	RefundsPaid      int64 `bun:"refunds_paid"`   // refunds that succeeded
	RefundsFailed    int64 `bun:"refunds_failed"` // attempts that ended in a definite no
	RefundsReversed  int64 `bun:"refunds_reversed"`
}

// counted is one kind of event and where it is counted.
type counted struct {
	table, event, column string
	field                func(*Counts) *int64
}

// countedEvents are the events the figures are made of.
var countedEvents = []counted{
	{"orders_events", orders.EventPlaced, "orders", func(c *Counts) *int64 { return &c.Orders }},
	{"orders_events", orders.EventCompleted, "orders_completed", func(c *Counts) *int64 { return &c.OrdersCompleted }},
	{"orders_events", orders.EventQueued, "orders_queued", func(c *Counts) *int64 { return &c.OrdersQueued }},
	{"orders_events", orders.EventCancelled, "orders_cancelled", func(c *Counts) *int64 { return &c.OrdersCancelled }},
	{"returns_events", returns.EventRequested, "returns", func(c *Counts) *int64 { return &c.Returns }},
	{"returns_events", returns.EventRMAAssigned, "rmas", func(c *Counts) *int64 { return &c.RMAs }},
	{"returns_events", returns.EventApproved, "returns_approved", func(c *Counts) *int64 { return &c.ReturnsApproved }},
	{"returns_events", returns.EventRejected, "returns_rejected", func(c *Counts) *int64 { return &c.ReturnsRejected }},
	{"returns_events", returns.EventCancelled, "returns_cancelled", func(c *Counts) *int64 { return &c.ReturnsCancelled }},
	{"returns_events", returns.EventRefunded, "returns_refunded", func(c *Counts) *int64 { return &c.ReturnsRefunded }},
	{"refunds_events", refunds.EventSucceeded, "refunds_paid", func(c *Counts) *int64 { return &c.RefundsPaid }},
	{"refunds_events", refunds.EventFailed, "refunds_failed", func(c *Counts) *int64 { return &c.RefundsFailed }},
	{"refunds_events", refunds.EventReversed, "refunds_reversed", func(c *Counts) *int64 { return &c.RefundsReversed }},
}

// EventTypes returns the types of the events of a store, named by the prefix
// of its tables (orders, returns, refunds), that [Rollup.Handle] wants to hear
// of.
func EventTypes(prefix string) []string {
	var types []string
	for _, c := range countedEvents {
		if c.table == prefix+"_events" {
			types = append(types, c.event)
		}
	}
	return types
}

type quarterRow struct {
	bun.BaseModel `bun:"kpi_quarters"`

	Quarter int64 `bun:"quarter,pk"`
	Counts
}

type shareRow struct {
	bun.BaseModel `bun:"kpi_shares"`

	Quarter int64  `bun:"quarter,pk"`
	Kind    string `bun:"kind,pk"`
	Name    string `bun:"name,pk"`
	N       int64  `bun:"n"`
	Amount  int64  `bun:"amount"`
}

// recount counts a marked quarter again, and reports whether it did: not when
// another process has done it meanwhile.
func (r *Rollup) recount(ctx context.Context, q int64) (mine bool, err error) {
	err = r.db.Tx(ctx, fmt.Sprintf("observabilitydb: count quarter %d", q), func(ctx context.Context, tx bun.Tx) error {
		mine = false
		// First of all: whoever commits an event from here on leaves a new mark.
		res, err := tx.NewRaw("DELETE FROM kpi_dirty WHERE quarter = ?", q).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		mine = true
		span := span{quarterStart(q), quarterStart(q + 1)}
		row := quarterRow{Quarter: q}
		if row.Counts, err = countEvents(ctx, tx, span); err != nil {
			return err
		}
		if err := replace(ctx, tx, "kpi_quarters", q, []quarterRow{row}); err != nil {
			return err
		}
		shares, err := r.shares(ctx, tx, q, span, row.Counts)
		if err != nil {
			return err
		}
		if err := replace(ctx, tx, "kpi_shares", q, shares); err != nil {
			return err
		}
		if row.ReturnsRefunded+row.ReturnsRejected+row.ReturnsCancelled == 0 {
			return nil
		}
		return closeCases(ctx, tx, span)
	})
	return mine, err
}

// span is a range of time, its end not included.
type span struct{ from, to time.Time }

func countEvents(ctx context.Context, tx bun.IDB, s span) (Counts, error) {
	var c Counts
	for _, table := range eventTables {
		var rows []struct {
			Type string
			N    int64
		}
		err := tx.NewRaw("SELECT e.type, COUNT(*) AS n FROM ? AS e WHERE e.at >= ? AND e.at < ? GROUP BY e.type",
			bun.Ident(table), sqldb.At(s.from), sqldb.At(s.to)).Scan(ctx, &rows)
		if err != nil {
			return c, fmt.Errorf("%s: %w", table, err)
		}
		for _, row := range rows {
			for _, f := range countedEvents {
				if f.table == table && f.event == row.Type {
					*f.field(&c) = row.N
				}
			}
		}
	}
	return c, nil
}

// shareQueries are the figures by name, each with the event that makes its
// rows final: a reason never changes, the disposition of units stands when the
// case is approved, method and amount when the refund succeeded. %s is the
// amount that the terms alone would have paid.
var shareQueries = []struct {
	kind string
	some func(Counts) int64 // how many events there are to ask for
	sql  string
}{
	{"reason", func(c Counts) int64 { return c.Returns },
		`SELECT r.reason AS name, COUNT(*) AS n, 0 AS amount
		FROM returns_events AS e JOIN returns AS r ON r.id = e.aggregate_id
		WHERE e.at >= ? AND e.at < ? AND e.type = 'return.requested' GROUP BY r.reason`},
	{"disposition", func(c Counts) int64 { return c.ReturnsApproved },
		`SELECT l.disposition AS name, CAST(SUM(l.accepted) AS BIGINT) AS n, 0 AS amount
		FROM returns_events AS e JOIN return_lines AS l ON l.return_id = e.aggregate_id
		WHERE e.at >= ? AND e.at < ? AND e.type = 'return.approved' AND l.accepted > 0 GROUP BY l.disposition`},
	{"refund", func(c Counts) int64 { return c.RefundsPaid },
		`SELECT f.method || '/' || f.currency AS name, COUNT(*) AS n, CAST(SUM(f.amount_minor) AS BIGINT) AS amount
		FROM refunds_events AS e JOIN refunds AS f ON f.id = e.aggregate_id
		WHERE e.at >= ? AND e.at < ? AND e.type = 'refund.succeeded' GROUP BY f.method, f.currency`},
	{"leakage", func(c Counts) int64 { return c.RefundsPaid },
		`SELECT f.currency AS name, COUNT(*) AS n, CAST(SUM(f.amount_minor - ?) AS BIGINT) AS amount
		FROM refunds_events AS e JOIN refunds AS f ON f.id = e.aggregate_id
		WHERE e.at >= ? AND e.at < ? AND e.type = 'refund.succeeded' AND f.amount_minor > ? GROUP BY f.currency`},
}

func (r *Rollup) shares(ctx context.Context, tx bun.IDB, q int64, s span, c Counts) ([]shareRow, error) {
	byTerms := bun.Safe("CAST(f.quote ->> 'by_terms' AS BIGINT)") // the same in both databases
	var out []shareRow
	for _, query := range shareQueries {
		if query.some(c) == 0 {
			continue
		}
		args := []any{sqldb.At(s.from), sqldb.At(s.to)}
		if query.kind == "leakage" {
			args = []any{byTerms, args[0], args[1], byTerms}
		}
		var rows []shareRow
		if err := tx.NewRaw(query.sql, args...).Scan(ctx, &rows); err != nil {
			return nil, fmt.Errorf("%s: %w", query.kind, err)
		}
		for _, row := range rows {
			row.Quarter, row.Kind = q, query.kind
			out = append(out, row)
		}
	}
	return out, nil
}

// replace puts rows in the place of those that the table has for a quarter.
func replace[R any](ctx context.Context, tx bun.IDB, table string, q int64, rows []R) error {
	if _, err := tx.NewRaw("DELETE FROM ? WHERE quarter = ?", bun.Ident(table), q).Exec(ctx); err != nil {
		return err
	}
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.NewInsert().Model(&rows).Exec(ctx)
	return err
}

// closeCases notes the stages of the returns that were closed in a span and
// are not noted yet. The first time a stage was reached counts.
func closeCases(ctx context.Context, tx bun.IDB, s span) error {
	_, err := tx.NewRaw(`INSERT INTO kpi_cases (return_id, requested_at, authorized_at, received_at, decided_at, closed_at)
		SELECT h.aggregate_id,
			MIN(CASE WHEN h.type = 'return.requested' THEN h.at END),
			MIN(CASE WHEN h.type = 'return.authorized' THEN h.at END),
			MIN(CASE WHEN h.type = 'return.received' THEN h.at END),
			MIN(CASE WHEN h.type IN ('return.approved', 'return.rejected') THEN h.at END),
			MIN(CASE WHEN h.type IN ('return.refunded', 'return.rejected', 'return.cancelled') THEN h.at END)
		FROM returns_events AS h
		WHERE h.aggregate_id IN (SELECT e.aggregate_id FROM returns_events AS e
			WHERE e.at >= ? AND e.at < ? AND e.type IN ('return.refunded', 'return.rejected', 'return.cancelled'))
		GROUP BY h.aggregate_id
		ON CONFLICT (return_id) DO NOTHING`, sqldb.At(s.from), sqldb.At(s.to)).Exec(ctx)
	return err
}
