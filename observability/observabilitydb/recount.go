package observabilitydb

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/returns"
)

// Counts says how often what happened.
type Counts struct {
	Orders          int64 // placed
	OrdersCompleted int64 `bun:"orders_completed"`
	OrdersQueued    int64 `bun:"orders_queued"`
	OrdersCanceled  int64 `bun:"orders_cancelled"`
	Returns         int64 // requested
	RMAs            int64 `bun:"rmas"` // RMA numbers given out
	ReturnsApproved int64 `bun:"returns_approved"`
	ReturnsRejected int64 `bun:"returns_rejected"`
	ReturnsCanceled int64 `bun:"returns_cancelled"`
	ReturnsRefunded int64 `bun:"returns_refunded"`
	RefundsPaid     int64 `bun:"refunds_paid"`   // refunds that succeeded
	RefundsFailed   int64 `bun:"refunds_failed"` // attempts that ended in a definite no
	RefundsReversed int64 `bun:"refunds_reversed"`
}

// add adds another's counts to c.
func (c *Counts) add(o *Counts) {
	for i := range countedEvents {
		f := countedEvents[i].field
		*f(c) += *f(o)
	}
}

// counted is one kind of event and where it is counted.
type counted struct {
	table, event, column string
	field                func(*Counts) *int64
}

// countedEvents are the events the KPIs are made of.
var countedEvents = []counted{
	{"orders_events", orders.EventPlaced, "orders", func(c *Counts) *int64 { return &c.Orders }},
	{"orders_events", orders.EventCompleted, "orders_completed", func(c *Counts) *int64 { return &c.OrdersCompleted }},
	{"orders_events", orders.EventQueued, "orders_queued", func(c *Counts) *int64 { return &c.OrdersQueued }},
	{"orders_events", orders.EventCanceled, "orders_cancelled", func(c *Counts) *int64 { return &c.OrdersCanceled }},
	{"returns_events", returns.EventRequested, "returns", func(c *Counts) *int64 { return &c.Returns }},
	{"returns_events", returns.EventRMAAssigned, "rmas", func(c *Counts) *int64 { return &c.RMAs }},
	{"returns_events", returns.EventApproved, "returns_approved", func(c *Counts) *int64 { return &c.ReturnsApproved }},
	{"returns_events", returns.EventRejected, "returns_rejected", func(c *Counts) *int64 { return &c.ReturnsRejected }},
	{
		"returns_events",
		returns.EventCanceled,
		"returns_cancelled",
		func(c *Counts) *int64 { return &c.ReturnsCanceled },
	},
	{"returns_events", returns.EventRefunded, "returns_refunded", func(c *Counts) *int64 { return &c.ReturnsRefunded }},
	{"refunds_events", refunds.EventSucceeded, "refunds_paid", func(c *Counts) *int64 { return &c.RefundsPaid }},
	{"refunds_events", refunds.EventFailed, "refunds_failed", func(c *Counts) *int64 { return &c.RefundsFailed }},
	{"refunds_events", refunds.EventReversed, "refunds_reversed", func(c *Counts) *int64 { return &c.RefundsReversed }},
}

// EventTypes returns the types of the events of a store, named by the prefix
// of its tables (orders, returns, refunds), that [Rollup.Note] wants to
// see.
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
	bun.BaseModel `bun:"?(rk)kpi_quarters"`

	Quarter int64 `bun:"quarter,pk"`
	Counts
}

type shareRow struct {
	bun.BaseModel `bun:"?(rk)kpi_shares"`

	Quarter int64  `bun:"quarter,pk"`
	Kind    string `bun:"kind,pk"`
	Name    string `bun:"name,pk"`
	N       int64  `bun:"n"`
	Amount  int64  `bun:"amount"`
}

