package refundsdb_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/outbox"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/internal/sqldb/sqldbtest"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

// migrated returns the database with the tables of this store.
func migrated(t testing.TB, db *sqldb.DB) *sqldb.DB {
	t.Helper()
	if err := refundsdb.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestStoreOnSQLite(t *testing.T) {
	refundstest.TestStore(t, func(t *testing.T) refunds.Store {
		return refundsdb.New(migrated(t,
			sqldbtest.SQLite(t)))
	})
}

func TestStoreOnPostgreSQL(t *testing.T) {
	refundstest.TestStore(t, func(t *testing.T) refunds.Store {
		return refundsdb.New(migrated(t,
			sqldbtest.Postgres(t)))
	})
}

func TestMigrationContainsTheTablesOfTheOutbox(t *testing.T) {
	set := refundsdb.Migrations()
	for dialect, files := range map[sqldb.Dialect]fs.FS{sqldb.Postgres: set.PG, sqldb.SQLite: set.SQLite} {
		text, err := fs.ReadFile(files, "00001_refunds.sql")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), outbox.DDL(dialect, refundsdb.EventPrefix)) {
			t.Errorf("the migration for %s has other tables than outbox.DDL", dialect)
		}
		if text, err = fs.ReadFile(files, "00003_origin.sql"); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), outbox.OriginDDL(refundsdb.EventPrefix)) {
			t.Errorf("the migration for %s has other columns than outbox.OriginDDL", dialect)
		}
	}
}
