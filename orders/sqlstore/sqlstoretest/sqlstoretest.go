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
	"path/filepath"
	"strings"
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

// SQLite returns a fresh SQLite database.
func SQLite(tb testing.TB) *sqlstore.DB {
	tb.Helper()
	return Open(tb, SQLiteConfig(tb))
}

// Postgres returns a fresh PostgreSQL database, or ends the test.
func Postgres(tb testing.TB) *sqlstore.DB {
	tb.Helper()
	return Open(tb, PostgresConfig(tb))
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
// are, and what a migration wrote into another one is gone.
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
	return func(tb testing.TB) *sqlstore.DB {
		tb.Helper()
		empty := "TRUNCATE " + strings.Join(tables, ", ") + " RESTART IDENTITY"
		if _, err := db.Writer().ExecContext(tb.Context(), empty); err != nil {
			tb.Fatal(err)
		}
		return db
	}
}
