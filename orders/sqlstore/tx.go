package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/resilience"
)

// ErrNested is returned by Tx when its context comes from inside another transaction.
// On SQLite, with its one writer, nesting would wait for itself forever; on PostgreSQL
// it would commit half of a change.
var ErrNested = errors.New("sqlstore: a transaction is already open in this context")

// ErrCommitUnknown is in the chain of an error of Tx whose commit was sent and
// not answered: the change may or may not be there. Tx never retries it; the
// caller finds out by reading, or relies on what it wrote being idempotent.
var ErrCommitUnknown = sqldb.ErrCommitUnknown

// ErrBusy is in the chain of an error of Tx that gave up because other work
// kept getting in the way. Nothing was changed; the caller may try later.
var ErrBusy = sqldb.ErrBusy

// inTx marks the context given to the function of a transaction. It is only
// there to detect nesting.
type inTx struct{}

// openTx is what the mark says: which handle opened which transaction.
type openTx struct {
	db *DB
	tx bun.IDB
}

// nested reports whether work of db in ctx would be a transaction inside of
// another one. It is none for a handle that WithTx made of the very transaction
// that is open.
func (db *DB) nested(ctx context.Context) bool {
	open, ok := ctx.Value(inTx{}).(openTx)
	return ok && (db == open.db || db.outer == nil || db.outer != open.tx)
}

const maxAttempts = 20

// Tx runs fn in one transaction on the writer and commits it when fn returns
// nil. Any error of fn rolls back; it comes back wrapped with op, which names
// what was attempted ("returnsdb: create return"). A panic in fn rolls back
// and continues.
//
// fn may run more than once: where the database refuses a transaction because
// of others (serialization failure, deadlock, SQLITE_BUSY) it was rolled back
// whole, and runs again after a short random wait, until ctx is done, some
// attempts have failed, or Options.RetryFor has passed; the error then wraps
// a busy error. So fn changes nothing outside the transaction but what it sets
// afresh each time. It uses tx and the context it is given, and calls no other
// store: Tx with that context is refused with ErrNested. The exception is a store
// on a handle that WithTx made of tx, whose work is a part of this transaction.
//
// A commit is retried only when the database answered that it rolled back.
// One that was cut off is reported with ErrCommitUnknown.
//
// On a handle made by WithTx, fn runs once in the caller's transaction, which
// the caller commits or rolls back. What fn wrote before an error is undone to a
// savepoint, so that a caller who continues all the same commits nothing of it.
func (db *DB) Tx(ctx context.Context, op string, fn func(ctx context.Context, tx bun.IDB) error) error {
	if db.nested(ctx) {
		return fmt.Errorf("%s: %w", op, ErrNested)
	}
	if db.outer != nil {
		if err := db.inner(ctx, fn); err != nil {
			return sqldb.Final(fmt.Errorf("%s: %w", op, err))
		}
		return nil
	}
	start := time.Now()
	for attempt := 1; ; attempt++ {
		err := db.once(ctx, fn)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ErrCommitUnknown), !sqldb.IsRetryable(err):
			return fmt.Errorf("%s: %w", op, err)
		case attempt == maxAttempts, time.Since(start) > db.retryFor:
			return fmt.Errorf("%s: %w after %d attempts: %w", op, ErrBusy, attempt, err)
		}
		if werr := resilience.Sleep(ctx, sqldb.Retry.Wait(attempt-1)); werr != nil {
			return fmt.Errorf("%s: %w while waiting to retry: %w", op, werr, err)
		}
	}
}

// once makes one attempt.
func (db *DB) once(ctx context.Context, fn func(ctx context.Context, tx bun.IDB) error) error {
	tx, err := db.writer.DB.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	db.tell(ctx, "BEGIN", nil)
	done := false
	defer func() {
		// Reached with done false by a panic or by runtime.Goexit (t.FailNow).
		if !done {
			_ = tx.Rollback()
		}
	}()
	in := sqldb.On(db.writer, tx)
	if err := fn(context.WithValue(ctx, inTx{}, openTx{db, in}), in); err != nil {
		done = true
		// The error of fn says what happened. A rollback fails only where
		// the connection is gone, and the database rolls back then.
		db.tell(ctx, "ROLLBACK", err)
		_ = tx.Rollback()
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("not committed: %w", err)
	}
	done = true
	err = tx.Commit()
	db.tell(ctx, "COMMIT", err)
	if err != nil {
		if sqldb.IsDefinite(err) {
			return fmt.Errorf("commit: %w", err)
		}
		return fmt.Errorf("commit: %w: %w", ErrCommitUnknown, err)
	}
	return nil
}

// inner runs fn in the caller's transaction, whole or not at all.
func (db *DB) inner(ctx context.Context, fn func(ctx context.Context, tx bun.IDB) error) (err error) {
	if db.misuse != nil {
		return db.misuse
	}
	if _, err := db.outer.ExecContext(ctx, "SAVEPOINT returnkit"); err != nil {
		return fmt.Errorf("begin in the caller's transaction: %w", err)
	}
	done := false
	defer func() {
		// Reached with done false by an error, a panic or runtime.Goexit. ctx
		// may be over, and the transaction not.
		if !done {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			_, undone := db.outer.ExecContext(ctx, "ROLLBACK TO SAVEPOINT returnkit; RELEASE SAVEPOINT returnkit")
			if undone != nil && err != nil {
				err = fmt.Errorf("%w; and it can't be undone, so roll back the transaction: %w", err, undone)
			}
		}
	}()
	if err := fn(context.WithValue(ctx, inTx{}, openTx{db, db.outer}), db.outer); err != nil {
		return err
	}
	if _, err := db.outer.ExecContext(ctx, "RELEASE SAVEPOINT returnkit"); err != nil {
		return fmt.Errorf("end in the caller's transaction: %w", err)
	}
	done = true
	return nil
}

// WithTx returns a handle whose stores work in the caller's transaction: a
// bun.Tx, an *sql.Tx, or what Tx gives its function, on the database of db. What they write commits or rolls
// back with the caller's own rows, and what they read is read through it. They
// batch nothing and retry nothing: a caller whose transaction the database
// refuses because of others runs the whole of it again. A call that fails leaves
// nothing behind, and the transaction usable.
//
// The handle is of no use after the transaction, and the caller's transaction
// must not be used by another goroutine meanwhile. Anything that is no
// transaction, such as the pool itself, is refused by every call that writes.
func (db *DB) WithTx(tx bun.IConn) *DB {
	inner := *db
	switch t := tx.(type) {
	case bun.Tx:
		tx = t.Tx // bun's own would look for arguments in the finished text
	case *bun.Tx:
		tx = t.Tx
	case bun.Conn:
		tx = t.Conn
	case nil, *sql.DB, *bun.DB:
		tx = db.writer.DB
		inner.misuse = fmt.Errorf("sqlstore: WithTx was given %T; it must be a transaction, such as bun.Tx or "+
			"*sql.Tx", t)
	}
	inner.outer = sqldb.On(db.writer, tx)
	return &inner
}
