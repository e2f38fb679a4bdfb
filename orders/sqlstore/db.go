package sqlstore

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/schema"

	"github.com/returnkit/returnkit/internal/batch"
)

// Dialect names a kind of database.
type Dialect string

// The databases.
const (
	Postgres Dialect = "postgres"
	SQLite   Dialect = "sqlite"
)

// DefaultPrefix begins the name of every table unless Options say otherwise.
const DefaultPrefix = "rk_"

// Options say how the stores use a database. The zero value is right for most.
type Options struct {
	// Reader takes statements that change nothing. Default: the database given
	// to New.
	Reader *bun.DB
	// Schema is the PostgreSQL schema that the tables stand in; it must exist.
	// Default: the first of the connection's search path. SQLite has none.
	Schema string
	// Prefix begins the name of every table: lower-case letters, digits and
	// underscores, at most 20, so that no name is longer than the 63 characters
	// PostgreSQL tells apart. Default DefaultPrefix, or none with a Schema.
	Prefix string
	// RetryFor limits the time Tx spends on attempts after the first. Default 15 s.
	RetryFor time.Duration
}

// DB is a database as the stores use it. It is safe for concurrent use.
type DB struct {
	writer, reader *bun.DB
	dialect        Dialect
	schema, prefix string
	retryFor       time.Duration
	slots          *Slots
	hooks          []bun.QueryHook
	outer          bun.IDB // the caller's transaction, see WithTx
	misuse         error   // what WithTx was given is no transaction

	migration func() (pool *sql.DB, done func() error, err error)
	lock      func(ctx context.Context, pool *sql.DB) (held context.Context, unlock func(), err error)
	owned     bool // opened by Open, closed by Close
}

// name is what a schema and a prefix may be made of: they stand in the text of
// statements.
var name = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// The longest names, in characters.
const (
	maxPrefix = 20
	maxSchema = 63
)

// checkName refuses a schema or a prefix that can't stand in a statement; the
// empty one is left out there.
func checkName(field, value string, limit int) error {
	if value == "" || len(value) <= limit && name.MatchString(value) {
		return nil
	}
	return fmt.Errorf("sqlstore: New: Options.%s is %q; it must be 1 to %d lower-case letters, digits and "+
		"underscores, and not begin with a digit", field, value, limit)
}

// New returns a handle over a database of the caller's, who keeps owning it:
// Close of the handle leaves it open.
//
// A SQLite pool must have one connection (SetMaxOpenConns(1)) that begins its
// transactions at once (_txlock=immediate): otherwise two writers would meet in
// the middle of a transaction and fail. New returns an error that says what is
// missing, or which option is wrong.
func New(db *bun.DB, o Options) (*DB, error) {
	if db == nil {
		return nil, errors.New("sqlstore: New: the database is nil")
	}
	d := &DB{schema: o.Schema, prefix: o.Prefix, retryFor: o.RetryFor, slots: newSlots()}
	if d.retryFor == 0 {
		d.retryFor = 15 * time.Second
	}
	if d.prefix == "" && d.schema == "" {
		d.prefix = DefaultPrefix
	}
	err := cmp.Or(checkName("Prefix", d.prefix, maxPrefix), checkName("Schema", d.schema, maxSchema))
	if err != nil {
		return nil, err
	}
	reader := o.Reader
	if reader == nil {
		reader = db
	}
	if reader.Dialect().Name() != db.Dialect().Name() {
		return nil, fmt.Errorf(
			"sqlstore: New: Options.Reader is %s, the database %s; both must be of one kind",
			reader.Dialect().Name(), db.Dialect().Name())
	}
	switch db.Dialect().Name() {
	case dialect.PG:
		d.dialect = Postgres
		d.writer = d.named(bun.NewDB(db.DB, pgdialect.New()))
		d.lock = d.lockPostgres
	case dialect.SQLite:
		if d.schema != "" {
			return nil, errors.New(
				"sqlstore: New: Options.Schema is set, and SQLite has no schemas; set Prefix instead")
		}
		d.dialect = SQLite
		if err := checkSQLite(db.DB); err != nil {
			return nil, fmt.Errorf("sqlstore: New: %w", err)
		}
		d.writer = d.named(bun.NewDB(db.DB, newSQLiteDialect()))
		d.lock = func(ctx context.Context, pool *sql.DB) (context.Context, func(), error) {
			unlock, err := lockSQLite(ctx, pool)
			return ctx, unlock, err
		}
	default:
		return nil, fmt.Errorf("sqlstore: New: the database is %s; PostgreSQL and SQLite are known",
			db.Dialect().Name())
	}
	d.reader = d.writer
	if reader.DB != db.DB {
		if d.dialect == SQLite {
			d.reader = d.named(bun.NewDB(reader.DB, newSQLiteDialect()))
		} else {
			d.reader = d.named(bun.NewDB(reader.DB, pgdialect.New()))
		}
	}
	d.migration = func() (*sql.DB, func() error, error) { return db.DB, func() error { return nil }, nil }
	return d, nil
}

