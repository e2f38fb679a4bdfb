// Package sqlite makes SQLite known to sqlstore.Open, through the driver
// modernc.org/sqlite, which needs no C compiler. Import it for its effect:
//
//	import _ "github.com/returnkit/returnkit/orders/sqlstore/sqlite"
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	_ "modernc.org/sqlite" // the driver named "sqlite"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

func init() { sqlstore.Register(sqlstore.SQLite, open) }

func open(ctx context.Context, c sqlstore.Config) (sqlstore.Pools, error) {
	if strings.Contains(c.File, ":memory:") || strings.HasPrefix(c.File, "file:") {
		return sqlstore.Pools{}, fmt.Errorf(
			"%q: File must be the path of a file; memory databases and file: URIs are not supported", c.File)
	}
	path, err := filepath.Abs(c.File)
	if err != nil {
		return sqlstore.Pools{}, err
	}
	writer, err := sql.Open("sqlite", address(path, c, false))
	if err != nil {
		return sqlstore.Pools{}, fmt.Errorf("%s: %w", path, err)
	}
	oneConn(writer)
	// The first connection switches the file to WAL. Processes that start at
	// once may find it locked without SQLite waiting for it.
	err = sqldb.RetryBusy(ctx, c.BusyTimeout, func() error { return writer.PingContext(ctx) })
	if err != nil {
		return sqlstore.Pools{}, errors.Join(fmt.Errorf("%s: %w", path, err), writer.Close())
	}
	reader, err := sql.Open("sqlite", address(path, c, true))
	if err != nil {
		return sqlstore.Pools{}, errors.Join(fmt.Errorf("%s: %w", path, err), writer.Close())
	}
	conns := c.MaxConns
	if conns <= 0 {
		conns = 8
	}
	reader.SetMaxOpenConns(conns)
	reader.SetMaxIdleConns(conns)
	if err := reader.PingContext(ctx); err != nil {
		return sqlstore.Pools{}, errors.Join(
			fmt.Errorf("%s for reading: %w", path, err),
			reader.Close(),
			writer.Close(),
		)
	}
	return sqlstore.Pools{
		Writer: writer, Reader: reader,
		Migration: func() (*sql.DB, error) { return sql.Open("sqlite", address(path, c, false)) },
	}, nil
}

// oneConn keeps pool at one connection that is never dropped for its age.
func oneConn(pool *sql.DB) {
	pool.SetMaxOpenConns(1)
	pool.SetMaxIdleConns(1)
	pool.SetConnMaxLifetime(0)
	pool.SetConnMaxIdleTime(0)
}

// address names path in the way of the driver, with the settings each
// connection starts with.
func address(path string, c sqlstore.Config, readOnly bool) string {
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
