package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// show reads a setting of the server.
func show(t *testing.T, db bun.IDB, name string) string {
	t.Helper()
	var got string
	if err := db.NewRaw("SHOW "+name).Scan(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestBehindAPoolerInTransactionModeAllWorks(t *testing.T) {
	c := sqlstoretest.PostgresConfig(t)
	direct := c.URL
	c.URL = sqlstoretest.PooledURL(t, direct)
	c.StatementTimeout, c.LockTimeout = 1234*time.Millisecond, 77*time.Millisecond
	set := sqlstore.Migrations{Name: "pooled", Postgres: fstest.MapFS{"00001_t.sql": {Data: []byte(
		"CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT NOT NULL);\nINSERT INTO t VALUES (1, 0);\n")}}}

	// Processes that start at once migrate once, over the pooler.
	var dbs []*sqlstore.DB
	for range 4 {
		dbs = append(dbs, sqlstoretest.Open(t, c))
	}
	var group sync.WaitGroup
	for _, db := range dbs {
		group.Go(func() {
			if err := sqlstore.Migrate(t.Context(), db, set); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()

	// Each transaction has its limits, whatever connection it meets, and leaves
	// none of them behind.
	for _, db := range dbs {
		for range 25 {
			group.Go(func() {
				err := db.Tx(t.Context(), "add", func(ctx context.Context, tx bun.IDB) error {
					for name, want := range map[string]string{
						"statement_timeout": "1234ms", "lock_timeout": "77ms",
						"idle_in_transaction_session_timeout": "30s", "TimeZone": "UTC",
					} {
						if got := show(t, tx, name); got != want {
							return fmt.Errorf("%s is %s, want %s", name, got, want)
						}
					}
					_, err := tx.ExecContext(ctx, "SELECT n FROM t WHERE id = 1")
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		for _, name := range []string{"statement_timeout", "lock_timeout"} {
			if got := show(t, db.Read(), name); got != "0" {
				t.Errorf("%s of the session is %s: it was left behind", name, got)
			}
		}
	}
	// Several statements in one round trip, arguments, and many rows.
	db := dbs[0]
	err := db.Tx(t.Context(), "several", func(ctx context.Context, tx bun.IDB) error {
		return sqldb.Pipeline(ctx, tx, func(w bun.IDB) error {
			for range 3 {
				if _, err := w.NewRaw("UPDATE t SET n = n + ? WHERE id = ?", 1, 1).Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	})
	var one int
	readErr := db.Read().NewRaw("SELECT n FROM t WHERE id = 1").Scan(t.Context(), &one)
	if err != nil || readErr != nil || one != 3 {
		t.Errorf("%v, %v, %d", err, readErr, one)
	}
	var many []int
	err = db.Read().NewRaw("SELECT * FROM generate_series(1, 5000)").Scan(t.Context(), &many)
	if err != nil || len(many) != 5000 {
		t.Errorf("%d rows, %v", len(many), err)
	}
	if err := db.Reader().DB.QueryRowContext(t.Context(), "SELECT $1::int", 7).Scan(&one); err != nil || one != 7 {
		t.Errorf("an argument: %d, %v", one, err)
	}

	// And over a direct connection, where one is named.
	c.MigrationURL = direct
	if err := sqlstore.Migrate(t.Context(), sqlstoretest.Open(t, c), set); err != nil {
		t.Errorf("over MigrationURL: %v", err)
	}
}

func TestAStatementOutsideOfATransactionHasALimitToo(t *testing.T) {
	c := sqlstoretest.PostgresConfig(t)
	c.StatementTimeout = 100 * time.Millisecond
	db := sqlstoretest.Open(t, c)
	begun := time.Now()
	for range 3 { // each ends its connection; the next one works
		_, err := db.Read().ExecContext(t.Context(), "SELECT pg_sleep(60)")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of its time", err)
		}
		if err := db.Ping(t.Context()); err != nil {
			t.Errorf("after it: %v", err)
		}
	}
	err := db.Tx(t.Context(), "sleep", func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.ExecContext(ctx, "SELECT pg_sleep(60)")
		return err
	})
	if !sqldb.IsUnavailable(err) || time.Since(begun) > 30*time.Second {
		t.Errorf("in a transaction: %v", err)
	}
}

func TestIsolationIsThatWhichIsAskedFor(t *testing.T) {
	db := sqlstoretest.Postgres(t)
	for level, want := range map[sql.IsolationLevel]string{
		sql.LevelDefault: "read committed", sql.LevelReadUncommitted: "read uncommitted",
		sql.LevelReadCommitted: "read committed", sql.LevelRepeatableRead: "repeatable read",
		sql.LevelSnapshot: "repeatable read", sql.LevelSerializable: "serializable",
	} {
		tx, err := db.Writer().BeginTx(t.Context(), &sql.TxOptions{Isolation: level, ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := show(t, tx, "transaction_isolation"); got != want {
			t.Errorf("%v is %s, want %s", level, got, want)
		}
		if got := show(t, tx, "transaction_read_only"); got != "on" {
			t.Errorf("%v: read-only is %s", level, got)
		}
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
	if _, err := db.Writer().BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelLinearizable}); err == nil {
		t.Error("an isolation level that PostgreSQL has not was taken")
	}
}

func TestTheMigrationLockOfAProcessThatDiedIsTakenOver(t *testing.T) {
	db := sqlstoretest.Postgres(t)
	// Each migration has something to do: one that finds all done takes no lock.
	table := func(name string) sqlstore.Migrations { return set(name, "CREATE TABLE "+name+" (id INTEGER);") }
	if err := sqlstore.Migrate(t.Context(), db, table("zero")); err != nil { // makes the row
		t.Fatal(err)
	}
	const update = "UPDATE rk_migration_lock SET token = 'other', lease_until = "
	for _, row := range []struct{ name, until, set string }{
		{"its lease has ended", "now() - interval '1 second'", "one"},
		{"its lease is from before the clock was turned", "now() + interval '1 hour'", "two"},
	} {
		if _, err := db.Writer().ExecContext(t.Context(), update+row.until); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := sqlstore.Migrate(ctx, db, table(row.set)); err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		cancel()
	}
	if _, err := db.Writer().ExecContext(t.Context(), update+"now() + interval '10 seconds'"); err != nil {
		t.Fatal(err)
	}
	if err := sqlstore.Migrate(t.Context(), db, table("one"), table("two")); err != nil {
		t.Errorf("beside a process that migrates, where all is done: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := sqlstore.Migrate(ctx, db, table("three")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("beside a process that migrates: %v", err)
	}
}
