// Package sqlstoretest gives tests a fresh database of each kind.
//
// SQLite is a file in the test's temporary folder. PostgreSQL is a database of the
// test's own on the server DATABASE_URL names (its user must be allowed to create
// databases), or else on a server that the test process starts from the installed
// binaries: on a Unix socket in a private folder, gone when the process ends, however
// it ends. Without either the test is skipped, or fails with REQUIRE_ALL=1.
//
// [Each] runs a test on both kinds, [EachConfig] one that opens the database itself,
// and [StartCrashable] starts a server that the test may kill.
package sqlstoretest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/returnkit/returnkit/orders/sqlstore"
)

// Each runs fn as a subtest on SQLite and on PostgreSQL, each with a fresh and
// empty database that is closed and removed afterwards.
func Each(t *testing.T, fn func(t *testing.T, db *sqlstore.DB)) {
	t.Helper()
	EachConfig(t, func(t *testing.T, c sqlstore.Config) { fn(t, Open(t, c)) })
}

// EachConfig is Each for a test that opens the database itself, or more than
// once, as several processes would.
func EachConfig(t *testing.T, fn func(t *testing.T, c sqlstore.Config)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, SQLiteConfig(t)) })
	t.Run("postgres", func(t *testing.T) { fn(t, PostgresConfig(t)) })
}

// SQLite returns a fresh SQLite database with the tables of the sets, which are known by
// their names: they are made once in the process, and copied.
func SQLite(tb testing.TB, sets ...sqlstore.Migrations) *sqlstore.DB {
	tb.Helper()
	c := SQLiteConfig(tb)
	if len(sets) > 0 {
		var names []string
		for _, m := range sets {
			names = append(names, m.Name)
		}
		SQLiteCopy(tb, strings.Join(names, ","), c.File, func(ctx context.Context, file string) error {
			db, err := sqlstore.OpenConfig(ctx, sqlstore.Config{File: file, FastUnsafe: true})
			if err != nil {
				return err
			}
			return errors.Join(sqlstore.Migrate(ctx, db, sets...), db.Close())
		})
	}
	return Open(tb, c)
}

// Postgres returns a fresh PostgreSQL database with the tables of the sets, or ends the test.
func Postgres(tb testing.TB, sets ...sqlstore.Migrations) *sqlstore.DB {
	tb.Helper()
	return Migrated(tb, Open(tb, PostgresConfig(tb)), sets...)
}

// Migrated returns db with the tables of the sets, or ends the test.
func Migrated(tb testing.TB, db *sqlstore.DB, sets ...sqlstore.Migrations) *sqlstore.DB {
	tb.Helper()
	if err := sqlstore.Migrate(tb.Context(), db, sets...); err != nil {
		tb.Fatal(err)
	}
	return db
}

// SQLiteConfig names a fresh SQLite file.
func SQLiteConfig(tb testing.TB) sqlstore.Config {
	tb.Helper()
	return sqlstore.Config{File: filepath.Join(tb.TempDir(), "test.db"), FastUnsafe: true}
}

// PostgresConfig names a fresh PostgreSQL database, or ends the test.
func PostgresConfig(tb testing.TB) sqlstore.Config {
	tb.Helper()
	return sqlstore.Config{URL: PostgresURL(tb), MaxConns: 8}
}

// copies holds the SQLite files of SQLiteCopy by what they are called.
var copies struct {
	sync.Mutex
	files map[string][]byte
}

// SQLiteCopy writes a SQLite file that prepare has filled: once in the process for all that is
// called what, with the copies made from it. prepare gets a file of the same base name in
// another folder, and leaves no connection open.
func SQLiteCopy(tb testing.TB, what, file string, prepare func(ctx context.Context, file string) error) {
	tb.Helper()
	copies.Lock()
	defer copies.Unlock()
	if copies.files[what] == nil {
		original := filepath.Join(tb.TempDir(), filepath.Base(file))
		if err := prepare(tb.Context(), original); err != nil {
			tb.Fatal(err)
		}
		data, err := os.ReadFile(original)
		if err != nil {
			tb.Fatal(err)
		}
		if copies.files == nil {
			copies.files = map[string][]byte{}
		}
		copies.files[what] = data
	}
	if err := os.WriteFile(file, copies.files[what], 0o600); err != nil {
		tb.Fatal(err)
	}
}

// Open opens c, and closes it when the test ends.
func Open(tb testing.TB, c sqlstore.Config) *sqlstore.DB {
	tb.Helper()
	db, err := sqlstore.OpenConfig(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Errorf("close the test database: %v", err)
		}
	})
	return db
}

// Emptied returns a function that empties the tables of db, a PostgreSQL database, and
// returns it, for suites that want a fresh one for each case: to make a new database takes
// most of their time. The tables are there already; those that hold versions stay as they
// are, what a migration wrote into another one is gone, and numbers that the database
// gives out are not given out again.
func Emptied(tb testing.TB, db *sqlstore.DB) func(testing.TB) *sqlstore.DB {
	tb.Helper()
	var tables []string
	all := db.Read().NewSelect().TableExpr("pg_tables").ColumnExpr("schemaname || '.' || tablename")
	if schema, prefix, found := strings.Cut(string(db.Table("")), "."); found {
		all = all.Where("schemaname = ?", strings.Trim(schema, `"`)).Where("starts_with(tablename, ?)", prefix)
	} else {
		all = all.Where("schemaname = current_schema()").Where("starts_with(tablename, ?)", schema)
	}
	err := all.Where("tablename NOT LIKE '%version'").Scan(tb.Context(), &tables)
	if err != nil || len(tables) == 0 {
		tb.Fatalf("the tables of the test database: %v, %v", tables, err)
	}
	var super bool
	err = db.Read().NewRaw("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").Scan(tb.Context(), &super)
	if err != nil {
		tb.Fatal(err)
	}
	// Triggers keep rows from being removed. Their owner may turn them off.
	turn := func(how string) string {
		return "ALTER TABLE " + strings.Join(tables, how+" TRIGGER USER; ALTER TABLE ") + how + " TRIGGER USER"
	}
	empty := "BEGIN; " + turn(" DISABLE") + "; TRUNCATE " + strings.Join(tables, ", ") + "; " + turn(" ENABLE") +
		"; COMMIT"
	if super {
		// A case leaves a few rows, for which TRUNCATE makes each table and index anew. As a replica,
		// PostgreSQL runs no triggers.
		empty = "BEGIN; SET LOCAL session_replication_role = replica; DELETE FROM " +
			strings.Join(tables, "; DELETE FROM ") + "; COMMIT"
	}
	return func(tb testing.TB) *sqlstore.DB {
		tb.Helper()
		if _, err := db.Writer().ExecContext(tb.Context(), empty); err != nil {
			tb.Fatal(err)
		}
		return db
	}
}
