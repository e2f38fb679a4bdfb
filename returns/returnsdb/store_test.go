package returnsdb_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnsdb"
	"github.com/returnkit/returnkit/returns/returnstest"
)

func onSQLite(t *testing.T) returns.Store {
	return returnsdb.New(sqlstoretest.SQLite(t, returnsdb.Migrations()))
}

func onPostgreSQL(t *testing.T) returns.Store {
	return returnsdb.New(sqlstoretest.Postgres(t, returnsdb.Migrations()))
}

func TestStoreOnSQLite(t *testing.T) {
	returnstest.TestStore(t, onSQLite)
}

func TestStoreOnPostgreSQL(t *testing.T) {
	empty := sqlstoretest.Emptied(t, sqlstoretest.Postgres(t, returnsdb.Migrations()))
	returnstest.TestStore(t, func(t *testing.T) returns.Store { return returnsdb.New(empty(t)) })
}

func TestSQLiteAnswersAsMemoryDoes(t *testing.T) {
	returnstest.TestDifferential(t, onSQLite, 60)
}

func TestPostgreSQLAnswersAsMemoryDoes(t *testing.T) {
	testreq.Slow(t, "./returns/returnsdb/")
	returnstest.TestDifferential(t, onPostgreSQL, 100)
}

func TestSQLiteIsLinearizable(t *testing.T) {
	returnstest.TestLinearizable(t, onSQLite, 20)
}

func TestPostgreSQLIsLinearizable(t *testing.T) {
	testreq.Slow(t, "./returns/returnsdb/")
	returnstest.TestLinearizable(t, onPostgreSQL, 60)
}

func TestMigrationContainsTheTablesOfTheOutbox(t *testing.T) {
	set := returnsdb.Migrations()
	for dialect, files := range map[sqlstore.Dialect]fs.FS{
		sqlstore.Postgres: set.Postgres, sqlstore.SQLite: set.SQLite,
	} {
		text, err := fs.ReadFile(files, "00001_returns.sql")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), outboxdb.DDL(dialect, returnsdb.EventPrefix)) {
			t.Errorf("the migration for %s has other tables than outboxdb.DDL", dialect)
		}
	}
}

func TestPublishedTermsCantBeChangedOrDeletedInTheDatabase(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		s := returnsdb.New(sqlstoretest.Migrated(t, db, returnsdb.Migrations()))
		at := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
		for want := 1; want <= 2; want++ {
			terms, err := s.Publish(
				t.Context(), returns.Terms{
					ID: fmt.Sprint("t", want), Policy: returns.Policy{WindowDays: 30}, PublishedAt: at,
					PublishedBy: event.System("test"),
				},
			)
			if err != nil || terms.Version != want {
				t.Fatalf("published version %d, %v; want %d", terms.Version, err, want)
			}
		}
		statements := []string{"UPDATE ?(rk)terms SET note = 'x'", "DELETE FROM ?(rk)terms"}
		if db.Dialect() == sqlstore.SQLite {
			statements = append(statements, "INSERT OR REPLACE INTO ?(rk)terms SELECT * FROM ?(rk)terms",
				"INSERT OR REPLACE INTO ?(rk)terms SELECT 't3', 1, policy, 0, '', '', '', '' FROM ?(rk)terms LIMIT 1")
		}
		for _, statement := range statements {
			if _, err := db.Writer().ExecContext(t.Context(), statement); err == nil ||
				!strings.Contains(err.Error(), "never changed or deleted") {
				t.Errorf("%s: %v", statement, err)
			}
		}
		if all, err := s.AllTerms(t.Context()); err != nil || len(all) != 2 || all[0].Version != 2 {
			t.Errorf("all terms: %+v, %v", all, err)
		}
	})
}
