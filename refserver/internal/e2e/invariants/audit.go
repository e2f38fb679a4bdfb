// Package invariants recounts what must always be true from the raw rows of a shop's
// database and from the payment provider's own ledger, trusting nothing that
// the shop computed. Tests that crash, cut and race the shop call it after.
package invariants

import (
	"context"
	"fmt"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
)

// audit is one audit of one shop.
type audit struct {
	db     *sqlstore.DB
	ledger client.Ledger
	found  []string
}

// Check returns every violation of I1 to I11, I15, I18, I20 and I23 that it finds, each
// naming its invariant; none is the good answer. Of I9 it sees the half that
// leaves traces: a manual refund, or a sale in cash, that the provider knows
// of. The ledger must be the one of this database alone, and nothing may move
// in either in the meantime: call it when the shop is quiet.
func Check(ctx context.Context, db *sqlstore.DB, ledger client.Ledger) ([]string, error) {
	a := &audit{db: db, ledger: ledger}
	for _, step := range []func(context.Context) error{
		a.balances, a.units, a.amounts, a.stock, a.sales, a.charges, a.once, a.outside, a.nothingLost, a.credit,
		a.spentCredit, a.numbers, a.trails,
	} {
		if err := step(ctx); err != nil {
			return a.found, fmt.Errorf("audit: %w", err)
		}
	}
	return a.found, nil
}

func (a *audit) report(format string, args ...any) {
	a.found = append(a.found, fmt.Sprintf(format, args...))
}

// wrong reports each row of the query, which returns one text a row.
func (a *audit) wrong(ctx context.Context, invariant, query string) error {
	var rows []string
	if err := a.db.Reader().NewRaw(query).Scan(ctx, &rows); err != nil {
		return fmt.Errorf("%s: %w", invariant, err)
	}
	for _, r := range rows {
		a.report("%s: %s", invariant, r)
	}
	return nil
}

// balances recounts I1 and I8: what a payment holds and gave is the sum of its
// open and succeeded refunds, and never more than was captured.
func (a *audit) balances(ctx context.Context) error {
	if err := a.wrong(ctx, "I1", `SELECT 'payment ' || payment_id || ': reserved ' || reserved_minor || ' of '
		|| open_minor || ' open, refunded ' || refunded_minor || ' of ' || paid_minor || ' paid, captured '
		|| captured_minor
		FROM (SELECT b.*,
			(SELECT COALESCE(SUM(r.amount_minor), 0) FROM ?(rk)refunds r
			WHERE r.payment_id = b.payment_id
			AND r.status IN ('created', 'submitted', 'pending', 'requires_action', 'unknown')) AS open_minor,
			(SELECT COALESCE(SUM(r.amount_minor), 0) FROM ?(rk)refunds r
			WHERE r.payment_id = b.payment_id AND r.status = 'succeeded') AS paid_minor
			FROM ?(rk)refund_balance b) AS x
		WHERE reserved_minor <> open_minor OR refunded_minor <> paid_minor
		OR open_minor + paid_minor > captured_minor`); err != nil {
		return err
	}
	if err := a.wrong(ctx, "I18", `SELECT 'payment ' || b.payment_id || ': ' || b.outside_minor
		|| ' were given back by others, and what is booked counts for ' || COALESCE(SUM(o.counted_minor), 0)
		FROM ?(rk)refund_balance b LEFT JOIN ?(rk)refund_outside o ON o.payment_id = b.payment_id
		GROUP BY b.payment_id, b.outside_minor
		HAVING b.outside_minor <> COALESCE(SUM(o.counted_minor), 0)`); err != nil {
		return err
	}
	return a.wrong(
		ctx,
		"I1",
		`SELECT 'payment ' || b.payment_id || ' captured ' || p.amount_minor || ', and its balance says '
			|| b.captured_minor
		FROM ?(rk)refund_balance b JOIN (SELECT id, status, amount_minor FROM ?(rk)payments
			UNION ALL SELECT credit_payment_id, CASE status WHEN 'completed' THEN 'captured' ELSE 'pending' END,
			credit_minor FROM ?(rk)orders WHERE credit_minor > 0) p ON p.id = b.payment_id
		WHERE p.status <> 'captured' OR p.amount_minor <> b.captured_minor`,
	)
}