// recount counts marked quarters again, at most a day's worth, and returns how
// many. It leaves out what another process is counting.
func (r *Rollup) recount(ctx context.Context) (n int, err error) {
	err = r.db.Tx(ctx, "observabilitydb: count marked quarters", func(ctx context.Context, tx bun.IDB) error {
		var marked []int64
		const limit = 24 * time.Hour / quarter
		// Newest first: they are looked at most.
		q := tx.NewSelect().TableExpr("?(rk)kpi_dirty").
			Column("quarter").
			Where("quarter > (SELECT MAX(m.quarter) FROM ?(rk)kpi_dirty AS m) - ?",
				int64(limit)).
			OrderExpr("quarter DESC")
		if err := sqldb.SkipLocked(q).Scan(ctx, &marked); err != nil {
			return err
		}
		if n = len(marked); n == 0 {
			return nil
		}
		// Before anything is counted: an event that is committed from here on
		// leaves a new mark.
		_, err := tx.NewRaw("DELETE FROM ?(rk)kpi_dirty WHERE quarter IN (?)", bun.List(marked)).Exec(ctx)
		if err != nil {
			return err
		}
		if err := changed(ctx, tx, marked); err != nil {
			return err
		}
		c := count{
			tx:      tx,
			dialect: r.db.Dialect(),
			span:    span{quarterStart(marked[n-1]), quarterStart(marked[0] + 1)},
			marked:  marked,
		}
		return c.replace(ctx)
	})
	return n, err
}

// changed notes that the days of quarters, which come newest first, are
// counted anew. Oldest first, so that two processes wait for each other in
// one order.
func changed(ctx context.Context, tx bun.IDB, marked []int64) error {
	var rows []dayRow
	for _, q := range slices.Backward(marked) {
		if day := dayOf(q); len(rows) == 0 || rows[len(rows)-1].Day != day {
			rows = append(rows, dayRow{Day: day, Version: 1})
		}
	}
	_, err := tx.NewInsert().Model(&rows).ModelTableExpr("?(rk)kpi_days AS d").
		On("CONFLICT (day) DO UPDATE").Set("version = d.version + 1").Exec(ctx)
	return err
}

// count counts marked quarters, which lie in a span, within a transaction.
type count struct {
	tx      bun.IDB
	dialect sqlstore.Dialect
	span    span
	marked  []int64 // newest first
}

// span is a range of time, its end not included.
type span struct{ from, to time.Time }

// replace puts new rows in the place of the old rows of the marked quarters.
func (c count) replace(ctx context.Context) error {
	quarters, sum, err := c.events(ctx)
	if err != nil {
		return err
	}
	shares, err := c.shares(ctx, sum)
	if err != nil {
		return err
	}
	for _, table := range []string{"kpi_quarters", "kpi_shares"} {
		if _, err := c.tx.NewRaw("DELETE FROM ? WHERE quarter IN (?)", sqldb.Table(table),
			bun.List(c.marked)).Exec(ctx); err != nil {
			return err
		}
	}
	if _, err := c.tx.NewInsert().Model(&quarters).Exec(ctx); err != nil {
		return err
	}
	if len(shares) > 0 {
		if _, err := c.tx.NewInsert().Model(&shares).Exec(ctx); err != nil {
			return err
		}
	}
	if sum.ReturnsRefunded+sum.ReturnsRejected+sum.ReturnsCanceled == 0 {
		return nil
	}
	return c.closeCases(ctx)
}

// events counts the events of each marked quarter, and altogether.
func (c count) events(ctx context.Context) (rows []quarterRow, sum Counts, err error) {
	rows = make([]quarterRow, len(c.marked))
	byQuarter := make(map[int64]*Counts, len(rows))
	for i, q := range c.marked {
		rows[i].Quarter = q
		byQuarter[q] = &rows[i].Counts
	}
	for _, table := range eventTables {
		var found []struct {
			Quarter int64
			Type    string
			N       int64
		}
		err := c.tx.
			NewRaw("SELECT ? AS quarter, e.type, COUNT(*) AS n "+
				"FROM ? AS e WHERE e.at >= ? AND e.at < ? GROUP BY 1, e.type",
				bun.Safe(quarterExpr(c.dialect, "e.at")), sqldb.Table(table),
				sqldb.At(c.span.from), sqldb.At(c.span.to)).
			Scan(ctx, &found)
		if err != nil {
			return nil, sum, fmt.Errorf("%s: %w", table, err)
		}
		for _, f := range found {
			counts := byQuarter[f.Quarter]
			if counts == nil {
				continue // not marked
			}
			for _, e := range countedEvents {
				if e.table == table && e.event == f.Type {
					*e.field(counts) = f.N
					*e.field(&sum) += f.N
				}
			}
		}
	}
	return rows, sum, nil
}

