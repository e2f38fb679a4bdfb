// Package returnsdb keeps return cases, the units they claim, and published
// terms in PostgreSQL or SQLite, with their migrations.
//
// It stands in the same database as the other stores of the module, and as tables
// of the caller's, whose handle it takes:
//
//	db, err := sqlstore.Open(ctx, "shop.db")
//	...
//	err = sqlstore.Migrate(ctx, db, returnsdb.Migrations())
//	store := returnsdb.New(db)
//
// # Tables
//
// All names begin with the prefix of the handle, rk_ by default.
//
//	rk_returns            the cases
//	rk_return_lines       their lines
//	rk_return_units       the unit guard: bought and claimed of each order line
//	rk_terms              published policies, never changed or deleted
//	rk_returns_counters   the numbers of the terms, and of the RMAs of each day
//	rk_returns_events     the events, see package outboxdb
//	rk_returns_deliveries their deliveries
//
// Amounts are not kept here. Times are UTC in microseconds.
//
// # Concurrency
//
// A change locks the unit rows of its order first, in order of the line's id,
// then the case, then the counter of the RMA numbers, so if two requests ask for
// the last unit, one waits and is then refused. Concurrent changes are one
// transaction, which locks the units of all their orders, then all their cases.
// Events are written in the same transaction.
//
// A [Store] is safe for concurrent use, and by many processes on one database.
// [Store.WithTx] puts it on a transaction of the caller's.
//
// # Errors
//
// Refusals are errors of package returns; [returns.CodeOf] finds their code. What is not there
// wraps [returns.ErrNotFound]. Any other error is of the database, with the operation
// that failed.
package returnsdb
