package ordersdb_test

import (
	"strings"
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

// TestStoreOnPostgreSQL empties one database again and again: to make a new
// one for each subtest takes most of the time.
func TestStoreOnPostgreSQL(t *testing.T) {
	db := migrated(t, sqlstoretest.Postgres(t))
	var tables []string
	err := db.Read().NewSelect().Table("pg_tables").Column("tablename").
		Where("schemaname = current_schema()").Where("tablename NOT LIKE '%version%'").Scan(t.Context(), &tables)
	if err != nil || len(tables) < 10 {
		t.Fatal(tables, err)
	}
	orderstest.TestStore(t, func(t *testing.T) orders.Store {
		if _, err := db.Writer().ExecContext(t.Context(),
			"TRUNCATE "+strings.Join(tables, ", ")+" RESTART IDENTITY"); err != nil {
			t.Fatal(err)
		}
		return ordersdb.New(db)
	})
}
