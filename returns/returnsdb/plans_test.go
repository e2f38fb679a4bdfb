package returnsdb_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/statements"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnsdb"
)

// TestEveryStatementFindsItsRowsByIndex asks for the plan of everything a shop
// sends: none reads a whole table, however the tables grow. Tables with few
// rows are read whole by right, so PostgreSQL has to avoid that where it
// can.
func TestEveryStatementFindsItsRowsByIndex(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		sqlstoretest.Migrated(t, db, returnsdb.Migrations())
		plain := db.Writer()
		r := statements.Watch(db)
		exercise(t, db)
		seen := map[string]bool{}
		for _, q := range r.Sent() {
			verb, _, _ := strings.Cut(q, " ")
			version := strings.Contains(q, "_schema_version") // a migration asks, of a table of two rows
			if verb != "SELECT" && verb != "UPDATE" || seen[q] || version {
				continue
			}
			seen[q] = true
			for _, line := range plan(t, db.Dialect(), plain, q) {
				// Versions of the terms are few, and listed whole.
				whole := strings.HasSuffix(q, `FROM "terms" AS "t" ORDER BY "t"."version" DESC`)
				sorted := strings.Contains(line, "Sort") || strings.Contains(line, "USE TEMP B-TREE")
				scanned := strings.Contains(line, "Seq Scan") ||
					strings.HasPrefix(line, "SCAN ") && !strings.Contains(line, "USING")
				page := strings.Contains(q, "LIMIT") && !strings.Contains(q, "IN (")
				if !whole && scanned || page && sorted {
					t.Errorf("%s\nis executed by %s", q, line)
				}
			}
		}
		if len(seen) < 20 {
			t.Errorf("only %d statements were seen", len(seen))
		}
	})
}

func plan(t *testing.T, dialect sqlstore.Dialect, db *bun.DB, query string) []string {
	t.Helper()
	var lines []string
	if dialect == sqlstore.SQLite {
		var rows []struct {
			ID, Parent, Notused int
			Detail              string
		}
		err := db.NewRaw("EXPLAIN QUERY PLAN "+strings.ReplaceAll(query, "?", "")).Scan(t.Context(), &rows)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		for _, r := range rows {
			lines = append(lines, r.Detail)
		}
		return lines
	}
	err := db.RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, "SET LOCAL enable_seqscan = off"); err != nil {
			return err
		}
		return tx.NewRaw("EXPLAIN "+strings.ReplaceAll(query, "?", "")).Scan(ctx, &lines)
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return lines
}

// exercise does everything a shop does with returns.
func exercise(t *testing.T, db *sqlstore.DB) {
	t.Helper()
	b, ctx := setup(t, db), t.Context()
	o := order("o", 3)
	if _, err := b.file(o, "r", 2, false); err != nil {
		t.Fatal(err)
	}
	for _, step := range steps(o.Lines[0].ID) {
		b.update("r", step)
	}
	var err error
	must := func(what string) {
		t.Helper()
		if err != nil {
			t.Fatal(fmt.Errorf("%s: %w", what, err))
		}
	}
	for _, q := range []returns.Query{
		{}, {CustomerID: "ann"}, {OrderID: "o"}, {Status: []returns.Status{returns.StatusRefunded}},
		{Status: []returns.Status{returns.StatusRefunded, returns.StatusApproved}},
		{CustomerID: "ann", Status: []returns.Status{returns.StatusRefunded}},
		{OpenTasks: true}, {From: day.Add(-time.Hour), To: day.Add(time.Hour)}, {CustomerID: "ann", Text: "wool"},
	} {
		_, _, err = b.store.List(ctx, q)
		must("list")
	}
	_, err = b.store.Return(ctx, "r")
	must("return")
	_, err = b.store.Claims(ctx, "o", "p")
	must("claims")
	_, err = b.store.Counts(ctx)
	must("counts")
	_, err = b.store.Events(ctx, "r")
	must("events")
	_, err = b.store.Terms(ctx, b.terms.ID)
	must("terms")
	_, err = b.store.Terms(ctx, "")
	must("current terms")
	_, err = b.store.AllTerms(ctx)
	must("all terms")
}
