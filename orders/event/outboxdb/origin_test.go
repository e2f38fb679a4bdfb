package outboxdb_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/statements"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

// TestAnOriginIsFoundByIndexAmongManyEvents: of 5000 events few come from an
// address, and one from a request.
func TestAnOriginIsFoundByIndexAmongManyEvents(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		var all []event.Event
		for i := range 5000 {
			e, err := event.NewEvent(fmt.Sprintf("o%d", i), 1, "made", event.Stamp{
				At: day.Add(time.Duration(i) * time.Second), By: event.System("test"),
				Source: event.Source{Address: fmt.Sprintf("192.0.2.%d", i%250), Request: fmt.Sprintf("r%d", i)},
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
		appendEvents(t, db, all...)
		if _, err := db.Writer().ExecContext(t.Context(), "ANALYZE"); err != nil {
			t.Fatal(err)
		}
		var hook statements.Log
		read := db.Reader().WithQueryHook(&hook)
		for index, tc := range map[string]struct {
			q    outboxdb.Query
			want int
		}{
			"from_address_idx": {outboxdb.Query{FromAddress: "192.0.2.7"}, 20},
			"from_request_idx": {outboxdb.Query{FromRequest: "r4321"}, 1},
		} {
			page, err := outboxdb.Search(t.Context(), read, []string{stream}, tc.q)
			if err != nil || len(page.Events) != tc.want {
				t.Fatalf("%d events, want %d; %v", len(page.Events), tc.want, err)
			}
			sent, _ := hook.Take()
			query := sent[len(sent)-1]
			explain := "EXPLAIN QUERY PLAN "
			if db.Dialect() == sqlstore.Postgres {
				explain = "EXPLAIN "
			}
			rows, err := db.Read().QueryContext(t.Context(), explain+query)
			if err != nil {
				t.Fatal(err)
			}
			columns, err := rows.Columns()
			if err != nil {
				t.Fatal(err)
			}
			var plan strings.Builder
			for rows.Next() {
				cells := make([]any, len(columns))
				for i := range cells {
					cells[i] = new(any)
				}
				if err := rows.Scan(cells...); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintln(&plan, *cells[len(cells)-1].(*any))
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(plan.String(), index) {
				t.Errorf("%s\nis executed by\n%s", query, plan.String())
			}
		}
	})
}
