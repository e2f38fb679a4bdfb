package sqldb

import "context"

// LockMigrations holds the lock that Migrate takes, as another process would.
func LockMigrations(ctx context.Context, db *DB) (release func(), err error) {
	pool, err := db.openMigration()
	if err != nil {
		return nil, err
	}
	_, unlock, err := db.lockMigration(ctx, pool)
	if err != nil {
		return nil, err
	}
	return func() { unlock(); _ = pool.Close() }, nil
}
