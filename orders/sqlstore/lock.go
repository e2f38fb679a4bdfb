package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// migrationLock is the key of the advisory lock held while migrating. Advisory
// locks belong to one database, so the number only has to differ from what
// others use in the same database.
const migrationLock int64 = 0x72657475726e6b69 // "returnki"

// lockPostgres takes the advisory lock on a connection of its own. It ends
// with that connection, so a replica that dies while migrating blocks nobody.
func lockPostgres(ctx context.Context, pool *sql.DB) (func(), error) {
	if pool.Stats().MaxOpenConnections == 1 {
		return nil, errors.New("the pool has one connection; it takes two connections, one of which holds the lock")
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", migrationLock); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		// A failure here is a broken connection, which released the lock; and
		// the caller closes the pool next, which releases it in any case.
		_, _ = conn.ExecContext(ctx, "SELECT pg_advisory_unlock($1)", migrationLock)
		_ = conn.Close()
	}, nil
}
