package invariants

import (
	"context"
	"fmt"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refunds"
)

// charges compares with the provider's ledger, I1, I6, I7 and I9: one charge
// an order, as much as the order, and no more back than it.
func (a *audit) charges(ctx context.Context) error {
	var payments []struct {
		OrderID, Status, Method, Reference, Order, Currency string
		AmountMinor                                         int64
	}
	err := a.db.Reader().NewRaw(
		`SELECT p.order_id, p.status, p.method, p.reference, o.status AS "order", o.currency, p.amount_minor
			FROM ?(rk)payments p
			JOIN ?(rk)orders o ON o.id = p.order_id`,
	).Scan(ctx, &payments)
	if err != nil {
		return fmt.Errorf("I6: %w", err)
	}
	charges := a.ledgerCharges()
	for _, p := range payments {
		charge, charged := charges[p.OrderID]
		amount := charge.Amount
		delete(charges, p.OrderID)
		switch {
		case charged && charge.Currency != p.Currency:
			a.report("I20: order %s is in %s and was charged in %s", p.OrderID, p.Currency, charge.Currency)
		case charged && p.Method != "card":
			a.report("I9: order %s was paid in cash and charged", p.OrderID)
		case charged && amount != p.AmountMinor:
			a.report("I6: order %s of %d was charged %d", p.OrderID, p.AmountMinor, amount)
		case p.Method == "card" && p.Status == "captured" && p.AmountMinor > 0 && !charged:
			a.report("I6: order %s counts as captured and was never charged", p.OrderID)
		case charged && p.Order == "cancelled":
			a.report("I7: order %s is cancelled and was charged", p.OrderID)
		}
	}
	for order := range charges {
		a.report("I6: order %s was charged and is not in the database", order)
	}
	return nil
}

// ledgerCharges returns what the provider charged for each order, in our unit. It reports
// orders that were charged twice, and charges that were refunded more than they took.
func (a *audit) ledgerCharges() map[string]client.LedgerCharge {
	charges, left := map[string]client.LedgerCharge{}, map[string]int64{} // by charge, what was not refunded
	for _, c := range a.ledger.Charges {
		if _, twice := charges[c.Order]; twice {
			a.report("I6: order %s was charged twice", c.Order)
		}
		left[c.ID] = c.Amount
		c.Amount = a.ours("charge "+c.ID, c.Amount, c.Currency, c.Digits)
		charges[c.Order] = c
	}
	for _, r := range a.ledger.Refunds {
		if dead(r.Status) {
			continue
		}
		if left[r.Charge] -= r.Amount; left[r.Charge] < 0 {
			a.report("I1: the provider paid %d more back than it took for charge %q", -left[r.Charge], r.Charge)
		}
	}
	return charges
}

// dead says of a status of the provider that the refund gave nothing.
func dead(status string) bool { return status == "failed" || status == "canceled" }

// once compares with the provider's ledger, I6 and I9: one refund an attempt,
// and no other.
func (a *audit) once(ctx context.Context) error {
	var attempts []struct {
		ID, Key, Method, Status, RefundID string
		AmountMinor                       int64
	}
	err := a.db.Reader().NewRaw(
		`SELECT id, key, method, status, refund_id, amount_minor FROM ?(rk)refund_attempts WHERE key <> ''`,
	).Scan(ctx, &attempts)
	if err != nil {
		return fmt.Errorf("I6: %w", err)
	}
	byKey := a.ledgerRefunds()
	liveOf := map[string]int{}
	for _, at := range attempts {
		p, there := byKey[at.Key]
		delete(byKey, at.Key)
		live := there && p.live
		switch {
		case at.Method != "card":
			a.report("I9: attempt %s by %s has a key of the provider", at.ID, at.Method)
		case there && p.amount != at.AmountMinor:
			a.report("I6: attempt %s of %d paid %d", at.ID, at.AmountMinor, p.amount)
		case at.Status == "succeeded" && at.AmountMinor > 0 && !live:
			a.report("I6: attempt %s counts as succeeded and the provider paid nothing", at.ID)
		case at.Status == "failed" && live:
			a.report("I6: attempt %s counts as failed and the provider paid %d", at.ID, p.amount)
		}
		if live {
			liveOf[at.RefundID]++
		}
	}
	for refund, n := range liveOf {
		if n > 1 {
			a.report("I6: refund %s was paid %d times", refund, n)
		}
	}
	for key := range byKey {
		a.report("I6: the provider has a refund under the key %s, and no attempt does", key)
	}
	return nil
}

// ledgerRefund is what the provider did under a key; live unless it failed or was canceled.
type ledgerRefund struct {
	amount int64
	live   bool
}

// ledgerRefunds returns the provider's refunds by their keys, and reports keys that paid twice.
func (a *audit) ledgerRefunds() map[string]ledgerRefund {
	byKey := map[string]ledgerRefund{}
	for _, r := range a.ledger.Refunds {
		if r.Outside {
			continue
		}
		if _, twice := byKey[r.Key]; twice {
			a.report("I6: the key %s paid twice", r.Key)
		}
		byKey[r.Key] = ledgerRefund{a.ours("refund "+r.ID, r.Amount, r.Currency, r.Digits), !dead(r.Status)}
	}
	return byKey
}

