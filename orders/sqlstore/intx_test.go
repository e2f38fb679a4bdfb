package sqlstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

// marks is a table of texts on a foreign pool.
func marks(t *testing.T, pool *bun.DB) *sqlstore.DB {
	t.Helper()
	db, err := sqlstore.New(pool, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	run(t, pool.DB, "CREATE TABLE rk_marks (id INTEGER PRIMARY KEY, note TEXT NOT NULL)")
	return db
}

type mark struct {
	bun.BaseModel `bun:"table:?(rk)marks,alias:m"`

	ID   int    `bun:"id,pk"`
	Note string `bun:"note"`
}

func insert(ctx context.Context, tx bun.IDB, id int) error {
	_, err := tx.NewInsert().Model(&mark{ID: id, Note: "new"}).Returning("NULL").Exec(ctx)
	return err
}

// inserts is insert for a transaction.
func inserts(id int) func(context.Context, bun.IDB) error {
	return func(ctx context.Context, tx bun.IDB) error { return insert(ctx, tx, id) }
}

// count is how many marks there are on the pool, by a statement of the caller's.
func count(t *testing.T, pool *bun.DB) (n int) {
	t.Helper()
	if err := pool.DB.QueryRowContext(t.Context(), "SELECT count(*) FROM rk_marks").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// eachTx begins a transaction of the caller's, in each way there is.
func eachTx(t *testing.T, pool *bun.DB, fn func(t *testing.T, tx bun.IConn, rollback func() error)) {
	t.Helper()
	begin := func(t *testing.T) bun.Tx {
		t.Helper()
		tx, err := pool.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tx.Rollback() })
		return tx
	}
	t.Run("bun.Tx", func(t *testing.T) { tx := begin(t); fn(t, tx, tx.Rollback) })
	t.Run("pointer to bun.Tx", func(t *testing.T) { tx := begin(t); fn(t, &tx, tx.Rollback) })
	t.Run("sql.Tx", func(t *testing.T) { tx := begin(t); fn(t, tx.Tx, tx.Rollback) })
}

func TestAStoreInTheCallersTransactionCommitsAndRollsBackWithIt(t *testing.T) {
	eachForeign(t, func(t *testing.T, pool *bun.DB) {
		db := marks(t, pool)
		next := 0
		eachTx(t, pool, func(t *testing.T, tx bun.IConn, rollback func() error) {
			next++
			inner := db.WithTx(tx)
			if !inner.InTx() || db.InTx() || inner.Slots() != nil {
				t.Error("the handle does not say that it is in a transaction")
			}
			err := inner.Tx(t.Context(), "test", inserts(next))
			if err != nil {
				t.Fatal(err)
			}
			n, err := inner.Read().NewSelect().Model((*mark)(nil)).Count(t.Context())
			if err != nil || int(n) != next {
				t.Errorf("it reads %d rows, %v; want %d", n, err, next)
			}
			if err := inner.Tx(t.Context(), "test", func(ctx context.Context, _ bun.IDB) error {
				return inner.Tx(ctx, "inside", func(context.Context, bun.IDB) error { return nil })
			}); !errors.Is(err, sqlstore.ErrNested) {
				t.Errorf("nested: %v", err)
			}
			if err := rollback(); err != nil {
				t.Fatal(err)
			}
			if n := count(t, pool); n != next-1 {
				t.Errorf("%d rows after a rollback", n)
			}
			own, err := pool.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			err = db.WithTx(own).Tx(t.Context(), "test", inserts(next))
			if err != nil || own.Commit() != nil || count(t, pool) != next {
				t.Errorf("after the commit: %v, %d rows", err, count(t, pool))
			}
		})
	})
}

// TestWhatFailsInTheCallersTransactionLeavesNothing: not even where the caller
// passes the error over and commits. It runs once.
func TestWhatFailsInTheCallersTransactionLeavesNothing(t *testing.T) {
	own := errors.New("own")
	for name, fail := range map[string]func(context.Context, context.CancelFunc, bun.IDB) error{
		"an error":    func(context.Context, context.CancelFunc, bun.IDB) error { return own },
		"a key twice": func(ctx context.Context, _ context.CancelFunc, tx bun.IDB) error { return insert(ctx, tx, 1) },
		"a panic":     func(context.Context, context.CancelFunc, bun.IDB) error { panic(own) },
		"half a pipeline": func(ctx context.Context, _ context.CancelFunc, tx bun.IDB) error {
			return sqldb.Pipeline(ctx, tx, func(w bun.IDB) error {
				return errors.Join(insert(ctx, w, 8), insert(ctx, w, 1))
			})
		},
		"a context that ended": func(ctx context.Context, cancel context.CancelFunc, _ bun.IDB) error {
			cancel()
			return ctx.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachForeign(t, func(t *testing.T, pool *bun.DB) {
				db := marks(t, pool)
				tx, err := pool.BeginTx(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = tx.Rollback() }()
				_, err = tx.Tx.ExecContext(t.Context(), "INSERT INTO rk_marks VALUES (1, 'the caller''s')")
				if err != nil {
					t.Fatal(err)
				}
				runs := 0
				func() {
					defer func() { _ = recover() }()
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					err = own
					err = db.WithTx(tx).Tx(ctx, "test", func(ctx context.Context, tx bun.IDB) error {
						runs++
						return errors.Join(insert(ctx, tx, 2), fail(ctx, cancel, tx))
					})
				}()
				if err == nil || runs != 1 {
					t.Fatalf("got %v after %d runs", err, runs)
				}
				if err := tx.Commit(); err != nil {
					t.Fatalf("the caller's transaction can't be used: %v", err)
				}
				if n := count(t, pool); n != 1 {
					t.Errorf("%d rows, want the caller's alone", n)
				}
			})
		})
	}
}

