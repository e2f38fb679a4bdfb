// Package seedtest writes years of a shop's past into a database in a few
// statements, for tests of what reads it. The numbers are made up and hold
// together as far as the tables ask for it.
package seedtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
)

// Filling is a shop's history. The tables of the stores have to be there.
type Filling struct {
	Tag             string // begins the ids, so that several fit in one database
	Orders, Returns int
	From            time.Time
	Span            time.Duration
	// Customers is how many share the orders, as c-1, c-2 and so on; 0 writes
	// the orders' events alone, and all returns are of one customer.
	Customers int
}

// Fill writes the history. Of ten returns six are refunded, one each is
// rejected, canceled, approved and open; one in seven refunds fails first,
// one in five pays more than its terms.
func (f Filling) Fill(tb testing.TB, db *bun.DB) {
	tb.Helper()
	w := writer{f, tb, db}
	w.orderEvents()
	w.terms()
	if f.Customers > 0 {
		w.orders()
	}
	if f.Returns == 0 {
		return
	}
	w.returnEvents()
	w.returns()
	w.returnLines()
	w.refunds()
	w.refundAttempts()
}

// writer writes a filling into a database. Its expressions are of the series s(i).
type writer struct {
	Filling
	tb testing.TB
	db *bun.DB
}

func (f writer) exec(query string) {
	f.tb.Helper()
	query = strings.ReplaceAll(query, "TAG", f.Tag)
	if err := inTx(f.tb.Context(), f.db, query); err != nil {
		f.tb.Fatalf("%v\n%s", err, query)
	}
}

// series is s(i) with i from 1 to n.
func (f writer) series(n int) string {
	return fmt.Sprintf("WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < %d) ", n)
}

// at is a time in the database's type.
func (f writer) at(micros string) string {
	if f.db.Dialect().Name() == dialect.SQLite {
		return micros
	}
	return "(TIMESTAMPTZ 'epoch' + (" + micros + ") * INTERVAL '1 microsecond')"
}

// null is no time.
func (f writer) null() string {
	if f.db.Dialect().Name() == dialect.SQLite {
		return "NULL"
	}
	return "CAST(NULL AS TIMESTAMPTZ)"
}

func (f writer) js(text string) string {
	if f.db.Dialect().Name() == dialect.SQLite {
		return text
	}
	return "CAST(" + text + " AS JSONB)"
}

// random is a number below a limit, made up from i; k keeps those of a row apart.
func (f writer) random(k int, below int64) string {
	return fmt.Sprintf("((s.i * 2654435761 + %d) %% 4294967291 %% %d)", k*1013904223, below)
}

func (f writer) hours(k int, limit int64) string {
	return "(" + f.random(k, limit*3600) + " * 1000000)"
}

// placed is when an order was placed, in microseconds, as are the times of its return.
func (f writer) placed() string {
	return fmt.Sprintf(
		"(%d + %s * 1000000 + %s)", f.From.UnixMicro(), f.random(1, int64(f.Span/time.Second)), f.random(2, 1e6),
	)
}

func (f writer) authorized() string { return f.placed() + " + " + f.hours(3, 30) }
func (f writer) received() string   { return f.authorized() + " + " + f.hours(4, 200) }
func (f writer) decided() string    { return f.received() + " + " + f.hours(5, 60) }
func (f writer) closed() string     { return f.decided() + " + " + f.hours(6, 20) }

func (f writer) customer() string {
	if f.Customers == 0 {
		return "'c'"
	}
	return fmt.Sprintf("('c-' || (1 + s.i %% %d))", f.Customers)
}

// amount is what a refund is of, in minor units.
func (f writer) amount() string { return f.random(10, 9000) }

// method is how a refund is paid.
const method = "CASE WHEN s.i % 10 < 4 THEN 'card' WHEN s.i % 10 = 4 THEN 'cash' ELSE 'store_credit' END"

func (f writer) event(table, prefix, where, seq, typ, micros string, n int) {
	f.exec(
		fmt.Sprintf(
			`INSERT INTO rk_%s_events (id, aggregate_id, seq, type, at, actor_id, actor_kind, actor_name,
				data, fanned_out)
		%s SELECT '%s-TAG-' || s.i || ':%s', '%s-TAG-' || s.i, %s, '%s', %s, '', 'system', '', '{}',
			TRUE FROM s WHERE %s`,
			table,
			f.series(n),
			prefix,
			seq,
			prefix,
			seq,
			typ,
			f.at(micros),
			where,
		),
	)
}

func (f writer) orderEvents() {
	f.event("orders", "o", "TRUE", "1", "order.placed", f.placed(), f.Orders)
	f.event("orders", "o", "s.i % 20 = 0", "2", "order.queued", f.placed()+" + 25000", f.Orders)
	f.event("orders", "o", "s.i % 50 <> 0", "3", "order.completed", f.placed()+" + 60000", f.Orders)
	f.event("orders", "o", "s.i % 50 = 0", "3", "order.cancelled", f.placed()+" + 90000000", f.Orders)
}