// named makes ?(rk) stand for the place of the tables in the text of
// statements: ?(rk)orders is rk_orders, or "shop".orders.
func (db *DB) named(b *bun.DB) *bun.DB { return b.WithNamedArg("rk", place{db.schema, db.prefix}) }

// place is where the tables stand: what begins their full names.
type place struct{ schema, prefix string }

func (p place) String() string {
	if p.schema != "" {
		return `"` + p.schema + `".` + p.prefix
	}
	return p.prefix
}

var _ schema.QueryAppender = place{}

// AppendQuery writes the place. bun calls it, for the name of a model's table
// after the quote that it opens and closes around ?(rk)orders.
func (p place) AppendQuery(_ schema.QueryGen, b []byte) ([]byte, error) {
	if p.schema != "" && bytes.HasSuffix(b, []byte(`"`)) {
		return append(b, p.schema+`"."`+p.prefix...), nil
	}
	return append(b, p.String()...), nil
}

// Writer takes every statement. On SQLite it is one connection: a statement
// outside of Tx waits for the transaction that is open. Change rows through Tx
// alone; a transaction of bun's own on this pool would format texts twice.
func (db *DB) Writer() *bun.DB { return db.writer }

// Reader takes statements that change nothing.
func (db *DB) Reader() *bun.DB { return db.reader }

// Read returns where stores read: Reader, or the caller's transaction on a
// handle made by WithTx.
func (db *DB) Read() bun.IDB {
	if db.outer != nil {
		return db.outer
	}
	return db.reader
}

// Dialect returns which database this is.
func (db *DB) Dialect() Dialect { return db.dialect }

// Table returns the full name of a table, for the text of a statement:
// Table("orders") is rk_orders. In the text itself ?(rk)orders is the same.
func (db *DB) Table(name string) bun.Safe {
	return bun.Safe(place{db.schema, db.prefix}.String() + name)
}

// Slots returns the turns that batched calls on this database take; nil in a
// transaction of the caller's, where nothing is batched.
func (db *DB) Slots() *Slots {
	if db.outer != nil {
		return nil
	}
	return db.slots
}

// InTx reports whether the handle stands in a transaction of the caller's.
func (db *DB) InTx() bool { return db.outer != nil }

// Ping makes sure that the database answers, for writing too: on SQLite it
// waits for a transaction that is open.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	if err := db.Read().NewRaw("SELECT 1").Scan(ctx, &one); err != nil {
		return fmt.Errorf("sqlstore: ping: %w", err)
	}
	if db.dialect == SQLite && db.outer == nil {
		// A transaction takes the write lock, which a full disk or a file
		// that was made read-only refuses.
		return db.Tx(ctx, "sqlstore: ping", func(context.Context, bun.IDB) error { return nil })
	}
	return nil
}

// AddQueryHook makes hook see every statement, and the BEGIN, COMMIT and
// ROLLBACK of each transaction, for tracing and for counting them. Call it
// while nobody uses the database.
func (db *DB) AddQueryHook(hook bun.QueryHook) {
	same := db.reader == db.writer
	db.hooks = append(db.hooks, hook)
	db.writer = db.writer.WithQueryHook(hook)
	if same {
		db.reader = db.writer
	} else {
		db.reader = db.reader.WithQueryHook(hook)
	}
}

// tell shows the hooks a step of a transaction.
func (db *DB) tell(ctx context.Context, step string, err error) {
	for _, h := range db.hooks {
		e := &bun.QueryEvent{DB: db.writer, Query: step, StartTime: time.Now(), Err: err}
		h.AfterQuery(h.BeforeQuery(ctx, e), e)
	}
}

// Close closes what Open opened, the readers first, so that the writer is the
// last one on a SQLite file and folds its log back. A database that was given
// to New stays open. Closing twice is fine.
func (db *DB) Close() error {
	if !db.owned {
		return nil
	}
	if db.reader == db.writer {
		return db.writer.Close()
	}
	return errors.Join(db.reader.Close(), db.writer.Close())
}

// Slots are the turns that batched calls on one database take, so that only so
// many transactions run at once and those that meet are executed together.
type Slots struct{ s *batch.Scheduler }

// newSlots is for half as many transactions and reads at once as there are
// processors: the others are for those who call, and for the database.
func newSlots() *Slots { return &Slots{batch.NewScheduler(runtime.GOMAXPROCS(0) / 2)} }

// Enter waits for a turn of a group in which waiting calls wait. The returned
// function ends it, with how many calls were executed.
func (s *Slots) Enter(waiting func() int) (leave func(calls int)) {
	if s == nil {
		return func(int) {}
	}
	return s.s.Enter(waiting)
}

// Direct reports whether calls are executed by their callers, each alone: in
// a transaction of the caller's.
func (s *Slots) Direct() bool { return s == nil }

// Arrived reports a call in a group that waits for its turn.
func (s *Slots) Arrived() {
	if s != nil {
		s.s.Arrived()
	}
}
