package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver named "sqlite"
)

func openSQLite(ctx context.Context, c Config) (*DB, error) {
	if strings.Contains(c.File, ":memory:") || strings.HasPrefix(c.File, "file:") {
		return nil, fmt.Errorf("sqldb: open %q: File must be the path of a file; memory databases and file: URIs are not supported", c.File)
	}
	path, err := filepath.Abs(c.File)
	if err != nil {
		return nil, fmt.Errorf("sqldb: open: %w", err)
	}

	writer, err := sql.Open("sqlite", sqliteDSN(path, c, false))
	if err != nil {
		return nil, fmt.Errorf("sqldb: open %s: %w", path, err)
	}
	oneConn(writer)
	// The first connection switches the file to WAL. Processes that start at
	// once may find it locked without SQLite waiting for it.
	err = retryBusy(ctx, c.BusyTimeout, func() error { return writer.PingContext(ctx) })
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sqldb: open %s: %w", path, err), writer.Close())
	}

	reader, err := sql.Open("sqlite", sqliteDSN(path, c, true))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sqldb: open %s: %w", path, err), writer.Close())
	}
	conns := c.MaxConns
	if conns <= 0 {
		conns = 8
	}
	reader.SetMaxOpenConns(conns)
	reader.SetMaxIdleConns(conns)
	if err := reader.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sqldb: open %s for reading: %w", path, err), reader.Close(), writer.Close())
	}

	return &DB{
		Write:    bun.NewDB(writer, newSQLiteDialect()),
		Read:     bun.NewDB(reader, newSQLiteDialect()),
		Dialect:  SQLite,
		Lane:     newLane(),
		retryFor: c.RetryFor,
		openMigration: func() (*sql.DB, error) {
			return sql.Open("sqlite", sqliteDSN(path, c, false))
		},
		lockMigration: func(ctx context.Context, _ *sql.DB) (context.Context, func(), error) {
			unlock, err := lockSQLite(ctx, path+".migrating")
			return ctx, unlock, err
		},
	}, nil
}

// oneConn keeps pool at one connection that is never dropped for its age.
func oneConn(pool *sql.DB) {
	pool.SetMaxOpenConns(1)
	pool.SetMaxIdleConns(1)
	pool.SetConnMaxLifetime(0)
	pool.SetConnMaxIdleTime(0)
}

// sqliteDSN names path in the way of the driver, with the settings each
// connection starts with.
func sqliteDSN(path string, c Config, readOnly bool) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive letter
	}
	q := url.Values{}
	q.Set("_busy_timeout", strconv.FormatInt(c.BusyTimeout.Milliseconds(), 10))
	q.Set("_foreign_keys", "on")
	if readOnly {
		q.Set("_query_only", "on")
	} else {
		q.Set("_txlock", "immediate")
		q.Set("_journal_mode", "WAL")
	}
	q.Set("_synchronous", "FULL")
	if c.FastUnsafe {
		q.Set("_synchronous", "OFF")
	}
	u := url.URL{Scheme: "file", Path: slashed, RawQuery: q.Encode()}
	return u.String()
}

// sqliteDialect is bun's dialect, save that it writes times as the integers
// the columns hold. Without it a plain time.Time in a condition would be
// compared as text with an integer, and never match.
type sqliteDialect struct{ *sqlitedialect.Dialect }

func newSQLiteDialect() sqliteDialect { return sqliteDialect{sqlitedialect.New()} }

func (sqliteDialect) AppendTime(b []byte, t time.Time) []byte {
	return appendMicros(b, t)
}

// appendMicros puts parentheses around a negative number, so that it can't
// form "--", the start of a comment, with a minus before it.
func appendMicros(b []byte, t time.Time) []byte {
	us := t.UnixMicro()
	if us >= 0 {
		return strconv.AppendInt(b, us, 10)
	}
	b = append(b, '(')
	b = strconv.AppendInt(b, us, 10)
	return append(b, ')')
}

// lockSQLite locks a small database next to the real one, until unlock is
// called or the process ends. The real one can't be it, because a migration
// needs transactions of its own. The file stays: to remove it while another
// process opens it would give each a lock of its own.
func lockSQLite(ctx context.Context, path string) (func(), error) {
	pool, err := sql.Open("sqlite", (&url.URL{
		Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(path), "/"),
		RawQuery: "_txlock=exclusive&_busy_timeout=100",
	}).String())
	if err != nil {
		return nil, err
	}
	oneConn(pool)
	var tx *sql.Tx
	err = retryBusy(ctx, 0, func() (err error) {
		tx, err = pool.BeginTx(context.WithoutCancel(ctx), nil)
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), pool.Close())
	}
	return func() {
		_ = tx.Rollback()
		_ = pool.Close()
	}, nil
}

// retryBusy runs fn until it ends otherwise than with SQLITE_BUSY, ctx is
// done, or limit has passed; zero means no limit.
func retryBusy(ctx context.Context, limit time.Duration, fn func() error) error {
	start := time.Now()
	for attempt := 1; ; attempt++ {
		err := fn()
		if err == nil || !isSQLiteBusy(err) || (limit > 0 && time.Since(start) > limit) {
			return err
		}
		if werr := wait(ctx, backoff(attempt)); werr != nil {
			return errors.Join(werr, err)
		}
	}
}
