package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// Config says what OpenConfig opens. Either URL or File must be set; every
// other zero value means the default named in its comment.
type Config struct {
	// URL is postgres://... or postgresql://... and wins over File. Settings
	// in its query string (statement_timeout and the like) win over the
	// fields below.
	URL string

	// MigrationURL is a direct connection to the same database, for migrations,
	// where URL leads to a pooler. Empty means URL, which works too.
	MigrationURL string

	// File is the path of a SQLite database, made when absent; its directory
	// must exist. Memory databases are refused, because the pool of readers
	// could not see them.
	File string

	// Options are handed to New; Reader is not used.
	Options Options

	// MaxConns is the size of the PostgreSQL pool, or of the SQLite pool of
	// readers (which has one writer more). Default 16 on PostgreSQL, 8 on SQLite.
	MaxConns int

	// ConnLifetime closes PostgreSQL connections of that age, so that a
	// fail-over is noticed. Default 30 minutes.
	ConnLifetime time.Duration

	// ConnectTimeout limits one attempt to connect. Default 5 s.
	ConnectTimeout time.Duration

	// StatementTimeout, LockTimeout and IdleInTxTimeout are the PostgreSQL
	// settings statement_timeout, lock_timeout and
	// idle_in_transaction_session_timeout of each transaction, sent with its
	// BEGIN. A statement outside of a transaction is ended by its context after
	// StatementTimeout. Defaults 30 s, 10 s, 30 s.
	StatementTimeout time.Duration
	LockTimeout      time.Duration
	IdleInTxTimeout  time.Duration

	// BusyTimeout is how long SQLite waits for another process that writes.
	// Default 5 s.
	BusyTimeout time.Duration

	// FastUnsafe turns off the flush to disk at each SQLite commit. A crash of
	// the machine may then lose or damage data: it is for tests alone.
	FastUnsafe bool
}

func (c Config) withDefaults() Config {
	c.ConnLifetime = cmp.Or(c.ConnLifetime, 30*time.Minute)
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 5*time.Second)
	c.StatementTimeout = cmp.Or(c.StatementTimeout, 30*time.Second)
	c.LockTimeout = cmp.Or(c.LockTimeout, 10*time.Second)
	c.IdleInTxTimeout = cmp.Or(c.IdleInTxTimeout, 30*time.Second)
	c.BusyTimeout = cmp.Or(c.BusyTimeout, 5*time.Second)
	return c
}

// Pools are what a driver opens: the pool that writes, one that reads (nil for
// the same), and for migrations one of its own, which may take longer than a
// statement in a request may.
type Pools struct {
	Writer, Reader *sql.DB
	Migration      func() (*sql.DB, error)
}

// Driver opens the pools of one kind of database.
type Driver func(ctx context.Context, c Config) (Pools, error)

var (
	driversMu sync.RWMutex
	drivers   = map[Dialect]Driver{}
)

// Register makes a driver known to Open. The packages sqlstore/postgres and
// sqlstore/sqlite call it when they are imported; it panics when the dialect
// has a driver already, as database/sql does.
func Register(d Dialect, driver Driver) {
	driversMu.Lock()
	defer driversMu.Unlock()
	if _, ok := drivers[d]; ok || driver == nil {
		panic("sqlstore: Register called twice, or with nil, for " + string(d))
	}
	drivers[d] = driver
}

// Open opens the database that url names: postgres://... or postgresql://... a
// PostgreSQL database; the path of a file (absolute, with a directory, or
// ending in .db, .sqlite or .sqlite3) a SQLite database, made when absent.
// Anything else is refused, and nothing is made for it. Open does not migrate.
//
// The driver must be imported (see the package documentation); the error names
// the one that is missing. An error never contains the password of the URL.
func Open(ctx context.Context, url string) (*DB, error) {
	switch {
	case isPostgresURL(url):
		return OpenConfig(ctx, Config{URL: url})
	case isPath(url):
		return OpenConfig(ctx, Config{File: url})
	}
	return nil, errors.New("sqlstore: open: this names no database; use postgres://user:password@host/name " +
		"for PostgreSQL, or the path of a SQLite file such as ./shop.db")
}

func isPostgresURL(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

// scheme is how an address of any kind begins; one letter is a drive.
var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]+:`)

// isPath reports whether a text is a path, and not something else, such as the
// keywords and values of a connection string.
func isPath(s string) bool {
	if strings.Contains(s, "=") || scheme.MatchString(s) {
		return false
	}
	switch strings.ToLower(filepath.Ext(s)) {
	case ".db", ".sqlite", ".sqlite3":
		return true
	}
	return filepath.IsAbs(s) || strings.ContainsAny(s, `/\`)
}

// OpenConfig is Open for a program that sets more than the address.
func OpenConfig(ctx context.Context, c Config) (*DB, error) {
	c = c.withDefaults()
	d := SQLite
	switch {
	case isPostgresURL(c.URL):
		d = Postgres
	case c.URL != "":
		return nil, errors.New(
			"sqlstore: open: the URL must begin with postgres:// or postgresql://; for SQLite leave it empty " +
				"and set File",
		)
	case c.File == "":
		return nil, errors.New("sqlstore: open: neither URL nor File is set")
	}
	driversMu.RLock()
	open := drivers[d]
	driversMu.RUnlock()
	if open == nil {
		return nil, fmt.Errorf("sqlstore: open: there is no driver for %s; "+
			"import _ \"github.com/returnkit/returnkit/orders/sqlstore/%s\"", d, d)
	}
	p, err := open(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: open: %w", err)
	}
	o := c.Options
	var writer *bun.DB
	if d == Postgres {
		writer = bun.NewDB(p.Writer, pgdialect.New())
	} else {
		writer = bun.NewDB(p.Writer, newSQLiteDialect())
	}
	if o.Reader = nil; p.Reader != nil {
		o.Reader = bun.NewDB(p.Reader, newSQLiteDialect())
	}
	db, err := New(writer, o)
	if err != nil {
		if p.Reader != nil {
			err = errors.Join(err, p.Reader.Close())
		}
		return nil, errors.Join(err, p.Writer.Close())
	}
	db.owned = true
	if p.Migration != nil {
		db.migration = func() (*sql.DB, func() error, error) {
			pool, err := p.Migration()
			if err != nil {
				return nil, nil, err
			}
			return pool, pool.Close, nil
		}
	}
	return db, nil
}
