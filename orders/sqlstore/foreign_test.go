package sqlstore_test

import (
	"context"
	"database/sql"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/ordersdb"
	"github.com/returnkit/returnkit/orders/orderstest"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundsdb"
	"github.com/returnkit/returnkit/refunds/refundstest"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnsdb"
	"github.com/returnkit/returnkit/returns/returnstest"
)

// foreignTables are those of a shop that has all of our words already.
const foreignTables = `
CREATE TABLE orders (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE refunds (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE returns (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE terms (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO orders VALUES (1, 'theirs');
INSERT INTO refunds VALUES (1, 'theirs');
INSERT INTO returns VALUES (1, 'theirs');
INSERT INTO terms VALUES (1, 'theirs');`

// sets are the migrations of all stores.
func sets() []sqlstore.Migrations {
	return []sqlstore.Migrations{ordersdb.Migrations(), refundsdb.Migrations(), returnsdb.Migrations()}
}

// openPool opens a pool as a shop of its own does.
func openPool(t *testing.T, driver, address string) *sql.DB {
	t.Helper()
	pool, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return pool
}

// foreignSQLite is the pool of a shop on modernc.org/sqlite, with its tables.
func foreignSQLite(t *testing.T) *bun.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.db")
	pool := openPool(t, "sqlite", "file:"+path+"?_txlock=immediate&_pragma=synchronous(off)")
	pool.SetMaxOpenConns(1)
	run(t, pool, foreignTables)
	return bun.NewDB(pool, sqlitedialect.New())
}

// foreignPostgres is the pool of a shop on pgx's stdlib package, with its
// tables and a time zone of its own.
func foreignPostgres(t *testing.T) *bun.DB {
	t.Helper()
	pool := openPool(t, "pgx", sqlstoretest.PostgresURL(t)+"&timezone=America/New_York")
	pool.SetMaxOpenConns(8)
	run(t, pool, foreignTables)
	return bun.NewDB(pool, pgdialect.New())
}

// foreignPgxPool is the pool of a shop on pgx alone, a pgxpool that keeps no prepared
// statements, as a *sql.DB.
func foreignPgxPool(t *testing.T) *bun.DB {
	t.Helper()
	config, err := pgxpool.ParseConfig(sqlstoretest.PostgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	db := stdlib.OpenDBFromPool(pool)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	run(t, db, foreignTables)
	return bun.NewDB(db, pgdialect.New())
}

// eachForeign runs fn on a foreign pool of each kind.
func eachForeign(t *testing.T, fn func(t *testing.T, pool *bun.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, foreignSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { fn(t, foreignPostgres(t)) })
}

func run(t *testing.T, pool *sql.DB, text string) {
	t.Helper()
	if _, err := pool.ExecContext(t.Context(), text); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

// handle is New over the pool, with the tables of all stores.
func handle(t *testing.T, pool *bun.DB, o sqlstore.Options) *sqlstore.DB {
	t.Helper()
	db, err := sqlstore.New(pool, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := sqlstore.Migrate(t.Context(), db, sets()...); err != nil {
		t.Fatal(err)
	}
	return db
}

// untouched checks that the foreign tables are as they were.
func untouched(t *testing.T, pool *bun.DB) {
	t.Helper()
	for _, table := range []string{"orders", "refunds", "returns", "terms"} {
		var all string
		var n int
		ctx := context.WithoutCancel(t.Context()) // it is called from a clean-up too
		err := pool.QueryRowContext(ctx, "SELECT max(name), count(*) FROM "+table).Scan(&all, &n)
		if err != nil || all != "theirs" || n != 1 {
			t.Errorf("the shop's own %s: %q in %d rows, %v", table, all, n, err)
		}
	}
}

// suites run those of all stores on handles that open gives, each empty.
func suites(t *testing.T, open func(testing.TB) *sqlstore.DB) {
	t.Helper()
	t.Run("orders", func(t *testing.T) {
		orderstest.TestStore(t, func(t *testing.T) orders.Store { return ordersdb.New(open(t)) })
	})
	t.Run("refunds", func(t *testing.T) {
		refundstest.TestStore(t, func(t *testing.T) refunds.Store { return refundsdb.New(open(t)) })
	})
	t.Run("returns", func(t *testing.T) {
		returnstest.TestStore(t, func(t *testing.T) returns.Store { return returnsdb.New(open(t)) })
	})
}

func TestStoresOnAPgxPoolUnderAPrefix(t *testing.T) {
	t.Parallel()
	pool := foreignPgxPool(t)
	db := handle(t, pool, sqlstore.Options{Prefix: "acme_"})
	suites(t, sqlstoretest.Emptied(t, db))
	untouched(t, pool)
}

func TestStoresOnAForeignSQLitePoolUnderAPrefix(t *testing.T) {
	t.Parallel()
	suites(t, func(tb testing.TB) *sqlstore.DB {
		t := tb.(*testing.T)
		pool := foreignSQLite(t)
		t.Cleanup(func() { untouched(t, pool) })
		return handle(t, pool, sqlstore.Options{Prefix: "acme_returns_"})
	})
}

func TestStoresOnAForeignPostgreSQLPoolInASchema(t *testing.T) {
	t.Parallel()
	pool := foreignPostgres(t)
	run(t, pool.DB, "CREATE SCHEMA kit")
	db := handle(t, pool, sqlstore.Options{Schema: "kit"})
	suites(t, sqlstoretest.Emptied(t, db))
	untouched(t, pool)
}

func TestSeveralPrefixesStandInOneDatabase(t *testing.T) {
	eachForeign(t, func(t *testing.T, pool *bun.DB) {
		long := strings.Repeat("p", 19) + "_"
		one, other := handle(t, pool, sqlstore.Options{}), handle(t, pool, sqlstore.Options{Prefix: long})
		_, err := one.Writer().ExecContext(t.Context(), "INSERT INTO ?(rk)returns_counters VALUES ('n', 7)")
		if err != nil {
			t.Fatal(err)
		}
		for db, want := range map[*sqlstore.DB]int{one: 1, other: 0} {
			n, err := db.Read().NewSelect().TableExpr("?(rk)returns_counters").Count(t.Context())
			if err != nil || int(n) != want {
				t.Errorf("%s has %d rows, %v; want %d", db.Table("returns_counters"), n, err, want)
			}
			if err := sqlstore.Check(t.Context(), db, sets()...); err != nil {
				t.Error(err)
			}
		}
		untouched(t, pool)
	})
}

// TestNoNameIsTooLongForAPrefix: PostgreSQL cuts names after 63 characters, and
// errors are known by the end of a constraint's name.
func TestNoNameIsTooLongForAPrefix(t *testing.T) {
	names := regexp.MustCompile(`\brk_\w+`)
	for _, set := range sets() {
		for _, files := range []fs.FS{set.Postgres, set.SQLite} {
			text, err := fs.ReadFile(files, "00001_"+set.Name+".sql")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names.FindAllString(string(text), -1) {
				if n := len(name) - len("rk_") + 20; n > 63 {
					t.Errorf("%s has %d characters under the longest prefix", name, n)
				}
			}
		}
	}
}
