package sqlstore_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// counters makes a table with the rows 1 and 2, each with n zero.
func counters(t *testing.T, db *sqlstore.DB) {
	t.Helper()
	exec(t, db, "CREATE TABLE counters (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)")
	exec(t, db, "INSERT INTO counters VALUES (1, 0), (2, 0)")
}

func exec(t *testing.T, db *sqlstore.DB, query string) {
	t.Helper()
	if _, err := db.Writer().ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

func value(t *testing.T, db *sqlstore.DB, id int) int {
	t.Helper()
	var n int
	if err := db.Reader().NewRaw("SELECT n FROM counters WHERE id = ?", id).Scan(t.Context(), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func add(ctx context.Context, tx bun.IDB, id int) error {
	_, err := tx.NewRaw("UPDATE counters SET n = n + 1 WHERE id = ?", id).Exec(ctx)
	return err
}

func TestTxCommitsOrRollsBackWhole(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		counters(t, db)
		err := db.Tx(t.Context(), "add", func(ctx context.Context, tx bun.IDB) error {
			return errors.Join(add(ctx, tx, 1), add(ctx, tx, 2))
		})
		if err != nil || value(t, db, 1) != 1 || value(t, db, 2) != 1 {
			t.Fatalf("after a commit: %v, %d, %d", err, value(t, db, 1), value(t, db, 2))
		}

		refused := errors.New("refused")
		err = db.Tx(t.Context(), "shop: add", func(ctx context.Context, tx bun.IDB) error {
			return errors.Join(add(ctx, tx, 1), refused)
		})
		if !errors.Is(err, refused) || !strings.HasPrefix(err.Error(), "shop: add: ") {
			t.Errorf("got %v, want the error of the function, after the operation", err)
		}
		if n := value(t, db, 1); n != 1 {
			t.Errorf("after a rollback the value is %d, want 1", n)
		}
	})
}

func TestTxPassesAPanicOnAndRollsBack(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		counters(t, db)
		func() {
			defer func() {
				if r := recover(); r != "boom" {
					t.Errorf("recovered %v, want the panic of the function", r)
				}
			}()
			_ = db.Tx(t.Context(), "add", func(ctx context.Context, tx bun.IDB) error {
				if err := add(ctx, tx, 1); err != nil {
					t.Error(err)
				}
				panic("boom")
			})
		}()
		// The one writer of SQLite must be free again for this to end.
		if err := db.Tx(t.Context(), "add", func(ctx context.Context, tx bun.IDB) error {
			return add(ctx, tx,
				2)
		}); err != nil {
			t.Fatal(err)
		}
		if n := value(t, db, 1); n != 0 {
			t.Errorf("the value is %d, want 0", n)
		}
	})
}

func TestNestingIsRefused(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		counters(t, db)
		err := db.Tx(t.Context(), "outer", func(ctx context.Context, tx bun.IDB) error {
			if err := add(ctx, tx, 1); err != nil {
				return err
			}
			return db.Tx(ctx, "inner", func(ctx context.Context, tx bun.IDB) error { return add(ctx, tx, 2) })
		})
		if !errors.Is(err, sqlstore.ErrNested) || value(t, db, 1) != 0 || value(t, db, 2) != 0 {
			t.Errorf(
				"got %v, values %d and %d; want ErrNested and nothing changed",
				err,
				value(t, db, 1),
				value(t, db, 2),
			)
		}
	})
}

// TestAStoreOnTheOpenTransactionIsPartOfIt: two stores change their rows in one
// transaction, where the one gives its transaction to the other.
func TestAStoreOnTheOpenTransactionIsPartOfIt(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		counters(t, db)
		both := func(fail error) error {
			return db.Tx(t.Context(), "outer", func(ctx context.Context, tx bun.IDB) error {
				if err := add(ctx, tx, 1); err != nil {
					return err
				}
				second := db.WithTx(tx)
				err := second.Tx(ctx, "inner", func(ctx context.Context, tx bun.IDB) error {
					if err := second.Tx(ctx, "in it", func(context.Context, bun.IDB) error { return nil }); !errors.Is(
						err, sqlstore.ErrNested) {
						t.Errorf("nested in the second store: %v", err)
					}
					return add(ctx, tx, 2)
				})
				return errors.Join(err, fail)
			})
		}
		own := errors.New("own")
		if err := both(own); !errors.Is(err, own) || value(t, db, 1) != 0 || value(t, db, 2) != 0 {
			t.Errorf("rolled back: %v, values %d and %d", err, value(t, db, 1), value(t, db, 2))
		}
		if err := both(nil); err != nil || value(t, db, 1) != 1 || value(t, db, 2) != 1 {
			t.Errorf("committed: %v, values %d and %d", err, value(t, db, 1), value(t, db, 2))
		}
		err := db.Tx(t.Context(), "outer", func(ctx context.Context, tx bun.IDB) error {
			if db.Dialect() == sqlstore.SQLite {
				return nil // it has one writer
			}
			own, err := db.Writer().BeginTx(t.Context(), nil)
			if err != nil {
				return err
			}
			defer func() { _ = own.Rollback() }()
			return db.WithTx(own).Tx(ctx, "another", func(context.Context, bun.IDB) error { return nil })
		})
		if db.Dialect() == sqlstore.Postgres && !errors.Is(err, sqlstore.ErrNested) {
			t.Errorf("a store on another transaction: %v", err)
		}
	})
}

