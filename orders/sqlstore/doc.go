// Package sqlstore is the handle that the stores of this module share: one
// database, PostgreSQL or SQLite, with its pools, its transactions, and the
// names of its tables.
//
// A shop that has a database already passes it:
//
//	db, err := sqlstore.New(bun.NewDB(pool, pgdialect.New()), sqlstore.Options{})
//	store := refundsdb.New(db)
//
// pool is any *sql.DB: pgx through its stdlib package (a pgxpool through it as
// well), or modernc.org/sqlite. [Open] is the short way for a program of its
// own. Its drivers come by blank import, so that a program on PostgreSQL links
// no SQLite:
//
//	import _ "github.com/returnkit/returnkit/orders/sqlstore/postgres"
//	import _ "github.com/returnkit/returnkit/orders/sqlstore/sqlite"
//
// # Tables
//
// Every table carries a prefix, "rk_" by default, or stands in a schema of its own, so
// that a database that has orders, refunds or terms of its own is no obstacle. Each
// store exports its Migrations; [Migrate] applies them, [Print] writes them as plain
// SQL for another tool, and [Check] reports at start whether the tables are those that
// the program was built for.
//
// # Transactions
//
// [DB.Tx] opens one transaction, retries what the database asks to be retried,
// and refuses to nest. [DB.WithTx] puts the stores on a transaction of the
// caller's, so that a creation commits or rolls back with the caller's own rows.
//
// # What both databases agree on
//
// Times are UTC in microseconds, written from Go: columns are TIMESTAMPTZ on
// PostgreSQL and INTEGER (microseconds since 1970) on SQLite. Structured data
// is JSONB on PostgreSQL and TEXT on SQLite. Isolation is READ COMMITTED on
// PostgreSQL: a transaction that decides by what it read locks those rows
// first. On SQLite transactions that write run one after the other.
//
// # Concurrency
//
// A DB is safe for concurrent use, by any number of stores, and any number of
// processes may share its database.
//
// # Errors
//
// What [DB.Tx] returns is fn's error, or the database's with [ErrBusy] (nothing was
// changed, try later), [ErrCommitUnknown] (it may have been) or [ErrNested] in its
// chain. [Check] returns [ErrSchema]. [New] and [Open] name what is wrong and what is
// allowed, without the password of a URL.
//
// # Zero values
//
// The zero [Options] are the prefix rk_ and no schema. A [DB] is made by [New] or
// [Open] alone.
package sqlstore