func TestAPoolIsNoTransaction(t *testing.T) {
	eachForeign(t, func(t *testing.T, pool *bun.DB) {
		db := marks(t, pool)
		for name, tx := range map[string]bun.IConn{"nil": nil, "bun.DB": pool, "sql.DB": pool.DB} {
			err := db.WithTx(tx).Tx(t.Context(), "test", inserts(1))
			if err == nil || !strings.Contains(err.Error(), "it must be a transaction") || count(t, pool) != 0 {
				t.Errorf("%s: %v", name, err)
			}
		}
		tx, err := pool.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		if err := sqlstore.Migrate(t.Context(), db.WithTx(tx), sets()...); err == nil {
			t.Error("it migrates in a transaction of the caller's")
		}
	})
}

// TestTextsWithQuestionMarksComeBackUnchanged: bun replaces them in the text of
// a statement, and must not in a value, in whichever way it is sent.
func TestTextsWithQuestionMarksComeBackUnchanged(t *testing.T) {
	odd := []string{
		`what?(rk)x \? ?0 ?name`, `?`, `'?'' \' ?(rk)marks`, `"?(rk)marks" $1 -- ?`, "?TableName ?PKs \\\\?",
	}
	eachForeign(t, func(t *testing.T, pool *bun.DB) {
		db := marks(t, pool)
		for i, text := range odd {
			for name, write := range writes(db, text) {
				run(t, pool.DB, "DELETE FROM rk_marks; INSERT INTO rk_marks VALUES (1, 'old')")
				if err := write(t.Context()); err != nil {
					t.Errorf("%s of %q: %v", name, text, err)
				}
				var stored string
				err := pool.DB.QueryRowContext(t.Context(), "SELECT max(note) FROM rk_marks WHERE id = 1").Scan(&stored)
				if err != nil || stored != text {
					t.Errorf("%s of text %d: stored %q, want %q (%v)", name, i, stored, text, err)
				}
				var m mark
				err = db.Read().NewSelect().Model(&m).Where("m.note = ?", text).
					Where("m.id IN (?)", bun.List([]int{1})).Scan(t.Context())
				if err != nil || m.Note != text {
					t.Errorf("%s of text %d: read %q by itself, %v", name, i, m.Note, err)
				}
			}
		}
	})
}

// writes are the kinds of statements that write text to the row 1.
func writes(db *sqlstore.DB, text string) map[string]func(context.Context) error {
	kinds := map[string]func(context.Context, bun.IDB) error{
		"upsert": func(ctx context.Context, tx bun.IDB) error {
			return sqldb.Upsert(ctx, tx, "id", []mark{{ID: 1, Note: text}}, "note")
		},
		"update of a model": func(ctx context.Context, tx bun.IDB) error {
			_, err := tx.NewUpdate().Model(&mark{ID: 1, Note: text}).WherePK().Exec(ctx)
			return err
		},
		"update": func(ctx context.Context, tx bun.IDB) error {
			_, err := tx.NewUpdate().TableExpr("?(rk)marks").Set("note = ?", text).Where("note <> ?", text).Exec(ctx)
			return err
		},
		"delete and insert": func(ctx context.Context, tx bun.IDB) error {
			_, err := tx.NewDelete().Model((*mark)(nil)).Where("note <> ?", text).Exec(ctx)
			return errors.Join(err, sqldb.Insert(ctx, tx, []mark{{ID: 1, Note: text}}))
		},
		"plain": func(ctx context.Context, tx bun.IDB) error {
			_, err := tx.ExecContext(ctx, "UPDATE ?(rk)marks SET note = ? WHERE id = ?", text, 1)
			return err
		},
	}
	all := map[string]func(context.Context) error{"raw, answered": func(ctx context.Context) error {
		var back string
		return db.Tx(ctx, "test", func(ctx context.Context, tx bun.IDB) error {
			err := tx.NewRaw("UPDATE ?(rk)marks SET note = ? RETURNING note", text).Scan(ctx, &back)
			if err == nil && back != text {
				err = errors.New("answered " + back)
			}
			return err
		})
	}}
	for name, write := range kinds {
		piped := func(ctx context.Context, tx bun.IDB) error {
			return sqldb.Pipeline(ctx, tx, func(w bun.IDB) error { return write(ctx, w) })
		}
		all[name] = func(ctx context.Context) error { return db.Tx(ctx, "test", write) }
		all[name+" in a pipeline"] = func(ctx context.Context) error { return db.Tx(ctx, "test", piped) }
		all[name+" in the caller's transaction"] = func(ctx context.Context) error { return inCallers(ctx, db, write) }
		all[name+" in a pipeline of the caller's"] = func(ctx context.Context) error {
			return inCallers(ctx, db, piped)
		}
	}
	return all
}

// inCallers runs fn in a transaction of the caller's and commits it.
func inCallers(ctx context.Context, db *sqlstore.DB, fn func(context.Context, bun.IDB) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute) // on the one connection a mistake waits
	defer cancel()
	tx, err := db.Writer().DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := db.WithTx(tx).Tx(ctx, "test", fn); err != nil {
		return err
	}
	return tx.Commit()
}