// units recounts I2.
func (a *audit) units(ctx context.Context) error {
	return a.wrong(
		ctx,
		"I2",
		`SELECT 'order line ' || order_line_id || ': bought ' || quantity || ' (guard: ' || bought || '), claimed '
			|| claimed || ', held by returns ' || held
		FROM (SELECT u.*, l.quantity,
			(SELECT COALESCE(SUM(CASE WHEN r.early_refund THEN rl.quantity
			WHEN r.status IN ('rejected', 'cancelled') THEN 0 WHEN r.status IN ('approved', 'refunded') THEN rl.accepted
			ELSE rl.quantity END), 0)
				FROM ?(rk)return_lines rl JOIN ?(rk)returns r ON r.id = rl.return_id
				WHERE rl.order_id = u.order_id AND rl.order_line_id = u.order_line_id) AS held
			FROM ?(rk)return_units u JOIN ?(rk)order_lines l ON l.id = u.order_line_id) AS x
		WHERE quantity <> bought OR claimed <> held OR held > quantity`,
	)
}

// stock recounts I4: on hand is what movements brought less the units of
// orders that are not canceled and of reservations that live; and each
// accepted unit with disposition restock of a refunded case is back once.
func (a *audit) stock(ctx context.Context) error {
	if err := a.wrong(ctx, "I4", `SELECT 'product ' || id || ': on hand ' || stock || ', moved in ' || moved
		|| ', taken ' || taken || ', reserved ' || reserved
		FROM (SELECT p.id, p.stock,
			(SELECT COALESCE(SUM(m.quantity), 0) FROM ?(rk)stock_movements m WHERE m.product_id = p.id) AS moved,
			(SELECT COALESCE(SUM(l.quantity), 0) FROM ?(rk)order_lines l JOIN ?(rk)orders o ON o.id = l.order_id
			WHERE l.product_id = p.id AND o.status <> 'cancelled') AS taken,
			`+reservedUnits+` AS reserved
			FROM ?(rk)products p) AS x
		WHERE stock <> moved - taken - reserved OR stock < 0`); err != nil {
		return err
	}
	if err := a.wrong(ctx, "I4", `SELECT 'return line ' || rl.id || ' of a refunded case: accepted ' || rl.accepted
		|| ' to restock, and not back on the shelf'
		FROM ?(rk)return_lines rl JOIN ?(rk)returns r ON r.id = rl.return_id
		WHERE r.status = 'refunded' AND rl.disposition = 'restock' AND rl.accepted > 0
			AND NOT EXISTS (SELECT 1 FROM ?(rk)stock_movements m
			WHERE m.kind = 'restock' AND m.ref = rl.id AND m.quantity = rl.accepted
			AND CAST(m.product_id AS TEXT) = rl.product_id)`); err != nil {
		return err
	}
	return a.wrong(ctx, "I4", `SELECT 'restock ' || m.ref || ' of ' || m.quantity || ' units is of no accepted line'
		FROM ?(rk)stock_movements m LEFT JOIN ?(rk)return_lines rl ON rl.id = m.ref
		LEFT JOIN ?(rk)returns r ON r.id = rl.return_id
		WHERE m.kind = 'restock' AND (r.status IS NULL OR r.status NOT IN ('approved', 'refunded')
		OR rl.accepted <> m.quantity)`)
}

// reservedUnits are the units that live reservations of a product p hold.
const reservedUnits = `(SELECT COALESCE(SUM(s.quantity), 0) FROM ?(rk)stock_reservations s
	WHERE s.product_id = p.id AND s.status = 'held')`