// amounts checks I3 in three ways: a refund is the sum of its lines less its
// fees, to the minor unit; a case that was paid back after its inspection was
// paid for the units accepted; and, per order line, what was given of each line is what the floor
// law says of its live units, to the minor unit. Where a refund was reversed,
// the units after it were priced with it in the way, and only the bound of
// what was paid holds.
func (a *audit) amounts(ctx context.Context) error {
	if err := a.wrong(ctx, "I3", `SELECT 'return line ' || rl.id || ': ' || rl.accepted || ' units accepted, '
		|| COALESCE(g.units, 0) || ' paid back'
		FROM ?(rk)return_lines rl JOIN ?(rk)returns r ON r.id = rl.return_id
		LEFT JOIN ?(rk)refund_lines g ON g.refund_id = r.refund_id AND g.order_line_id = rl.order_line_id
		WHERE r.status = 'refunded' AND NOT r.early_refund AND COALESCE(g.units, 0) <> rl.accepted
			AND NOT EXISTS (SELECT 1 FROM ?(rk)refunds x
			WHERE x.id = r.refund_id AND x.status = 'reversed')`); err != nil {
		return err
	}
	if err := a.wrong(ctx, "I3", `SELECT 'attempt ' || t.id || ' of ' || t.amount_minor || ' is the last of refund '
		|| r.id || ' of ' || r.amount_minor
		FROM ?(rk)refund_attempts t JOIN ?(rk)refunds r ON r.id = t.refund_id
		WHERE t.amount_minor <> r.amount_minor AND t.number = (SELECT MAX(n.number) FROM ?(rk)refund_attempts n
		WHERE n.refund_id = r.id)`); err != nil {
		return err
	}
	if err := a.sums(ctx); err != nil {
		return err
	}
	var rows []struct {
		OrderLineID, OrderID                             string
		Quantity, Units                                  int64
		PaidPrice, PaidDuty, PaidShipping                int64
		GivenPrice, GivenDuty, GivenShipping, Unsettling int64
	}
	err := a.db.Reader().NewRaw(
		`SELECT l.id AS order_line_id, l.order_id, l.quantity, l.price_minor AS paid_price, l.duty_minor AS paid_duty,
			l.shipping_minor AS paid_shipping,
			SUM(g.units) AS units, SUM(g.price_minor) AS given_price, SUM(g.duty_minor) AS given_duty,
			SUM(g.shipping_minor) AS given_shipping,
			(SELECT COUNT(*) FROM ?(rk)refunds x
			WHERE x.order_id = l.order_id AND x.status IN ('reversed', 'failed')) AS unsettling
		FROM ?(rk)order_lines l JOIN ?(rk)refund_lines g ON g.order_line_id = l.id
		JOIN ?(rk)refunds r ON r.id = g.refund_id
		WHERE r.status NOT IN ('failed', 'reversed')
		GROUP BY l.id, l.order_id, l.quantity, l.price_minor, l.duty_minor, l.shipping_minor`,
	).Scan(ctx, &rows)
	if err != nil {
		return fmt.Errorf("I3: %w", err)
	}
	for _, r := range rows {
		for _, c := range []struct {
			name        string
			paid, given int64
		}{
			{"price", r.PaidPrice, r.GivenPrice}, {"duty", r.PaidDuty, r.GivenDuty},
			{"shipping", r.PaidShipping, r.GivenShipping},
		} {
			want := c.paid * r.Units / r.Quantity
			if r.Units > r.Quantity || c.given > c.paid || r.Unsettling == 0 && c.given != want {
				a.report(
					"I3: %s of order line %s: %d given for %d of %d units, paid %d", c.name, r.OrderLineID, c.given,
					r.Units, r.Quantity, c.paid,
				)
			}
		}
	}
	return nil
}

// sums checks I3 of each refund alone.
func (a *audit) sums(ctx context.Context) error {
	var rows []struct {
		ID                 string
		AmountMinor, Lines int64
		Quote              sqldb.JSON[refunds.Quote]
	}
	err := a.db.Reader().NewRaw(
		`SELECT r.id, r.amount_minor, r.quote, (SELECT COALESCE(SUM(g.price_minor + g.duty_minor + g.shipping_minor), 0)
			FROM ?(rk)refund_lines g WHERE g.refund_id = r.id) AS lines
		FROM ?(rk)refunds r`,
	).Scan(ctx, &rows)
	if err != nil {
		return fmt.Errorf("I3: %w", err)
	}
	for _, r := range rows {
		fees := int64(0)
		for _, f := range r.Quote.V.Fees {
			fees += f.Amount
		}
		if carried := r.Quote.V.Carried; r.AmountMinor != max(0, r.Lines-fees-carried) {
			a.report(
				"I3: refund %s of %d has lines of %d, fees of %d and %d carried",
				r.ID,
				r.AmountMinor,
				r.Lines,
				fees,
				carried,
			)
		}
	}
	return nil
}
