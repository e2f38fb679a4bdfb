package sqlstore

import (
	"context"

	"github.com/returnkit/returnkit/internal/batch"
)

// Scheduler has the turns of the calls on db.
func Scheduler(db *DB) *batch.Scheduler { return db.slots.s }

// LockMigrations holds the lock that Migrate takes, as another process would.
func LockMigrations(ctx context.Context, db *DB) (release func(), err error) {
	pool, done, err := db.migration()
	if err != nil {
		return nil, err
	}
	_, unlock, err := db.lock(ctx, pool)
	if err != nil {
		return nil, err
	}
	return func() { unlock(); _ = done() }, nil
}
