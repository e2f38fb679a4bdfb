package sqlstore_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnsdb"
)

func TestWhatPrintWritesIsWhatMigrateDoes(t *testing.T) {
	for name, tc := range map[string]struct {
		pool func(t *testing.T) *bun.DB
		o    sqlstore.Options
	}{
		"sqlite":             {foreignSQLite, sqlstore.Options{}},
		"sqlite, a prefix":   {foreignSQLite, sqlstore.Options{Prefix: "acme_"}},
		"postgres":           {foreignPostgres, sqlstore.Options{}},
		"postgres, a schema": {foreignPostgres, sqlstore.Options{Schema: "kit", Prefix: "x_"}},
	} {
		t.Run(name, func(t *testing.T) {
			pool := tc.pool(t)
			pool.SetMaxOpenConns(1) // what it sets for the session would be seen
			db, err := sqlstore.New(pool, tc.o)
			if err != nil {
				t.Fatal(err)
			}
			if db.Dialect() == sqlstore.Postgres {
				run(t, pool.DB, "CREATE SCHEMA kit")
			}
			var text strings.Builder
			if err := sqlstore.Print(&text, db, sets()...); err != nil {
				t.Fatal(err)
			}
			run(t, pool.DB, text.String())
			untouched(t, pool)
			// Nothing is left to do, on a pool of one connection too.
			if err := sqlstore.Migrate(t.Context(), db, sets()...); err != nil {
				t.Error(err)
			}
			if err := sqlstore.Check(t.Context(), db, sets()...); err != nil {
				t.Fatal(err)
			}
			if err := sqlstore.Migrate(t.Context(), db, sets()...); err != nil {
				t.Errorf("Migrate after Print: %v", err)
			}
			n, err := db.Read().NewSelect().TableExpr("?(rk)returns_schema_version").Count(t.Context())
			if err != nil || n != 2 {
				t.Errorf("%d rows of versions, %v; want 0 and 1", n, err)
			}
			if _, err := returnsdb.New(db).Terms(t.Context(), ""); !errors.Is(err, returns.ErrNotFound) {
				t.Errorf("the terms of an empty database: %v", err)
			}
		})
	}
}

func TestCheckSaysWhatIsMissing(t *testing.T) {
	eachForeign(t, func(t *testing.T, pool *bun.DB) {
		db, err := sqlstore.New(pool, sqlstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		refused := func(words ...string) {
			t.Helper()
			err := sqlstore.Check(t.Context(), db, returnsdb.Migrations())
			if !errors.Is(err, sqlstore.ErrSchema) {
				t.Fatalf("got %v", err)
			}
			for _, w := range words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
		}
		refused("returns", "rk_returns_schema_version", "sqlstore.Migrate", "sqlstore.Print")
		if err := sqlstore.Migrate(t.Context(), db, returnsdb.Migrations()); err != nil {
			t.Fatal(err)
		}
		if err := sqlstore.Check(t.Context(), db, returnsdb.Migrations()); err != nil {
			t.Fatal(err)
		}
		run(t, pool.DB, "INSERT INTO rk_returns_schema_version (version_id, is_applied) VALUES (99, TRUE)")
		refused("at version 99", "needs 1")
		run(t, pool.DB, "DELETE FROM rk_returns_schema_version")
		refused("at version 0", "needs 1")
	})
}
