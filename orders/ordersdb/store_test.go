package ordersdb_test

import (
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

func onSQLite(t *testing.T) orders.Store {
	return ordersdb.New(sqlstoretest.SQLite(t, ordersdb.Migrations()))
}

func onPostgreSQL(t *testing.T) orders.Store {
	return ordersdb.New(sqlstoretest.Postgres(t, ordersdb.Migrations()))
}

func TestStoreOnSQLite(t *testing.T) {
	orderstest.TestStore(t, onSQLite)
}

func TestSQLiteAnswersAsMemoryDoes(t *testing.T) {
	orderstest.TestDifferential(t, onSQLite, 60)
}

func TestPostgreSQLAnswersAsMemoryDoes(t *testing.T) {
	testreq.Slow(t, "./orders/ordersdb/")
	orderstest.TestDifferential(t, onPostgreSQL, 100)
}

func TestSQLiteIsLinearizable(t *testing.T) {
	orderstest.TestLinearizable(t, onSQLite, 20)
}

func TestPostgreSQLIsLinearizable(t *testing.T) {
	testreq.Slow(t, "./orders/ordersdb/")
	orderstest.TestLinearizable(t, onPostgreSQL, 60)
}

func TestStoreOnPostgreSQL(t *testing.T) {
	empty := sqlstoretest.Emptied(t, sqlstoretest.Postgres(t, ordersdb.Migrations()))
	orderstest.TestStore(t, func(t *testing.T) orders.Store { return ordersdb.New(empty(t)) })
}