func TestASerializationFailureIsRetried(t *testing.T) {
	db := sqlstoretest.Postgres(t)
	counters(t, db)
	attempts := 0
	err := db.Tx(t.Context(), "add", func(ctx context.Context, tx bun.IDB) error {
		attempts++
		if _, err := tx.ExecContext(ctx, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"); err != nil {
			return err
		}
		var n int
		if err := tx.NewRaw("SELECT n FROM counters WHERE id = 1").Scan(ctx, &n); err != nil {
			return err
		}
		if attempts < 3 { // somebody else is faster, twice
			exec(t, db, "UPDATE counters SET n = n + 10 WHERE id = 1")
		}
		return add(ctx, tx, 1)
	})
	if err != nil || attempts != 3 || value(t, db, 1) != 21 {
		t.Errorf("got %v after %d attempts, value %d; want success after 3, value 21", err, attempts, value(t, db, 1))
	}
}

func TestADeadlockIsRetried(t *testing.T) {
	db := sqlstoretest.Postgres(t)
	counters(t, db)
	// Each has its first row before either asks for the second.
	var met sync.WaitGroup
	met.Add(2)
	var both sync.WaitGroup
	for _, order := range [][2]int{{1, 2}, {2, 1}} {
		both.Go(func() {
			first := true
			err := db.Tx(t.Context(), "add", func(ctx context.Context, tx bun.IDB) error {
				if err := add(ctx, tx, order[0]); err != nil {
					return err
				}
				if first {
					first = false
					met.Done()
					met.Wait()
				}
				return add(ctx, tx, order[1])
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if value(t, db, 1) != 2 || value(t, db, 2) != 2 {
		t.Errorf("values %d and %d, want 2 and 2", value(t, db, 1), value(t, db, 2))
	}
}

func TestAnotherProcessThatWritesIsWaitedForAndThenReported(t *testing.T) {
	c := sqlstoretest.SQLiteConfig(t)
	c.BusyTimeout, c.Options.RetryFor = time.Millisecond, 30*time.Millisecond
	mine, theirs := sqlstoretest.Open(t, c), sqlstoretest.Open(t, c)
	counters(t, mine)

	holding, release := make(chan struct{}), make(chan struct{})
	var other sync.WaitGroup
	hold := func() {
		other.Go(func() {
			err := theirs.Tx(t.Context(), "hold", func(ctx context.Context, tx bun.IDB) error {
				holding <- struct{}{}
				<-release
				return add(ctx, tx, 1)
			})
			if err != nil {
				t.Error(err)
			}
		})
		<-holding
	}
	addOne := func(ctx context.Context) error {
		return mine.Tx(ctx, "add", func(ctx context.Context, tx bun.IDB) error { return add(ctx, tx, 1) })
	}

	hold()
	if err := addOne(t.Context()); !errors.Is(err, sqldb.ErrBusy) || !sqldb.IsBusy(err) {
		t.Errorf("got %v, want ErrBusy", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := addOne(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is done: %v", err)
	}
	release <- struct{}{}
	other.Wait()

	hold()
	released := make(chan struct{})
	go func() { defer close(released); release <- struct{}{} }()
	patient := c
	patient.Options.RetryFor = 20 * time.Second
	third := sqlstoretest.Open(t, patient)
	err := third.Tx(t.Context(), "add", func(ctx context.Context, tx bun.IDB) error { return add(ctx, tx, 1) })
	<-released
	other.Wait()
	if err != nil || value(t, mine, 1) != 3 {
		t.Errorf("got %v, value %d; want to have waited, value 3", err, value(t, mine, 1))
	}
}

func TestACommitWithoutAnAnswerIsReportedAndNotRetried(t *testing.T) {
	db := sqlstoretest.Postgres(t)
	counters(t, db)
	attempts := 0
	err := db.Tx(t.Context(), "add", func(ctx context.Context, tx bun.IDB) error {
		attempts++
		if err := add(ctx, tx, 1); err != nil {
			return err
		}
		var pid int
		if err := tx.NewRaw("SELECT pg_backend_pid()").Scan(ctx, &pid); err != nil {
			return err
		}
		var gone bool
		// The second argument waits until the connection is closed.
		return db.Reader().NewRaw("SELECT pg_terminate_backend(?, 5000)", pid).Scan(ctx, &gone)
	})
	if !errors.Is(err, sqlstore.ErrCommitUnknown) || attempts != 1 {
		t.Errorf("got %v after %d attempts; want ErrCommitUnknown after 1", err, attempts)
	}
}

func TestACommitTheDatabaseRefusesIsDefinite(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		exec(t, db, "CREATE TABLE parents (id INTEGER PRIMARY KEY)")
		exec(t, db, "CREATE TABLE children (id INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)")
		err := db.Tx(t.Context(), "orphan", func(ctx context.Context, tx bun.IDB) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO children VALUES (1)")
			return err
		})
		if err == nil || errors.Is(err, sqlstore.ErrCommitUnknown) {
			t.Errorf("got %v; want a refusal that is certain", err)
		}
		if err := db.Ping(t.Context()); err != nil { // the connection is clean
			t.Error(err)
		}
	})
}

func TestAFailedStatementThatWasPassedOverDoesNotCommit(t *testing.T) {
	db := sqlstoretest.Postgres(t)
	counters(t, db)
	err := db.Tx(t.Context(), "add", func(ctx context.Context, tx bun.IDB) error {
		if err := add(ctx, tx, 1); err != nil {
			return err
		}
		_, _ = tx.ExecContext(ctx, "INSERT INTO counters VALUES (1, 0)")
		return nil
	})
	if err == nil || errors.Is(err, sqlstore.ErrCommitUnknown) || value(t, db, 1) != 0 {
		t.Errorf("got %v, value %d; want an error and nothing changed, for certain", err, value(t, db, 1))
	}
}

func TestAContextThatEndsInsideRollsBack(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		counters(t, db)
		ctx, cancel := context.WithCancel(t.Context())
		err := db.Tx(ctx, "add", func(ctx context.Context, tx bun.IDB) error {
			defer cancel()
			return add(ctx, tx, 1)
		})
		if !errors.Is(err, context.Canceled) || errors.Is(err, sqlstore.ErrCommitUnknown) || value(t, db, 1) != 0 {
			t.Errorf("got %v, value %d; want nothing committed, for certain", err, value(t, db, 1))
		}
	})
}

func TestWritersDoNotLoseUpdates(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		counters(t, db)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				err := db.Tx(t.Context(), "add", func(ctx context.Context, tx bun.IDB) error {
					var rows []struct {
						ID int `bun:"id"`
						N  int `bun:"n"`
					}
					q := sqldb.ForUpdate(tx.NewSelect().Table("counters").Column("id", "n").Order("id"))
					if err := q.Scan(ctx, &rows); err != nil {
						return err
					}
					for _, r := range rows {
						if _, err := tx.NewRaw("UPDATE counters SET n = ? WHERE id = ?", r.N+1,
							r.ID).Exec(ctx); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if value(t, db, 1) != 20 || value(t, db, 2) != 20 {
			t.Errorf("values %d and %d, want 20 and 20", value(t, db, 1), value(t, db, 2))
		}
	})
}

func TestSkipLockedLeavesOutWhatOthersHave(t *testing.T) {
	db := sqlstoretest.Postgres(t)
	counters(t, db)
	pick := func(ctx context.Context, tx bun.IDB) (id int, err error) {
		err = sqldb.SkipLocked(tx.NewSelect().Table("counters").Column("id").Order("id").Limit(1)).Scan(ctx, &id)
		return id, err
	}
	err := db.Tx(t.Context(), "first", func(ctx context.Context, tx bun.IDB) error {
		if id, err := pick(ctx, tx); err != nil || id != 1 {
			t.Errorf("the first got %d, %v", id, err)
		}
		return db.Tx(t.Context(), "second", func(ctx context.Context, tx bun.IDB) error {
			if id, err := pick(ctx, tx); err != nil || id != 2 {
				t.Errorf("the second got %d, %v", id, err)
			}
			return nil
		})
	})
	if err != nil {
		t.Error(err)
	}
}
