package sqlstore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/returnkit/returnkit/orders/sqlstore"
)

func TestNewSaysWhatIsWrong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.db")
	lite := func(query string, conns int) *bun.DB {
		pool := openPool(t, "sqlite", "file:"+path+query)
		pool.SetMaxOpenConns(conns)
		return bun.NewDB(pool, sqlitedialect.New())
	}
	good := lite("?_txlock=immediate", 1)
	nowhere := bun.NewDB(openPool(t, "pgx", "postgres://127.0.0.1:1/none"), pgdialect.New())
	for name, tc := range map[string]struct {
		db   *bun.DB
		o    sqlstore.Options
		want string // "" for none
	}{
		"nothing wrong":               {good, sqlstore.Options{}, ""},
		"a prefix":                    {good, sqlstore.Options{Prefix: "acme_2_"}, ""},
		"a schema, not yet looked at": {nowhere, sqlstore.Options{Schema: "kit", Prefix: "x_"}, ""},
		"nil":                         {nil, sqlstore.Options{}, "the database is nil"},
		"a quote in the prefix": {
			good, sqlstore.Options{Prefix: `x"; DROP`}, `Options.Prefix is "x\"; DROP"; it must be 1 to 20`,
		},
		"an upper-case prefix":     {good, sqlstore.Options{Prefix: "Acme_"}, "Options.Prefix"},
		"a digit first":            {good, sqlstore.Options{Prefix: "1_"}, "not begin with a digit"},
		"a long prefix":            {good, sqlstore.Options{Prefix: strings.Repeat("p", 21)}, "1 to 20"},
		"a dot in the schema":      {nowhere, sqlstore.Options{Schema: "a.b"}, "Options.Schema"},
		"a long schema":            {nowhere, sqlstore.Options{Schema: strings.Repeat("s", 64)}, "1 to 63"},
		"a schema on SQLite":       {good, sqlstore.Options{Schema: "kit"}, "SQLite has no schemas; set Prefix"},
		"a reader of another kind": {good, sqlstore.Options{Reader: nowhere}, "Options.Reader"},
		"several connections": {
			lite("?_txlock=immediate", 4), sqlstore.Options{}, "has 4 connections (0 is no limit); it must have one",
		},
		"no limit": {
			lite("?_txlock=immediate", 0), sqlstore.Options{}, "it must have one: SetMaxOpenConns(1)",
		},
		"deferred": {lite("", 1), sqlstore.Options{}, "add _txlock=immediate"},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := sqlstore.New(tc.db, tc.o)
			if tc.want == "" && err != nil {
				t.Fatal(err)
			}
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || db != nil) {
				t.Errorf("got %v, want it to say %q", err, tc.want)
			}
		})
	}
}

func TestCloseLeavesAForeignPoolOpen(t *testing.T) {
	eachForeign(t, func(t *testing.T, pool *bun.DB) {
		if err := handle(t, pool, sqlstore.Options{}).Close(); err != nil {
			t.Fatal(err)
		}
		untouched(t, pool)
	})
}

func TestOpenMakesNothingOfWhatIsNeitherAURLNorAPath(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, address := range []string{
		"", "shop", "host=127.0.0.1 dbname=x user=postgres", "dbname=shop.db", "user=u password=hunter2 host=/tmp",
		"mysql://u:hunter2@h/d", "sqlite:///shop.db", "file:shop.db", "file:shop.db?mode=memory", ":memory:",
		"postgres:u@h/d", "localhost:5432",
	} {
		db, err := sqlstore.Open(t.Context(), address)
		if err == nil {
			_ = db.Close()
			t.Errorf("it opened %q", address)
		} else if !strings.Contains(err.Error(), "postgres://user:password@host/name") ||
			strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", address, err)
		}
	}
	if made, err := os.ReadDir(dir); err != nil || len(made) > 0 {
		t.Errorf("%v was made, %v", made, err)
	}
	for _, path := range []string{"shop.db", "./shop", filepath.Join(dir, "a.sqlite3")} {
		db, err := sqlstore.Open(t.Context(), path)
		if err != nil {
			t.Errorf("%q: %v", path, err)
			continue
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}
