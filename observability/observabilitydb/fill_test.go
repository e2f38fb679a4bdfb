package observabilitydb

import (
	"testing"

	"github.com/returnkit/returnkit/internal/seedtest"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/returns/returnsdb"
)

// stores makes the tables of all stores.
func stores(tb testing.TB, db *sqlstore.DB) {
	tb.Helper()
	err := sqlstore.Migrate(
		tb.Context(),
		db,
		ordersdb.Migrations(),
		refundsdb.Migrations(),
		returnsdb.Migrations(),
		Migrations(),
	)
	if err != nil {
		tb.Fatal(err)
	}
}

// rolled fills and counts.
func rolled(tb testing.TB, db *sqlstore.DB, fillings ...seedtest.Filling) *Rollup {
	tb.Helper()
	stores(tb, db)
	for _, f := range fillings {
		f.Fill(tb, db.Writer())
	}
	if db.Dialect() == sqlstore.Postgres { // as autovacuum does
		if _, err := db.Writer().ExecContext(tb.Context(), "ANALYZE"); err != nil {
			tb.Fatal(err)
		}
	}
	return roll(tb, db)
}

func roll(tb testing.TB, db *sqlstore.DB) *Rollup {
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