// shareQueries are the values by name, each with the event that makes its
// rows final: a reason never changes, the disposition of units stands when the
// case is approved, method and amount when the refund succeeded. quote holds
// what the terms alone would have paid.
var shareQueries = []struct {
	kind  string
	some  func(Counts) int64 // how many events there are to ask for
	table string
	from  string
	sums  string // name, n, amount
	event string
}{
	{"reason", func(c Counts) int64 { return c.Returns },
		"returns_events", "JOIN ?(rk)returns AS r ON r.id = e.aggregate_id",
		"r.reason AS name, COUNT(*) AS n, 0 AS amount", returns.EventRequested},
	{"disposition", func(c Counts) int64 { return c.ReturnsApproved },
		"returns_events", "JOIN ?(rk)return_lines AS l ON l.return_id = e.aggregate_id AND l.accepted > 0",
		"l.disposition AS name, CAST(SUM(l.accepted) AS BIGINT) AS n, 0 AS amount", returns.EventApproved},
	{"refund", func(c Counts) int64 { return c.RefundsPaid },
		"refunds_events", "JOIN ?(rk)refunds AS f ON f.id = e.aggregate_id",
		"f.method || '/' || f.currency AS name, COUNT(*) AS n, CAST(SUM(f.amount_minor) AS BIGINT) AS amount",
		refunds.EventSucceeded},
	{"reversed", func(c Counts) int64 { return c.RefundsReversed },
		"refunds_events", "JOIN ?(rk)refunds AS f ON f.id = e.aggregate_id",
		"f.method || '/' || f.currency AS name, COUNT(*) AS n, CAST(SUM(f.amount_minor) AS BIGINT) AS amount",
		refunds.EventReversed},
	{"leakage", func(c Counts) int64 { return c.RefundsPaid },
		"refunds_events", "JOIN ?(rk)refunds AS f ON f.id = e.aggregate_id AND f.amount_minor > CAST(f.quote " +
			"->> 'by_terms' AS BIGINT)",
		"f.currency AS name, COUNT(*) AS n, CAST(SUM(f.amount_minor - CAST(f.quote ->> 'by_terms' AS BIGINT)) " +
			"AS BIGINT) AS amount", refunds.EventSucceeded},
}

// shares counts what has a name in each marked quarter.
func (c count) shares(ctx context.Context, sum Counts) ([]shareRow, error) {
	var out []shareRow
	for _, q := range shareQueries {
		if q.some(sum) == 0 {
			continue
		}
		var rows []shareRow
		err := c.tx.
			NewRaw("SELECT ? AS quarter, ? AS kind, ? FROM ? AS e ? "+
				"WHERE e.at >= ? AND e.at < ? AND e.type = ? GROUP BY 1, 3",
				bun.Safe(quarterExpr(c.dialect, "e.at")), q.kind, bun.Safe(q.sums),
				sqldb.Table(q.table), sqldb.Text(q.from), sqldb.At(c.span.from),
				sqldb.At(c.span.to), q.event).
			Scan(ctx, &rows)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.kind, err)
		}
		for _, row := range rows {
			if slices.Contains(c.marked, row.Quarter) {
				out = append(out, row)
			}
		}
	}
	return out, nil
}

// closeCases notes the stages of the returns that were closed in the span and
// are not noted yet. The first time a stage was reached counts.
func (c count) closeCases(ctx context.Context) error {
	_, err := c.tx.
		NewRaw(`INSERT INTO ?(rk)kpi_cases (return_id, requested_at, authorized_at, received_at, decided_at, closed_at)
		SELECT h.aggregate_id,
			MIN(CASE WHEN h.type = 'return.requested' THEN h.at END),
			MIN(CASE WHEN h.type = 'return.authorized' THEN h.at END),
			MIN(CASE WHEN h.type = 'return.received' THEN h.at END),
			MIN(CASE WHEN h.type IN ('return.approved', 'return.rejected') THEN h.at END),
			MIN(CASE WHEN h.type IN ('return.refunded', 'return.rejected', 'return.cancelled') THEN h.at END)
		FROM ?(rk)returns_events AS h
		WHERE h.aggregate_id IN (SELECT e.aggregate_id FROM ?(rk)returns_events AS e
			WHERE e.at >= ? AND e.at < ? AND e.type IN ('return.refunded', 'return.rejected', 'return.cancelled'))
		GROUP BY h.aggregate_id
		ON CONFLICT (return_id) DO NOTHING`,
			sqldb.At(c.span.from), sqldb.At(c.span.to)).
		Exec(ctx)
	return err
}
