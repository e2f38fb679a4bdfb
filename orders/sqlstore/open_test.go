package sqlstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

func TestSQLiteStartsEachConnectionWithItsSettings(t *testing.T) {
	c := sqlstoretest.SQLiteConfig(t)
	c.FastUnsafe = false
	db := sqlstoretest.Open(t, c)
	for pool, b := range map[string]*bun.DB{"writer": db.Writer(), "reader": db.Reader()} {
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000",
		} {
			var got string
			if err := b.NewRaw("PRAGMA "+pragma).Scan(t.Context(), &got); err != nil || got != want {
				t.Errorf("%s: %s is %q (%v), want %q", pool, pragma, got, err, want)
			}
		}
	}
	if _, err := db.Reader().ExecContext(t.Context(), "CREATE TABLE x (id INTEGER)"); err == nil {
		t.Error("the pool of readers can write")
	}
}

func TestReadersOfSQLiteDoNotWaitForATransaction(t *testing.T) {
	db := sqlstoretest.SQLite(t)
	counters(t, db)
	err := db.Tx(t.Context(), "add", func(ctx context.Context, tx bun.IDB) error {
		if err := add(ctx, tx, 1); err != nil {
			return err
		}
		if n := value(t, db, 1); n != 0 {
			t.Errorf("a reader saw %d, what is not committed", n)
		}
		return nil
	})
	if err != nil || value(t, db, 1) != 1 {
		t.Errorf("after the commit: %v, %d", err, value(t, db, 1))
	}
}

func TestPostgresStartsEachTransactionWithItsSettings(t *testing.T) {
	c := sqlstoretest.PostgresConfig(t)
	c.StatementTimeout = 1234 * time.Millisecond
	c.URL += "&lock_timeout=77" // the URL wins
	db := sqlstoretest.Open(t, c)
	err := db.Tx(t.Context(), "settings", func(_ context.Context, tx bun.IDB) error {
		for name, want := range map[string]string{
			"statement_timeout": "1234ms", "lock_timeout": "77ms",
			"idle_in_transaction_session_timeout": "30s", "TimeZone": "UTC",
			"standard_conforming_strings": "on", "application_name": "returnkit",
		} {
			if got := show(t, tx, name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := show(t, db.Read(), "statement_timeout"); got != "0" {
		t.Errorf("the session has a timeout of %s", got)
	}
	if db.Reader() != db.Writer() {
		t.Error("PostgreSQL has two pools")
	}
}

func TestOpenRefusesWhatItCanNotOpenAndKeepsThePassword(t *testing.T) {
	for name, tc := range map[string]struct {
		c    sqlstore.Config
		want string
	}{
		"nothing":        {sqlstore.Config{}, "neither URL nor File"},
		"another scheme": {sqlstore.Config{URL: "mysql://u:hunter2@h/d"}, "must begin with postgres://"},
		"a broken URL":   {sqlstore.Config{URL: "postgres://u:hunter2@h:port/d"}, "open"},
		"a timeout of no unit": {
			sqlstore.Config{URL: "postgres://u:hunter2@127.0.0.1:1/d?lock_timeout=soon"}, "lock_timeout",
		},
		"nobody there": {sqlstore.Config{URL: "postgres://u:hunter2@127.0.0.1:1/d?connect_timeout=2"}, "open"},
		"memory":       {sqlstore.Config{File: ":memory:"}, "not supported"},
		"a URI":        {sqlstore.Config{File: "file:x.db"}, "not supported"},
		"a folder not there": {sqlstore.Config{File: t.TempDir() + "/none/x.db", BusyTimeout: time.Millisecond},
			"open"},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := sqlstore.OpenConfig(t.Context(), tc.c)
			if err == nil {
				_ = db.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %q, want it to say %q and no password", err, tc.want)
			}
		})
	}
}

func TestAFileWithAnOddNameIsOpened(t *testing.T) {
	c := sqlstore.Config{File: t.TempDir() + "/a b?c#d%20é'.db", FastUnsafe: true}
	counters(t, sqlstoretest.Open(t, c))
	if n := value(t, sqlstoretest.Open(t, c), 1); n != 0 {
		t.Error(n)
	}
}

func TestPingFailsOnceClosed(t *testing.T) {
	sqlstoretest.EachConfig(t, func(t *testing.T, c sqlstore.Config) {
		db := sqlstoretest.Open(t, c)
		if err := db.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if err := db.Ping(t.Context()); err == nil {
			t.Error("a closed database answers")
		}
	})
}
