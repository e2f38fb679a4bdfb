package ordersdb_test

import (
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// migrated returns the database with the tables of this store.
func migrated(t testing.TB, db *sqlstore.DB) *sqlstore.DB {
	t.Helper()
	if err := sqlstore.Migrate(t.Context(), db, ordersdb.Migrations()); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestStoreOnSQLite(t *testing.T) {
	orderstest.TestStore(
		t,
		func(t *testing.T) orders.Store { return ordersdb.New(migrated(t, sqlstoretest.SQLite(t))) },
	)
}

func TestSQLiteAnswersAsMemoryDoes(t *testing.T) {
	orderstest.TestDifferential(
		t, func(t *testing.T) orders.Store { return ordersdb.New(migrated(t, sqlstoretest.SQLite(t))) }, 60,
	)
}

func TestPostgreSQLAnswersAsMemoryDoes(t *testing.T) {
	testreq.Slow(t, "./orders/ordersdb/")
	orderstest.TestDifferential(
		t, func(t *testing.T) orders.Store { return ordersdb.New(migrated(t, sqlstoretest.Postgres(t))) }, 100,
	)
}

func TestSQLiteIsLinearizable(t *testing.T) {
	orderstest.TestLinearizable(
		t, func(t *testing.T) orders.Store { return ordersdb.New(migrated(t, sqlstoretest.SQLite(t))) }, 20,
	)
}

func TestPostgreSQLIsLinearizable(t *testing.T) {
	testreq.Slow(t, "./orders/ordersdb/")
	orderstest.TestLinearizable(
		t, func(t *testing.T) orders.Store { return ordersdb.New(migrated(t, sqlstoretest.Postgres(t))) }, 60,
	)
}

func TestStoreOnPostgreSQL(t *testing.T) {
	empty := sqlstoretest.Emptied(t, migrated(t, sqlstoretest.Postgres(t)))
	orderstest.TestStore(t, func(t *testing.T) orders.Store { return ordersdb.New(empty(t)) })
}
