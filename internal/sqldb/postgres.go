package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// migrationLock is the key of the advisory lock held while migrating. Advisory
// locks belong to one database, so the number only has to differ from what
// others use in the same database.
const migrationLock int64 = 0x72657475726e6b69 // "returnki"

// goneAfter is how long a server may leave what it was sent without any sign of
// having got it. One that computes for longer gives that sign.
const goneAfter = 10 * time.Second

func openPostgres(ctx context.Context, c Config) (*DB, error) {
	cfg, err := pgx.ParseConfig(c.URL)
	if err != nil {
		// The error of pgx blanks the password.
		return nil, fmt.Errorf("sqldb: open: %w", err)
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = c.ConnectTimeout
	}
	// A server that is gone without a word closes no connection. Statements on
	// one would wait for it for a quarter of an hour, also where another server
	// has taken over.
	dialer := &net.Dialer{
		Control:         endUnacknowledged(goneAfter),
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: goneAfter / 3, Interval: goneAfter / 3, Count: 2},
	}
	cfg.DialFunc = dialer.DialContext
	// bun writes values into the SQL, so every text is new: preparing and
	// caching statements would cost a round trip each and never hit.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.StatementCacheCapacity = 0
	cfg.DescriptionCacheCapacity = 0
	setting := func(name, value string) {
		if _, ok := cfg.RuntimeParams[name]; !ok {
			cfg.RuntimeParams[name] = value
		}
	}
	setting("application_name", "returnkit")
	migration := cfg.Copy()

	setting("statement_timeout", millis(c.StatementTimeout))
	setting("lock_timeout", millis(c.LockTimeout))
	setting("idle_in_transaction_session_timeout", millis(c.IdleInTxTimeout))
	for _, params := range []map[string]string{cfg.RuntimeParams, migration.RuntimeParams} {
		params["timezone"] = "UTC"
		// bun escapes for this setting; a server that has it off would read
		// a backslash in a text as the start of an escape.
		params["standard_conforming_strings"] = "on"
	}
	migration.RuntimeParams["statement_timeout"] = "0"
	migration.RuntimeParams["lock_timeout"] = "0"

	pool := stdlib.OpenDB(*cfg)
	conns := c.MaxConns
	if conns <= 0 {
		conns = 16
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	pool.SetConnMaxLifetime(c.ConnLifetime)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sqldb: open: %w", err), pool.Close())
	}
	b := bun.NewDB(pool, pgdialect.New())
	return &DB{
		Write: b, Read: b, Dialect: Postgres, Lane: newLane(), retryFor: c.RetryFor,
		openMigration: func() (*sql.DB, error) { return stdlib.OpenDB(*migration), nil },
		lockMigration: lockPostgres,
	}, nil
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// lockPostgres takes the advisory lock on a connection of its own. It ends
// with that connection, so a replica that dies while migrating blocks nobody.
func lockPostgres(ctx context.Context, pool *sql.DB) (func(), error) {
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