func (f writer) terms() {
	f.exec(fmt.Sprintf(`INSERT INTO rk_terms (id, version, policy, published_at, by_kind, by_id, by_name, note)
		SELECT 'terms', 1, %s, %s, 'system', '', '',
			'' WHERE NOT EXISTS (SELECT 1 FROM rk_terms)`, f.js("'{}'"), f.at("0")))
}

func (f writer) returnEvents() {
	placed, authorized, received := f.placed(), f.authorized(), f.received()
	decided, closed := f.decided(), f.closed()
	f.event("returns", "r", "TRUE", "1", "return.requested", placed, f.Returns)
	f.event("returns", "r", "s.i % 10 NOT IN (7, 9)", "2", "return.authorized", authorized, f.Returns)
	f.event("returns", "r", "s.i % 10 NOT IN (7, 9)", "3", "return.rma_assigned", authorized, f.Returns)
	f.event("returns", "r", "s.i % 10 NOT IN (7, 9)", "4", "return.received", received, f.Returns)
	f.event("returns", "r", "s.i % 10 < 6 OR s.i % 10 = 8", "5", "return.approved", decided, f.Returns)
	f.event("returns", "r", "s.i % 10 = 6", "5", "return.rejected", decided, f.Returns)
	f.event("returns", "r", "s.i % 10 = 7", "5", "return.cancelled", authorized, f.Returns)
	f.event("returns", "r", "s.i % 10 < 6", "6", "return.refunded", closed, f.Returns)
	f.event("refunds", "f", "s.i % 10 < 6 AND s.i % 7 = 0", "1", "refund.failed", decided, f.Returns)
	f.event("refunds", "f", "s.i % 10 < 6", "2", "refund.succeeded", closed, f.Returns)
	f.event(
		"refunds", "f", "s.i % 10 < 6 AND s.i % 90 = 5", "3", "refund.reversed", closed+" + "+f.hours(7, 500),
		f.Returns,
	)
}

func (f writer) returns() {
	status := `CASE WHEN s.i % 10 < 6 THEN 'refunded' WHEN s.i % 10 = 6 THEN 'rejected' WHEN s.i % 10 = 7 THEN
		'cancelled'
		WHEN s.i % 10 = 8 THEN 'approved' ELSE 'pending_authorization' END`
	reason := "CASE WHEN " + f.random(8, 10) + " < 5 THEN 'DAMAGED' WHEN s.i % 3 = 0 THEN 'WRONG_ITEM' ELSE 'OTHER' END"
	f.exec(
		fmt.Sprintf(
			`INSERT INTO rk_returns (id, rma, order_id, customer_id, terms_id, status, reason, details, evidence,
				shipment, receipts,
			inspection, overrides, tasks, open_tasks, decision, verdict, filed_kind, filed_id, filed_name,
				refund_id, refunds, early_refund, restocked,
			created_at, updated_at, closed_at, version, search)
		%[1]s SELECT 'r-TAG-' || s.i, 'RMA-TAG-' || s.i, 'o-TAG-' || s.i, %[8]s, (SELECT MIN(id) FROM rk_terms),
			%[2]s, %[3]s, '', %[4]s, %[4]s, %[4]s,
			%[4]s, %[4]s, %[4]s, 0, '', %[4]s, 'customer', %[8]s, '', 'f-TAG-' || s.i, %[4]s, FALSE, FALSE,
			%[5]s, %[5]s, CASE WHEN s.i %% 10 < 8 THEN %[6]s ELSE %[7]s END, 6, '' FROM s`,
			f.series(f.Returns),
			status,
			reason,
			f.js("'null'"),
			f.at(f.placed()),
			f.at(f.closed()),
			f.null(),
			f.customer(),
		),
	)
	f.exec(
		`INSERT INTO rk_return_units (order_line_id, order_id, bought, claimed) ` + f.series(
			f.Returns,
		) + `SELECT 'l-TAG-' || s.i, 'o-TAG-' || s.i, 3, 3 FROM s`,
	)
}

func (f writer) returnLines() {
	accepted := "(CASE WHEN s.i % 10 < 6 OR s.i % 10 = 8 THEN 1 + s.i % 3 ELSE 0 END)"
	f.exec(
		fmt.Sprintf(
			`INSERT INTO rk_return_lines (id, return_id, position, order_id, order_line_id, product_id, name,
				category, quantity, received, accepted, acceptance, disposition, condition, note)
		%s SELECT 'rl-TAG-' || s.i, 'r-TAG-' || s.i, 1, 'o-TAG-' || s.i, 'l-TAG-' || s.i, '1', 'Thing', '', 3, 3,
			%s, 'accepted',
			CASE WHEN %s < 6 THEN 'restock' WHEN s.i %% 2 = 0 THEN 'scrap' ELSE 'refurbish' END, '', '' FROM s`,
			f.series(f.Returns),
			accepted,
			f.random(9, 10),
		),
	)
}

