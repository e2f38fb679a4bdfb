package ordersdb_test

import (
	"testing"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/internal/sqldb/sqldbtest"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/orderstest"
)

// migrated returns the database with the tables of this store.
func migrated(t testing.TB, db *sqldb.DB) *sqldb.DB {
	t.Helper()
	if err := ordersdb.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestStoreOnSQLite(t *testing.T) {
	orderstest.TestStore(t, func(t *testing.T) orders.Store { return ordersdb.New(migrated(t, sqldbtest.SQLite(t))) })
}

func TestStoreOnPostgreSQL(t *testing.T) {
	orderstest.TestStore(t, func(t *testing.T) orders.Store { return ordersdb.New(migrated(t, sqldbtest.Postgres(t))) })
}
