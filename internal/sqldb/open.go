package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/combine"
)

// Dialect says which database a DB talks to.
type Dialect string

// The databases.
const (
	Postgres Dialect = "postgres"
	SQLite   Dialect = "sqlite"
)

// Config says what to open. Either URL or File must be set; every other zero
// value means the default named in its comment.
type Config struct {
	// URL is postgres://... or postgresql://... and wins over File. Settings
	// in its query string (statement_timeout and the like) win over the
	// fields below.
	URL string

	// MigrationURL is a direct connection to the same database, for migrations,
	// where URL leads to a pooler. Empty means URL, which works too.
	MigrationURL string

	// File is the path of a SQLite database, made when absent; its folder
	// must exist. Memory databases are refused, because the pool of readers
	// could not see them.
	File string

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

	// RetryFor limits the time Tx spends on attempts after the first. Default 15 s.
	RetryFor time.Duration

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
	c.RetryFor = cmp.Or(c.RetryFor, 15*time.Second)
	return c
}

// DB is an open database, safe for concurrent use.
type DB struct {
	// Write takes every statement. On SQLite it is one connection: a statement
	// that runs outside Tx waits for the transaction that is open. Stores
	// change rows through Tx only.
	Write *bun.DB

	// Read takes statements that change nothing. It is the same pool as Write
	// on PostgreSQL, and a pool that can't write on SQLite.
	Read *bun.DB

	// Dialect says which database this is.
	Dialect Dialect

	// Lane is where calls of requests that meet take turns. What is done behind
	// their backs needs none.
	Lane *combine.Lane

	retryFor time.Duration

	// openMigration opens a pool of its own for migrations, which may take
	// longer than a statement in a request may.
	openMigration func() (*sql.DB, error)

	// lockMigration keeps every other process from migrating this database
	// until the returned function is called. The context it returns ends where
	// the lock is lost before.
	lockMigration func(ctx context.Context, pool *sql.DB) (held context.Context, unlock func(), err error)
}

// Open opens the database named by c and makes sure that it answers. It does
// not migrate it. An error never contains the password of the URL.
func Open(ctx context.Context, c Config) (*DB, error) {
	c = c.withDefaults()
	switch {
	case strings.HasPrefix(c.URL, "postgres://"), strings.HasPrefix(c.URL, "postgresql://"):
		return openPostgres(ctx, c)
	case c.URL != "":
		return nil, errors.New("sqldb: open: the URL must begin with postgres:// or postgresql://; for SQLite leave it empty and set File")
	case c.File == "":
		return nil, errors.New("sqldb: open: neither URL nor File is set")
	default:
		return openSQLite(ctx, c)
	}
}

// newLane is for half as many transactions and reads at once as there are
// processors: the others are for those who call, and for the database.
func newLane() *combine.Lane { return combine.NewLane(runtime.GOMAXPROCS(0) / 2) }

// Ping makes sure that the database answers, for writing too: on SQLite it
// waits for a transaction that is open.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.Read.PingContext(ctx); err != nil {
		return fmt.Errorf("sqldb: ping: %w", err)
	}
	var one int
	if err := db.Read.NewRaw("SELECT 1").Scan(ctx, &one); err != nil {
		return fmt.Errorf("sqldb: ping: %w", err)
	}
	if db.Dialect == SQLite {
		// A transaction takes the write lock, which a full disk or a file
		// that was made read-only refuses.
		if err := db.Tx(ctx, "ping", func(context.Context, bun.Tx) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

// Close closes both pools, the readers first, so that the writer is the last
// one on a SQLite file and folds its log back. Closing twice is fine.
func (db *DB) Close() error {
	if db.Read == db.Write {
		return db.Write.Close()
	}
	return errors.Join(db.Read.Close(), db.Write.Close())
}
