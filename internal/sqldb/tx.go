package sqldb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/uptrace/bun"
)

// ErrNested is returned by Tx when its context comes from inside another
// transaction. On SQLite, with its one writer, nesting would wait for itself
// for ever; on PostgreSQL it would commit half of a change.
var ErrNested = errors.New("sqldb: a transaction is already open in this context")

// ErrCommitUnknown is in the chain of an error of Tx whose commit was sent and
// not answered: the change may or may not be there. Tx never retries it; the
// caller finds out by reading, or relies on what it wrote being idempotent.
var ErrCommitUnknown = errors.New("sqldb: the outcome of the commit is unknown")

// inTx marks the context given to the function of a transaction. It carries no
// transaction and is only there to detect nesting.
type inTx struct{}

const (
	maxAttempts = 20
	minBackoff  = 2 * time.Millisecond
	maxBackoff  = 250 * time.Millisecond
)

// Tx runs fn in one transaction on the writer and commits it when fn returns
// nil. Any error of fn rolls back; it comes back wrapped with op, which names
// what was attempted ("returnsdb: create return"). A panic in fn rolls back
// and goes on.
//
// fn may run more than once: where the database refuses a transaction because
// of others (serialization failure, deadlock, SQLITE_BUSY) it was rolled back
// whole, and runs again after a short random wait, until ctx is done, some
// attempts have failed, or Config.RetryFor has passed; the error then wraps
// ErrBusy. So fn changes nothing outside the transaction but what it sets
// afresh each time. It uses tx and the context it is given, and calls no other
// store: Tx with that context is refused with ErrNested.
//
// A commit is retried only when the database answered that it rolled back.
// One that was cut off is reported with ErrCommitUnknown.
func (db *DB) Tx(ctx context.Context, op string, fn func(ctx context.Context, tx bun.Tx) error) error {
	if ctx.Value(inTx{}) != nil {
		return fmt.Errorf("%s: %w", op, ErrNested)
	}
	start := time.Now()
	for attempt := 1; ; attempt++ {
		err := db.once(ctx, fn)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ErrCommitUnknown), !isRetryable(err):
			return fmt.Errorf("%s: %w", op, err)
		case attempt == maxAttempts, time.Since(start) > db.retryFor:
			return fmt.Errorf("%s: %w after %d attempts: %w", op, ErrBusy, attempt, err)
		}
		if werr := wait(ctx, backoff(attempt)); werr != nil {
			return fmt.Errorf("%s: %w while waiting to retry: %w", op, werr, err)
		}
	}
}

// once makes one attempt.
func (db *DB) once(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	tx, err := db.Write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	done := false
	defer func() {
		// Reached with done false by a panic or by runtime.Goexit (t.FailNow).
		if !done {
			_ = tx.Rollback()
		}
	}()
	if err := fn(context.WithValue(ctx, inTx{}, true), tx); err != nil {
		done = true
		// The error of fn says what happened. A rollback fails only where
		// the connection is gone, and the database rolls back then.
		_ = tx.Rollback()
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("not committed: %w", err)
	}
	done = true
	if err := tx.Commit(); err != nil {
		if isDefinite(err) {
			return fmt.Errorf("commit: %w", err)
		}
		return fmt.Errorf("commit: %w: %w", ErrCommitUnknown, err)
	}
	return nil
}

// backoff returns how long to wait after a failed attempt, counted from one:
// a random time in a range that doubles.
func backoff(attempt int) time.Duration {
	top := maxBackoff
	if attempt < 8 {
		top = min(minBackoff<<attempt, maxBackoff)
	}
	return minBackoff + rand.N(top)
}

// wait waits for d, or returns the error of ctx when it is done before.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