func (f writer) refunds() {
	f.exec(
		`INSERT INTO rk_refund_balance (payment_id, order_id, currency, captured_minor, reserved_minor,
			refunded_minor) ` + f.series(f.Returns) + `
		SELECT 'p-TAG-' || s.i, 'o-TAG-' || s.i, 'USD', 1000000, 0, 0 FROM s WHERE s.i % 10 < 6`,
	)
	amount := f.amount()
	f.exec(
		fmt.Sprintf(
			`INSERT INTO rk_refunds (id, intent_id, leg, reference, order_id, payment_id, customer_id, method,
				currency, amount_minor, whole_minor, carried_minor, request, quote, status,
			created_at, updated_at, version, attempts, lease_token, last_error, needs_review)
		%s SELECT 'f-TAG-' || s.i, 'f-TAG-' || s.i, 0, 'r-TAG-' || s.i, 'o-TAG-' || s.i, 'p-TAG-' || s.i, %[6]s,
			%[7]s,
			CASE WHEN s.i %% 11 = 0 THEN 'JPY' ELSE 'USD' END, %[2]s, 0, 0, %[3]s, %[4]s,
			CASE WHEN s.i %% 90 = 5 THEN 'reversed' ELSE 'succeeded' END, %[5]s, %[5]s, 3, 0, '', '',
				FALSE FROM s WHERE s.i %% 10 < 6`,
			f.series(f.Returns),
			amount,
			f.js("'{}'"),
			f.js(`'{"by_terms": ' || (`+amount+` - CASE WHEN s.i % 5 = 0 THEN 7 ELSE 0 END) || '}'`),
			f.at(f.decided()),
			f.customer(),
			method,
		),
	)
}

func (f writer) refundAttempts() {
	f.exec(
		fmt.Sprintf(
			`INSERT INTO rk_refund_attempts (id, refund_id, number, method, status, amount_minor, key,
				payment_reference, provider_reference,
			failure_code, failure_reason, sent, stored_error, created_at, paid_by_kind, paid_by_id, paid_by_name)
		%s SELECT 'a-TAG-' || s.i, 'f-TAG-' || s.i, 1, %s, 'succeeded', %s,
			CASE WHEN s.i %% 10 < 4 THEN 'k-TAG-' || s.i ELSE '' END, '', '',
			'', '', 1, FALSE, %s, '', '', '' FROM s WHERE s.i %% 10 < 6`,
			f.series(f.Returns),
			method,
			f.amount(),
			f.at(f.decided()),
		),
	)
}

// orders writes the orders themselves, of one line each, of product 1.
func (f writer) orders() {
	series, customer, placed := f.series(f.Orders), f.customer(), f.placed()
	f.exec(
		fmt.Sprintf(
			`INSERT INTO rk_orders (id, number, customer_id, cart_id, idempotency_key, terms_id, source,
				currency, status,
			placed_at, completed_at, cancelled_at, cancel_reason, updated_at, version, search)
		%[1]s SELECT 'o-TAG-' || s.i, 'ORD-TAG-' || s.i, %[2]s, 'cart-TAG-' || s.i, '',
			(SELECT MIN(id) FROM rk_terms), 'web', 'USD',
			CASE WHEN s.i %% 50 = 0 THEN 'cancelled' ELSE 'completed' END, %[3]s,
				CASE WHEN s.i %% 50 <> 0 THEN %[3]s END,
			CASE WHEN s.i %% 50 = 0 THEN %[3]s END, '', %[3]s, 3, 'ord-TAG-' || s.i || ' thing' FROM s`,
			series,
			customer,
			f.at(placed),
		),
	)
	f.exec(
		insert(
			"order_lines (id, order_id, position, product_id, name, category, final_sale, quantity, "+
				"unit_list_minor, unit_discount_minor, price_minor, duty_minor, shipping_minor)",
			series,
			"'l-TAG-' || s.i, 'o-TAG-' || s.i, 1, 1, 'Thing', '', FALSE, 3, 1000, 0, 3000, 0, 0",
		),
	)
	f.exec(
		insert(
			"payments (id, order_id, method, amount_minor, status, token, key, key_round, reference, "+
				"captured_at, decline_code, attempts, lease_token, last_error, needs_review)",
			series,
			"'p-TAG-' || s.i, 'o-TAG-' || s.i, 'card', 3000, CASE WHEN s.i % 50 = 0 THEN 'cancelled' ELSE "+
				"'captured' END, '', 'k-TAG-' || s.i, 0, 'pi-TAG-' || s.i, CASE WHEN s.i % 50 <> 0 THEN "+f.at(
				placed,
			)+" END, '', 1, '', '', FALSE",
		),
	)
}

// insert is a statement that writes a row for each of the series.
func insert(table, series, values string) string {
	return "INSERT INTO rk_" + table + " " + series + "SELECT " + values + " FROM s"
}

// inTx runs a finished statement in a transaction without a time limit: a
// million rows take their time.
func inTx(ctx context.Context, db *bun.DB, query string) error {
	tx, err := db.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if db.Dialect().Name() == dialect.PG {
		if _, err := tx.ExecContext(ctx, "SET LOCAL statement_timeout = 0"); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, query); err != nil {
		return err
	}
	return tx.Commit()
}
