package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/resilience"
)

// migrationLock is the key of the advisory lock under which the table of the
// migration lock is made. Advisory locks belong to one database, so the number
// only has to differ from what others use in the same database.
const migrationLock int64 = 0x72657475726e6b69 // "returnki"

// lockLease is how long the migration lock is held without a word from its
// holder.
const lockLease = 15 * time.Second

// The lock is a row with an expiry, in the clock of the server. A lock of the
// session would be the connection's, which behind a pooler is another caller's
// a moment later. One that ends further ahead than a lease was taken before
// that clock was set back. LOCK is the name of its table.
const (
	makeLock = `CREATE TABLE IF NOT EXISTS LOCK (
		id INTEGER PRIMARY KEY CHECK (id = 1), token TEXT NOT NULL, lease_until TIMESTAMPTZ NOT NULL)`
	seedLock = `INSERT INTO LOCK (id, token, lease_until) VALUES (1, '', now())
		ON CONFLICT DO NOTHING`
	takeLock = `UPDATE LOCK SET token = $1, lease_until = clock_timestamp() + $2::float8 * interval '1 second'
		WHERE token = $1 OR token = '' OR lease_until < clock_timestamp()
			OR lease_until > clock_timestamp() + 2 * $2::float8 * interval '1 second'`
	renewLock = `UPDATE LOCK SET lease_until = clock_timestamp() + $2::float8 * interval '1 second'
		WHERE token = $1`
	freeLock = `UPDATE LOCK SET token = '', lease_until = clock_timestamp() WHERE token = $1`
)

// lockPostgres takes the migration lock and renews it until unlock is called.
// A process that dies while migrating holds the others up for a lease.
func (db *DB) lockPostgres(ctx context.Context, pool *sql.DB) (context.Context, func(), error) {
	if err := db.makeLockTable(ctx, pool); err != nil {
		return nil, nil, fmt.Errorf("make the migration lock: %w", err)
	}
	token := rand.Text()
	for attempt := 1; ; attempt++ {
		taken, err := db.changeLock(ctx, pool, takeLock, token, lockLease.Seconds())
		if err != nil {
			return nil, nil, fmt.Errorf("take the migration lock: %w", err)
		}
		if taken {
			break
		}
		if err := resilience.Sleep(ctx, sqldb.Retry.Wait(attempt-1)); err != nil {
			return nil, nil, fmt.Errorf("wait for the migration lock: %w", err)
		}
	}
	last := time.Now()
	held, stop := resilience.KeepLease(ctx, lockLease, func(ctx context.Context) (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, lockLease/3)
		defer cancel()
		ours, err := db.changeLock(ctx, pool, renewLock, token, lockLease.Seconds())
		switch {
		case err == nil && ours:
			last = time.Now()
		case time.Since(last) > lockLease:
			return false, nil // another process may have it
		}
		return ours, err
	})
	return held, func() {
		stop()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		// Where this fails, the lease expires.
		_, _ = db.changeLock(ctx, pool, freeLock, token)
	}, nil
}

// makeLockTable makes the table and its row, one process at a time: to make a
// table twice at once is an error also where it need not exist.
func (db *DB) makeLockTable(ctx context.Context, pool *sql.DB) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", migrationLock); err != nil {
		return err
	}
	for _, text := range []string{makeLock, seedLock} {
		if _, err := tx.ExecContext(ctx, db.lockText(text)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// changeLock reports whether the statement changed the row.
func (db *DB) changeLock(ctx context.Context, pool *sql.DB, statement string, args ...any) (bool, error) {
	return sqldb.ChangedOne(pool.ExecContext(ctx, db.lockText(statement), args...))
}

// lockText is a statement about the lock's table.
func (db *DB) lockText(statement string) string {
	return strings.ReplaceAll(statement, "LOCK", string(db.Table("migration_lock")))
}
