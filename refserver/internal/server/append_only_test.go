package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/orders/sqlstore"
)

// TestTheDatabaseRefusesToRewriteWhatHappened: the audit's own entries could be added to alone, and
// the trails of orders, returns and refunds, which the same page shows, could be changed and removed.
func TestTheDatabaseRefusesToRewriteWhatHappened(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		b := open(t, settings...)
		c := b.approved(b.buy(b.customer("ada"), 1))
		b.unsent(&c)
		for _, store := range []string{"orders", "returns", "refunds"} {
			table := "?(rk)" + store + "_events"
			var before, after []string
			rows := func(into *[]string) {
				t.Helper()
				err := b.DB.Read().NewRaw("SELECT id || type || data || actor_name || at FROM "+table+" ORDER BY id").
					Scan(t.Context(), into)
				if err != nil {
					t.Fatal(err)
				}
			}
			if rows(&before); len(before) == 0 {
				t.Errorf("%s has no events", store)
			}
			statements := []string{"DELETE FROM " + table}
			for _, column := range []string{
				"id", "aggregate_id", "type", "actor_id", "actor_kind", "actor_name", "from_address", "from_request",
			} {
				statements = append(statements, fmt.Sprintf("UPDATE %s SET %s = 'x'", table, column))
			}
			statements = append(statements, "UPDATE "+table+" SET seq = 99", "UPDATE "+table+" SET data = '{}'",
				"UPDATE "+table+" SET at = (SELECT MIN(at) FROM "+table+")")
			if b.DB.Dialect() == sqlstore.SQLite {
				statements = append(statements, "INSERT OR REPLACE INTO "+table+" SELECT * FROM "+table,
					"UPDATE OR REPLACE "+table+" SET seq = seq + 1",
					"INSERT OR REPLACE INTO "+table+" SELECT 'x', aggregate_id, seq, 'x', at, '', '', '', '{}', "+
						"TRUE, '', '' FROM "+table)
			} else {
				statements = append(statements, "TRUNCATE "+table+" CASCADE")
			}
			for _, statement := range statements {
				_, err := b.DB.Writer().ExecContext(t.Context(), statement)
				if err == nil || !strings.Contains(err.Error(), "append-only") {
					t.Errorf("%s: %v", statement, err)
				}
			}
			if rows(&after); strings.Join(before, "\n") != strings.Join(after, "\n") {
				t.Errorf("the events of %s are others now", store)
			}
		}
	})
}