// nothingLost checks I7 and I8: whatever is not settled stands where staff
// see it, and a case follows the money and nothing else.
func (a *audit) nothingLost(ctx context.Context) error {
	if err := a.wrong(ctx, "I7", `SELECT 'refund ' || id || ' is ' || status || ' and in no queue' FROM ?(rk)refunds
		WHERE status NOT IN ('succeeded', 'failed', 'reversed') AND NOT needs_review`); err != nil {
		return err
	}
	if err := a.wrong(ctx, "I7", `SELECT 'order ' || o.id || ' is ' || o.status || ' and in no queue' FROM ?(rk)orders o
		JOIN ?(rk)payments p ON p.order_id = o.id
		WHERE o.status IN ('submitted', 'queued') AND NOT p.needs_review`); err != nil {
		return err
	}
	// Where several payments give an order back, each of them has a refund of the case.
	if err := a.wrong(ctx, "I7", `SELECT DISTINCT 'return ' || r.id || ' is approved and its refund ' || f.id
		|| ' has succeeded'
		FROM ?(rk)returns r JOIN ?(rk)refunds f ON f.reference = r.id AND f.status = 'succeeded'
		WHERE r.status = 'approved' AND NOT EXISTS (SELECT 1 FROM ?(rk)refunds g
			WHERE g.reference = r.id AND NOT EXISTS (SELECT 1 FROM ?(rk)refunds p
				WHERE p.reference = r.id AND p.payment_id = g.payment_id AND p.status = 'succeeded'))`); err != nil {
		return err
	}
	if err := a.wrong(ctx, "I8", `SELECT DISTINCT 'return ' || r.id || ' is refunded, and payment ' || g.payment_id
		|| ' gave nothing back for it'
		FROM ?(rk)returns r JOIN ?(rk)refunds g ON g.reference = r.id
		WHERE r.status = 'refunded' AND NOT EXISTS (SELECT 1 FROM ?(rk)refunds p
			WHERE p.reference = r.id AND p.payment_id = g.payment_id
			AND p.status IN ('succeeded', 'reversed'))`); err != nil {
		return err
	}
	return a.wrong(
		ctx,
		"I8",
		`SELECT 'return ' || r.id || ' is refunded, and its refund ' || COALESCE(f.id, '') || ' is '
			|| COALESCE(f.status, 'not there')
		FROM ?(rk)returns r LEFT JOIN ?(rk)refunds f ON f.id = r.refund_id AND f.reference = r.id
		WHERE r.status = 'refunded' AND (f.status IS NULL OR f.status NOT IN ('succeeded', 'reversed'))`,
	)
}

// credit recounts I10, and that each refund by store credit that stands is in
// the customer's ledger once.
func (a *audit) credit(ctx context.Context) error {
	if err := a.wrong(ctx, "I10", `SELECT 'customer ' || customer_id || ': balance '
		|| COALESCE(CAST(balance_minor AS TEXT), 'none') || ', entries sum to ' || entries
		FROM (SELECT e.customer_id, e.currency, SUM(e.amount_minor) AS entries, MAX(b.balance_minor) AS balance_minor
			FROM ?(rk)store_credit_entries e
			LEFT JOIN ?(rk)store_credit_balances b ON b.customer_id = e.customer_id AND b.currency = e.currency
			GROUP BY e.customer_id, e.currency) AS x
			WHERE balance_minor IS NULL OR balance_minor <> entries OR entries < 0`); err != nil {
		return err
	}
	if err := a.wrong(ctx, "I10", `SELECT 'customer ' || b.customer_id || ' has a balance of ' || b.balance_minor
		|| ' and no entries'
		FROM ?(rk)store_credit_balances b WHERE b.balance_minor <> 0
			AND NOT EXISTS (SELECT 1 FROM ?(rk)store_credit_entries e
			WHERE e.customer_id = b.customer_id AND e.currency = b.currency)`); err != nil {
		return err
	}
	return a.wrong(
		ctx,
		"I10",
		`SELECT 'refund ' || r.id || ' of ' || r.amount_minor || ' is ' || r.status
			|| ' by store credit, and the customer was given ' || given
		FROM (SELECT f.*, (SELECT COALESCE(SUM(e.amount_minor), 0) FROM ?(rk)store_credit_entries e
		JOIN ?(rk)refund_attempts t ON e.ref IN ('refund:' || t.id, 'reversal:' || t.id)
				WHERE t.refund_id = f.id AND e.customer_id = f.customer_id AND e.currency = f.currency) AS given
			FROM ?(rk)refunds f) AS r
		WHERE given <> CASE WHEN method = 'store_credit' AND status = 'succeeded' THEN amount_minor ELSE 0 END`,
	)
}

// numbers checks I15 and the numbers of manual refunds.
func (a *audit) numbers(ctx context.Context) error {
	if err := a.wrong(ctx, "I15", `SELECT 'return ' || id || ' is ' || status || ' without an RMA number'
		FROM ?(rk)returns WHERE rma IS NULL
		AND status NOT IN ('pending_customer_info', 'pending_authorization', 'rejected', 'cancelled')`); err != nil {
		return err
	}
	return a.wrong(
		ctx,
		"I15",
		`SELECT 'the RMA number ' || rma || ' was given ' || n || ' times' FROM (SELECT rma, COUNT(*) AS n
			FROM ?(rk)returns WHERE rma IS NOT NULL GROUP BY rma) AS x WHERE n > 1`,
	)
}
