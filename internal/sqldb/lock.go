package sqldb

import (
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
)

// ForUpdate makes q, a select inside a transaction, lock the rows it returns
// until the transaction ends. A query of several rows must be ordered by id:
// all transactions then lock in one order, and none waits for another in a
// circle. On SQLite it adds nothing, because the transaction already is the
// only one that writes.
func ForUpdate(q *bun.SelectQuery) *bun.SelectQuery {
	if q.Dialect().Name() == dialect.PG {
		return q.For("UPDATE")
	}
	return q
}

// SkipLocked is ForUpdate that leaves out rows which others have locked: the
// way for workers to claim different rows at once.
func SkipLocked(q *bun.SelectQuery) *bun.SelectQuery {
	if q.Dialect().Name() == dialect.PG {
		return q.For("UPDATE SKIP LOCKED")
	}
	return q
}
