package observabilitydb

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/returns/returnsdb"
)

// stores makes the tables of all stores.
func stores(tb testing.TB, db *sqldb.DB) {
	tb.Helper()
	err := sqldb.Migrate(tb.Context(), db, ordersdb.Migrations(), refundsdb.Migrations(), returnsdb.Migrations(), Migrations())
	if err != nil {
		tb.Fatal(err)
	}
}

// filling is a shop's history, written by SQL in a few statements.
type filling struct {
	tag             string // begins the ids, so that several fit in one database
	orders, returns int
	from            time.Time
	span            time.Duration
}

// fill writes the history. Of ten returns six are refunded, one each is
// rejected, cancelled, approved and open; one in seven refunds fails first,
// one in five pays more than its terms.
func (f filling) fill(tb testing.TB, db *sqldb.DB) {
	tb.Helper()
	exec := func(query string) {
		tb.Helper()
		query = strings.ReplaceAll(query, "TAG", f.tag)
		if _, err := db.Write.DB.ExecContext(tb.Context(), query); err != nil {
			tb.Fatalf("%v\n%s", err, query)
		}
	}
	series := func(n int) string {
		return fmt.Sprintf("WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < %d) ", n)
	}
	at := func(micros string) string {
		if db.Dialect == sqldb.SQLite {
			return micros
		}
		return "(TIMESTAMPTZ 'epoch' + (" + micros + ") * INTERVAL '1 microsecond')"
	}
	js := func(text string) string {
		if db.Dialect == sqldb.SQLite {
			return text
		}
		return "CAST(" + text + " AS JSONB)"
	}
	random := func(k int, below int64) string {
		return fmt.Sprintf("((s.i * 2654435761 + %d) %% 4294967291 %% %d)", k*1013904223, below)
	}
	placed := fmt.Sprintf("(%d + %s * 1000000 + %s)", f.from.UnixMicro(), random(1, int64(f.span/time.Second)), random(2, 1e6))
	event := func(table, prefix, where, seq, typ, micros string, n int) {
		exec(fmt.Sprintf(`INSERT INTO %s_events (id, aggregate_id, seq, type, at, actor_id, actor_kind, actor_name, data, fanned_out)
			%s SELECT '%s-TAG-' || s.i || ':%s', '%s-TAG-' || s.i, %s, '%s', %s, '', 'system', '', '{}', TRUE FROM s WHERE %s`,
			table, series(n), prefix, seq, prefix, seq, typ, at(micros), where))
	}
	event("orders", "o", "TRUE", "1", "order.placed", placed, f.orders)
	event("orders", "o", "s.i % 20 = 0", "2", "order.queued", placed+" + 25000", f.orders)
	event("orders", "o", "s.i % 50 <> 0", "3", "order.completed", placed+" + 60000", f.orders)
	event("orders", "o", "s.i % 50 = 0", "3", "order.cancelled", placed+" + 90000000", f.orders)
	if f.returns == 0 {
		return
	}

	hours := func(k int, most int64) string { return "(" + random(k, most*3600) + " * 1000000)" }
	authorized := placed + " + " + hours(3, 30)
	received := authorized + " + " + hours(4, 200)
	decided := received + " + " + hours(5, 60)
	closed := decided + " + " + hours(6, 20)
	event("returns", "r", "TRUE", "1", "return.requested", placed, f.returns)
	event("returns", "r", "s.i % 10 NOT IN (7, 9)", "2", "return.authorized", authorized, f.returns)
	event("returns", "r", "s.i % 10 NOT IN (7, 9)", "3", "return.rma_assigned", authorized, f.returns)
	event("returns", "r", "s.i % 10 NOT IN (7, 9)", "4", "return.received", received, f.returns)
	event("returns", "r", "s.i % 10 < 6 OR s.i % 10 = 8", "5", "return.approved", decided, f.returns)
	event("returns", "r", "s.i % 10 = 6", "5", "return.rejected", decided, f.returns)
	event("returns", "r", "s.i % 10 = 7", "5", "return.cancelled", authorized, f.returns)
	event("returns", "r", "s.i % 10 < 6", "6", "return.refunded", closed, f.returns)
	event("refunds", "f", "s.i % 10 < 6 AND s.i % 7 = 0", "1", "refund.failed", decided, f.returns)
	event("refunds", "f", "s.i % 10 < 6", "2", "refund.succeeded", closed, f.returns)
	event("refunds", "f", "s.i % 10 < 6 AND s.i % 90 = 5", "3", "refund.reversed", closed+" + "+hours(7, 500), f.returns)

	exec(fmt.Sprintf(`INSERT INTO terms (id, version, policy, published_at, by_kind, by_id, by_name, note)
		SELECT 'terms', 1, %s, %s, 'system', '', '', '' WHERE NOT EXISTS (SELECT 1 FROM terms)`, js("'{}'"), at("0")))
	status := `CASE WHEN s.i % 10 < 6 THEN 'refunded' WHEN s.i % 10 = 6 THEN 'rejected' WHEN s.i % 10 = 7 THEN 'cancelled'
		WHEN s.i % 10 = 8 THEN 'approved' ELSE 'pending_authorization' END`
	reason := "CASE WHEN " + random(8, 10) + " < 5 THEN 'damaged' WHEN s.i % 3 = 0 THEN 'wrong_item' ELSE 'other' END"
	null := "CAST(NULL AS TIMESTAMPTZ)"
	if db.Dialect == sqldb.SQLite {
		null = "NULL"
	}
	exec(fmt.Sprintf(`INSERT INTO returns (id, rma, order_id, customer_id, terms_id, status, reason, details, evidence, shipment, receipts,
			inspection, overrides, tasks, open_tasks, decision, verdict, filed_kind, filed_id, filed_name, refund_id, early_refund, restocked,
			created_at, updated_at, closed_at, version, search)
		%[1]s SELECT 'r-TAG-' || s.i, 'RMA-TAG-' || s.i, 'o-TAG-' || s.i, 'c', 'terms', %[2]s, %[3]s, '', %[4]s, %[4]s, %[4]s,
			%[4]s, %[4]s, %[4]s, 0, '', %[4]s, 'customer', 'c', '', 'f-TAG-' || s.i, FALSE, FALSE,
			%[5]s, %[5]s, CASE WHEN s.i %% 10 < 8 THEN %[6]s ELSE %[7]s END, 6, '' FROM s`,
		series(f.returns), status, reason, js("'null'"), at(placed), at(closed), null))
	exec(`INSERT INTO return_units (order_line_id, order_id, bought, claimed) ` + series(f.returns) + `SELECT 'l-TAG-' || s.i, 'o-TAG-' || s.i, 3, 3 FROM s`)
	accepted := "(CASE WHEN s.i % 10 < 6 OR s.i % 10 = 8 THEN 1 + s.i % 3 ELSE 0 END)"
	exec(fmt.Sprintf(`INSERT INTO return_lines (id, return_id, position, order_line_id, product_id, name, category, quantity, received, accepted, acceptance, disposition, condition, note)
		%s SELECT 'rl-TAG-' || s.i, 'r-TAG-' || s.i, 1, 'l-TAG-' || s.i, 1, 'Thing', '', 3, 3, %s, 'accepted',
			CASE WHEN %s < 6 THEN 'restock' WHEN s.i %% 2 = 0 THEN 'scrap' ELSE 'refurbish' END, '', '' FROM s`,
		series(f.returns), accepted, random(9, 10)))
	exec(`INSERT INTO refund_balance (payment_id, order_id, currency, captured_minor, reserved_minor, refunded_minor) ` + series(f.returns) + `
		SELECT 'p-TAG-' || s.i, 'o-TAG-' || s.i, 'USD', 1000000, 0, 0 FROM s WHERE s.i % 10 < 6`)
	amount := random(10, 9000)
	exec(fmt.Sprintf(`INSERT INTO refunds (id, reference, order_id, payment_id, customer_id, method, currency, amount_minor, request, quote, status,
			created_at, updated_at, version, attempts, lease_token, last_error, gave_up)
		%s SELECT 'f-TAG-' || s.i, 'r-TAG-' || s.i, 'o-TAG-' || s.i, 'p-TAG-' || s.i, 'c',
			CASE WHEN s.i %% 10 < 4 THEN 'card' WHEN s.i %% 10 = 4 THEN 'cash' ELSE 'store_credit' END,
			CASE WHEN s.i %% 11 = 0 THEN 'JPY' ELSE 'USD' END, %[2]s, %[3]s, %[4]s,
			CASE WHEN s.i %% 90 = 5 THEN 'reversed' ELSE 'succeeded' END, %[5]s, %[5]s, 3, 0, '', '', FALSE FROM s WHERE s.i %% 10 < 6`,
		series(f.returns), amount, js("'{}'"), js(`'{"by_terms": ' || (`+amount+` - CASE WHEN s.i % 5 = 0 THEN 7 ELSE 0 END) || '}'`), at(decided)))
}

// rolled fills and counts.
func rolled(tb testing.TB, db *sqldb.DB, fillings ...filling) *Rollup {
	tb.Helper()
	stores(tb, db)
	for _, f := range fillings {
		f.fill(tb, db)
	}
	if db.Dialect == sqldb.Postgres { // as autovacuum does
		if _, err := db.Write.ExecContext(tb.Context(), "ANALYZE"); err != nil {
			tb.Fatal(err)
		}
	}
	return roll(tb, db)
}

func roll(tb testing.TB, db *sqldb.DB) *Rollup {
	tb.Helper()
	r, err := NewRollup(db, RollupConfig{})
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := r.Roll(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return r
}
