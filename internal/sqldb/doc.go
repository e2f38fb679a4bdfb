// Package sqldb is the one way this module talks to a relational database:
// PostgreSQL in production, SQLite as the embedded default, both through bun.
//
// A [DB] is opened once and shared by all stores. Reads go through DB.Reader(),
// changes through [DB.Tx], which opens one transaction, retries what the
// database asks to be retried, and refuses to nest.
//
// # What both databases agree on
//
// Times are UTC in microseconds, written from Go: columns are TIMESTAMPTZ on
// PostgreSQL and INTEGER (microseconds since 1970) on SQLite, fields are of
// type [Time]. Structured data is JSONB on PostgreSQL and TEXT on SQLite,
// fields are of type [JSON]. Booleans are BOOLEAN on both.
//
// Constraints are recognized by name ([IsUnique], [IsCheck]). Give every CHECK
// constraint a name, the same on both databases. SQLite reports the columns of a
// violated unique constraint and never its name, so a unique constraint or index is
// named as PostgreSQL would name it: table_column_column_key, and table_pkey for the
// primary key.
//
// Isolation is READ COMMITTED on PostgreSQL: a transaction that decides by
// what it read locks those rows first ([ForUpdate], ordered by id). On SQLite
// transactions that write run one after the other, so nothing needs a lock.
package sqldb
