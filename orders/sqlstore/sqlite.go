package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/returnkit/returnkit/internal/sqldb"
)

// sqliteDialect is bun's dialect, save that it writes times as the integers
// the columns hold. Without it a plain time.Time in a condition would be
// compared as text with an integer, and never match.
type sqliteDialect struct{ *sqlitedialect.Dialect }

func newSQLiteDialect() sqliteDialect { return sqliteDialect{sqlitedialect.New()} }

func (sqliteDialect) AppendTime(b []byte, t time.Time) []byte {
	return sqldb.AppendMicros(b, t)
}

// checkSQLite refuses a pool in which two transactions could meet.
func checkSQLite(pool *sql.DB) error {
	if n := pool.Stats().MaxOpenConnections; n != 1 {
		return fmt.Errorf("the SQLite pool has %d connections (0 is no limit); it must have one: SetMaxOpenConns(1)", n)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("look how the SQLite pool begins a transaction: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	file, err := sqliteFile(ctx, tx)
	if err != nil {
		return err
	}
	if file == "" {
		return nil // a memory database is one connection, and nobody else's
	}
	other := sql.OpenDB(connector{pool.Driver(), sqliteURL(file, "_busy_timeout=0&_pragma=busy_timeout(0)")})
	defer func() { _ = other.Close() }()
	conn, err := other.Conn(ctx)
	if err != nil {
		return fmt.Errorf("look how the SQLite pool begins a transaction: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err == nil {
		_, _ = conn.ExecContext(ctx, "ROLLBACK")
		return errors.New("the SQLite pool begins its transactions deferred; add _txlock=immediate to its address, " +
			"so that two writers wait for each other instead of failing")
	}
	return nil
}

// sqliteFile returns the path of the main database, "" for one in memory.
func sqliteFile(ctx context.Context, q interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}) (string, error) {
	var file string
	err := q.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file)
	if err != nil {
		return "", fmt.Errorf("find the file of the SQLite database: %w", err)
	}
	return file, nil
}

// connector opens connections with a driver that a pool of the caller's has.
type connector struct {
	driver driver.Driver
	name   string
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.name) }
func (c connector) Driver() driver.Driver                        { return c.driver }

func sqliteURL(path, query string) string {
	u := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(path), "/"), RawQuery: query}
	return u.String()
}

// lockSQLite locks a small database next to the real one, until unlock is
// called or the process ends. The real one can't be it, because a migration
// needs transactions of its own. The file stays: to remove it while another
// process opens it would give each a lock of its own.
func lockSQLite(ctx context.Context, pool *sql.DB) (func(), error) {
	file, err := sqliteFile(ctx, pool)
	if err != nil || file == "" {
		return func() {}, err
	}
	path := file + ".migrating"
	locks := sql.OpenDB(connector{pool.Driver(), sqliteURL(path, "_txlock=exclusive&_busy_timeout=100")})
	locks.SetMaxOpenConns(1)
	var conn *sql.Conn
	err = sqldb.RetryBusy(ctx, 0, func() (err error) {
		if conn == nil {
			if conn, err = locks.Conn(ctx); err != nil {
				return err
			}
		}
		_, err = conn.ExecContext(ctx, "BEGIN EXCLUSIVE")
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), locks.Close())
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_, _ = conn.ExecContext(ctx, "ROLLBACK")
		_ = conn.Close()
		_ = locks.Close()
	}, nil
}
