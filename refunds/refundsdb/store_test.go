package refundsdb_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// migrated returns the database with the tables of this store.
func migrated(t testing.TB, db *sqlstore.DB) *sqlstore.DB {
	t.Helper()
	if err := sqlstore.Migrate(t.Context(), db, refundsdb.Migrations()); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestStoreOnSQLite(t *testing.T) {
	refundstest.TestStore(t, func(t *testing.T) refunds.Store {
		return refundsdb.New(migrated(t,
			sqlstoretest.SQLite(t)))
	})
}

func TestStoreOnPostgreSQL(t *testing.T) {
	t.Parallel()
	empty := sqlstoretest.Emptied(t, migrated(t, sqlstoretest.Postgres(t)))
	refundstest.TestStore(t, func(t *testing.T) refunds.Store { return refundsdb.New(empty(t)) })
}

func TestSQLiteAnswersAsMemoryDoes(t *testing.T) {
	refundstest.TestDifferential(t, func(t *testing.T) refunds.Store {
		return refundsdb.New(migrated(t, sqlstoretest.SQLite(t)))
	}, 20)
}

func TestPostgreSQLAnswersAsMemoryDoes(t *testing.T) {
	testreq.Slow(t, "./refunds/refundsdb/")
	refundstest.TestDifferential(t, func(t *testing.T) refunds.Store {
		return refundsdb.New(migrated(t, sqlstoretest.Postgres(t)))
	}, 100)
}

func TestSQLiteIsLinearizable(t *testing.T) {
	refundstest.TestLinearizable(t, func(t *testing.T) refunds.Store {
		return refundsdb.New(migrated(t, sqlstoretest.SQLite(t)))
	}, 20)
}

func TestPostgreSQLIsLinearizable(t *testing.T) {
	testreq.Slow(t, "./refunds/refundsdb/")
	refundstest.TestLinearizable(t, func(t *testing.T) refunds.Store {
		return refundsdb.New(migrated(t, sqlstoretest.Postgres(t)))
	}, 60)
}

// It was judged by a balance of nothing: CodeBalance, of a refund that was just opened.
func TestAnUpdateBesideTheFirstOpeningOfAPaymentFindsTheRefundOrDoesNot(t *testing.T) {
	testreq.Slow(t, "./refunds/refundsdb/")
	refundstest.ReplayLinearizable(t, func(t *testing.T) refunds.Store {
		return refundsdb.New(migrated(t, sqlstoretest.Postgres(t)))
	}, [][]string{
		{"open 2 6"},
		{"done 2"},
	})
}

func TestMigrationContainsTheTablesOfTheOutbox(t *testing.T) {
	set := refundsdb.Migrations()
	sets := map[sqlstore.Dialect]fs.FS{sqlstore.Postgres: set.Postgres, sqlstore.SQLite: set.SQLite}
	for dialect, files := range sets {
		text, err := fs.ReadFile(files, "00001_refunds.sql")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), outboxdb.DDL(dialect, refundsdb.EventPrefix)) {
			t.Errorf("the migration for %s has other tables than outboxdb.DDL", dialect)
		}
	}
}
