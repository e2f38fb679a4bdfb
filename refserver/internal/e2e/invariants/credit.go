package invariants

import "context"

// spentCredit checks I23: what store credit pays of an order was taken from the
// customer once, is back once where the order is canceled, and leaves the lines'
// rest to the other payment.
func (a *audit) spentCredit(ctx context.Context) error {
	if err := a.wrong(ctx, "I23", `SELECT 'order ' || id || ' is ' || status || ' with ' || credit_minor
		|| ' of store credit; taken ' || taken || ', given back ' || back
		FROM (SELECT o.id, o.status, o.credit_minor,
			(SELECT COALESCE(-SUM(e.amount_minor), 0) FROM ?(rk)store_credit_entries e
			WHERE e.ref = 'order:' || o.id AND e.customer_id = o.customer_id AND e.currency = o.currency) AS taken,
			(SELECT COALESCE(SUM(e.amount_minor), 0) FROM ?(rk)store_credit_entries e
			WHERE e.ref = 'order:' || o.id || ':back' AND e.customer_id = o.customer_id
			AND e.currency = o.currency) AS back
			FROM ?(rk)orders o) AS x
		WHERE taken <> credit_minor
		OR back <> CASE WHEN status = 'cancelled' THEN credit_minor ELSE 0 END`); err != nil {
		return err
	}
	if err := a.wrong(ctx, "I23", `SELECT 'the entry ' || e.ref || ' of ' || e.amount_minor || ' is of no order'
		FROM ?(rk)store_credit_entries e
		WHERE e.ref LIKE 'order:%' AND NOT EXISTS (SELECT 1 FROM ?(rk)orders o
			WHERE e.ref IN ('order:' || o.id, 'order:' || o.id || ':back'))`); err != nil {
		return err
	}
	return a.wrong(ctx, "I23", `SELECT 'order ' || id || ': its lines cost ' || cost || ', store credit pays '
		|| credit_minor || ' and the payment ' || amount_minor
		FROM (SELECT o.id, o.credit_minor, p.amount_minor,
			(SELECT SUM(l.price_minor + l.duty_minor + l.shipping_minor) FROM ?(rk)order_lines l
			WHERE l.order_id = o.id) AS cost
			FROM ?(rk)orders o JOIN ?(rk)payments p ON p.order_id = o.id) AS x
		WHERE cost <> credit_minor + amount_minor`)
}
