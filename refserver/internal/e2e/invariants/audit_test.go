package invariants_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/e2e/invariants"
)

var clerk = event.Actor{Kind: event.ActorStaff, ID: "clerk", Name: "clerk"}

// TestEachViolationIsFound plants one violation of each kind, past the
// constraints of the database, in a history that is in order.
func TestEachViolationIsFound(t *testing.T) {
	file, clean := history(t)
	attempt := func(customer string) string {
		return "(SELECT MAX(t.id) FROM ?(rk)refund_attempts t JOIN ?(rk)refunds r ON r.id = t.refund_id " +
			"WHERE r.customer_id = '" + customer + "')"
	}
	for _, c := range append([]violation{
		{name: "nothing"},
		{
			"a balance forgets what was refunded",
			"I1: payment",
			"UPDATE ?(rk)refund_balance SET refunded_minor = refunded_minor - 1 WHERE order_id = " +
				of("ann", "orders"),
			nil,
		},
		{
			"a balance holds what nobody refunds",
			"I1: payment",
			"UPDATE ?(rk)refund_balance SET reserved_minor = 5 WHERE order_id = " + of("ann", "orders"),
			nil,
		},
		{
			"more was refunded than captured",
			"I1: payment",
			"UPDATE ?(rk)refunds SET amount_minor = amount_minor * 9 WHERE customer_id = 'ann'",
			nil,
		},
		{
			"a balance is of more than was paid",
			"I1: payment",
			"UPDATE ?(rk)refund_balance SET captured_minor = captured_minor + 1 WHERE order_id = " +
				of("ann", "orders"),
			nil,
		},
		{
			"the provider paid more back than it took",
			"I1: the provider",
			"",
			func(l *client.Ledger) { l.Refunds[0].Amount *= 9 },
		},
		{
			"units of a rejected return are still claimed",
			"I2: order line",
			"UPDATE ?(rk)return_units SET claimed = 1 WHERE order_id = " + of("eve", "orders"),
			nil,
		},
		{
			"more units are in returns than were bought",
			"I2: order line",
			"UPDATE ?(rk)return_lines SET accepted = 3, quantity = 3 WHERE return_id = " + of("ann", "returns"),
			nil,
		},
		{
			"a line gave one minor unit too much",
			"I3: price",
			"UPDATE ?(rk)refund_lines SET price_minor = price_minor + 1 WHERE refund_id = " + of("ann", "refunds"),
			nil,
		},
		{
			"a refund is not the sum of its lines",
			"I3: refund",
			"UPDATE ?(rk)refunds SET amount_minor = amount_minor - 1 WHERE customer_id = 'ann'",
			nil,
		},
		{
			"an attempt is not of its refund's amount",
			"I3: attempt",
			"UPDATE ?(rk)refund_attempts SET amount_minor = amount_minor - 1 WHERE id = " + attempt("bob"),
			nil,
		},
		{
			"units were paid that were not accepted",
			"I3: return line",
			"UPDATE ?(rk)refund_lines SET units = 2 WHERE refund_id = " + of("ann", "refunds"),
			nil,
		},
		{"stock appears", "I4: product", "UPDATE ?(rk)products SET stock = stock + 1 WHERE id = 3", nil},
		{
			"a unit was never restocked",
			"I4: return line",
			"DELETE FROM ?(rk)stock_movements WHERE ref = (SELECT id FROM ?(rk)return_lines WHERE return_id = " +
				of("ann", "returns") + ")",
			nil,
		},
		{
			"a unit was restocked of a rejected return",
			"I4: restock",
			"UPDATE ?(rk)stock_movements SET ref = (SELECT id FROM ?(rk)return_lines WHERE return_id = " +
				of("eve", "returns") + ") WHERE ref = (SELECT id FROM ?(rk)return_lines WHERE return_id = " +
				of("ann", "returns") + ")",
			nil,
		},
		{
			"a return skips the inspection",
			"I5: returns",
			"UPDATE ?(rk)returns_events SET type = 'return.received', data = '{}' WHERE type IN " +
				"('return.inspection_started', 'return.approved') AND aggregate_id = " + of("ann", "returns"),
			nil,
		},
		{
			"a refund that succeeded fails",
			"I5: refunds",
			"UPDATE ?(rk)refunds_events SET type = 'refund.failed' WHERE type = 'refund.submitted' AND " +
				"aggregate_id = " + of("ann", "refunds"),
			nil,
		},
		{
			"an order completes after it was cancelled",
			"I5: orders",
			"UPDATE ?(rk)orders_events SET type = 'order.cancelled', data = '{}' WHERE seq = 2 AND aggregate_id = " +
				of("ann", "orders"),
			nil,
		},
		{
			"an order was charged twice",
			"I6: order",
			"",
			func(l *client.Ledger) { l.Charges = append(l.Charges, l.Charges[0]) },
		},
		{"an order was charged another amount", "I6: order", "", func(l *client.Ledger) { l.Charges[0].Amount++ }},
		{"an order was never charged", "I6: order", "", func(l *client.Ledger) { l.Charges = l.Charges[1:] }},
		{"a charge is of no order", "I6: order", "", func(l *client.Ledger) { l.Charges[0].Order = "none" }},
		{"a refund was paid under two keys", "I6: refund", "UPDATE ?(rk)refund_attempts SET status = 'failed' " +
			"WHERE number = 1 AND refund_id = " + of("cyd", "refunds"), func(l *client.Ledger) {
			l.Refunds = append(l.Refunds, l.Refunds[len(l.Refunds)-1])
			l.Refunds[len(l.Refunds)-1].Key = "KEY OF THE FIRST"
		}},
		{"a key paid twice", "I6: the key", "", func(l *client.Ledger) { l.Refunds = append(l.Refunds, l.Refunds[0]) }},
		{"a refund paid another amount", "I6: attempt", "", func(l *client.Ledger) { l.Refunds[0].Amount-- }},
		{
			"a refund that succeeded paid nothing",
			"I6: attempt",
			"",
			func(l *client.Ledger) { l.Refunds[0].Status = "failed" },
		},
		{
			"a refund that failed paid",
			"I6: attempt",
			"UPDATE ?(rk)refund_attempts SET status = 'failed' WHERE id = " + attempt("ann"),
			nil,
		},
		{"a refund is of no attempt", "I6: the provider", "", func(l *client.Ledger) { l.Refunds[0].Key = "none" }},
		{
			"a refund is stuck",
			"I7: refund",
			"UPDATE ?(rk)refunds SET status = 'unknown' WHERE customer_id = 'ann'",
			nil,
		},
		{
			"an order is stuck",
			"I7: order",
			"UPDATE ?(rk)orders SET status = 'queued', completed_at = NULL WHERE customer_id = 'dan'",
			nil,
		},
		{
			"a cancelled order was charged",
			"I7: order",
			"UPDATE ?(rk)orders SET status = 'cancelled' WHERE customer_id = 'dan'",
			nil,
		},
		{
			"a return does not follow its refund",
			"I7: return",
			"UPDATE ?(rk)returns SET status = 'approved' WHERE customer_id = 'ann'",
			nil,
		},
		{
			"a return is refunded without money",
			"I8: return",
			"UPDATE ?(rk)returns SET status = 'refunded' WHERE customer_id = 'dan'",
			nil,
		},
		{
			"a sale in cash was charged",
			"I9: order",
			"UPDATE ?(rk)payments SET method = 'cash' WHERE order_id = " + of("dan", "orders"),
			nil,
		},
		{
			"a manual refund has a key",
			"I9: attempt",
			"UPDATE ?(rk)refund_attempts SET method = 'cash' WHERE id = " + attempt("ann"),
			nil,
		},
		{
			"a store credit balance is not its entries",
			"I10: customer",
			"UPDATE ?(rk)store_credit_balances SET balance_minor = balance_minor + 1",
			nil,
		},
		{"a store credit balance is of nothing", "I10: customer", "DELETE FROM ?(rk)store_credit_entries", nil},
		{
			"a refund in store credit was given twice",
			"I10: refund",
			"UPDATE ?(rk)store_credit_entries SET amount_minor = amount_minor * 2",
			nil,
		},
		{
			"store credit of an order was not taken",
			"I23: order",
			"DELETE FROM ?(rk)store_credit_entries WHERE amount_minor = -1000",
			nil,
		},
		{
			"store credit of a canceled order is not back",
			"I23: order",
			"DELETE FROM ?(rk)store_credit_entries WHERE ref LIKE 'order:%:back'",
			nil,
		},
		{
			"store credit is back of an order that is none",
			"I23: the entry",
			"UPDATE ?(rk)store_credit_entries SET ref = 'order:1' WHERE ref LIKE 'order:%' AND ref NOT LIKE '%back'" +
				" AND amount_minor = -500",
			nil,
		},
		{
			"an order is paid for more than its lines cost",
			"I23: order",
			"UPDATE ?(rk)payments SET amount_minor = amount_minor + 1000 WHERE method = 'card' AND status = " +
				"'cancelled'",
			nil,
		},
		{
			"a stored order is not its events",
			"I11: orders",
			"UPDATE ?(rk)order_lines SET name = 'Piano' WHERE order_id = " + of("dan", "orders"),
			nil,
		},
		{
			"a stored refund is not its events",
			"I11: refunds",
			"UPDATE ?(rk)refund_attempts SET failure_reason = 'none' WHERE id = " + attempt("ann"),
			nil,
		},
		{
			"a stored return is not its events",
			"I11: returns",
			"UPDATE ?(rk)returns SET details = 'fine' WHERE customer_id = 'ann'",
			nil,
		},
		{
			"an authorized return has no RMA number",
			"I15: return",
			"UPDATE ?(rk)returns SET rma = NULL WHERE customer_id = 'ann'",
			nil,
		},
	}, market...) {
		t.Run(c.name, func(t *testing.T) {
			ledger := clean
			ledger.Charges, ledger.Refunds = slices.Clone(clean.Charges), slices.Clone(clean.Refunds)
			db := copied(t, file)
			for _, store := range []string{"orders", "refunds", "returns"} {
				_, err := db.Writer().ExecContext(t.Context(), "DROP TRIGGER ?(rk)"+store+"_events_are_not_changed")
				if err != nil {
					t.Fatal(err)
				}
			}
			if c.plan != "" {
				res, err := db.Writer().ExecContext(t.Context(), c.plan)
				if err != nil {
					t.Fatal(err)
				}
				if n, err := res.RowsAffected(); err != nil || n == 0 {
					t.Fatalf("nothing was planted, %v", err)
				}
			}
			if c.ruin != nil {
				c.ruin(&ledger)
				var first string
				if err := db.Reader().NewRaw("SELECT MIN(key) FROM ?(rk)refund_attempts WHERE number = 1 AND "+
					"refund_id = "+of("cyd", "refunds")).Scan(t.Context(), &first); err != nil {
					t.Fatal(err)
				}
				for i := range ledger.Refunds {
					ledger.Refunds[i].Key = strings.Replace(ledger.Refunds[i].Key, "KEY OF THE FIRST", first, 1)
				}
			}
			found, err := invariants.Check(t.Context(), db, ledger)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case c.want == "" && len(found) > 0:
				t.Errorf("found %q", found)
			case c.want != "" &&
				!slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, c.want) }):
				t.Errorf("found %q, want one that begins with %q", found, c.want)
			}
		})
	}
}

// copied opens a copy of the database that enforces nothing.
func copied(t *testing.T, file string) *sqlstore.DB {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sqlstore.OpenConfig(t.Context(), sqlstore.Config{File: to})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, pragma := range []string{"PRAGMA foreign_keys = OFF", "PRAGMA ignore_check_constraints = ON"} {
		if _, err := db.Writer().ExecContext(t.Context(), pragma); err != nil {
			t.Fatal(err)
		}
	}
	return db
}
