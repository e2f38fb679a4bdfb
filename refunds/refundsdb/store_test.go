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

func onSQLite(t *testing.T) refunds.Store {
	return refundsdb.New(sqlstoretest.SQLite(t, refundsdb.Migrations()))
}

func onPostgreSQL(t *testing.T) refunds.Store {
	return refundsdb.New(sqlstoretest.Postgres(t, refundsdb.Migrations()))
}

func TestStoreOnSQLite(t *testing.T) {
	refundstest.TestStore(t, onSQLite)
}

func TestStoreOnPostgreSQL(t *testing.T) {
	t.Parallel()
	empty := sqlstoretest.Emptied(t, sqlstoretest.Postgres(t, refundsdb.Migrations()))
	refundstest.TestStore(t, func(t *testing.T) refunds.Store { return refundsdb.New(empty(t)) })
}

func TestSQLiteAnswersAsMemoryDoes(t *testing.T) {
	refundstest.TestDifferential(t, onSQLite, 20)
}

func TestPostgreSQLAnswersAsMemoryDoes(t *testing.T) {
	testreq.Slow(t, "./refunds/refundsdb/")
	refundstest.TestDifferential(t, onPostgreSQL, 100)
}

func TestSQLiteIsLinearizable(t *testing.T) {
	refundstest.TestLinearizable(t, onSQLite, 20)
}

func TestPostgreSQLIsLinearizable(t *testing.T) {
	testreq.Slow(t, "./refunds/refundsdb/")
	refundstest.TestLinearizable(t, onPostgreSQL, 60)
}

// It was judged by a balance of nothing: CodeBalance, of a refund that was just opened.
func TestAnUpdateBesideTheFirstOpeningOfAPaymentFindsTheRefundOrDoesNot(t *testing.T) {
	testreq.Slow(t, "./refunds/refundsdb/")
	refundstest.ReplayLinearizable(t, onPostgreSQL, [][]string{
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
