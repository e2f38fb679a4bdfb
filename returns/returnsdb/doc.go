// Package returnsdb keeps return cases, the units they claim, and published
// terms in PostgreSQL or SQLite, with their migrations.
//
// It stands in the same database as the other stores of the module, whose
// handle it takes:
//
//	db, err := sqlstore.Open(ctx, "shop.db")
//	...
//	err = returnsdb.Migrate(ctx, db)
//	store := returnsdb.New(db)
//
// A change locks the unit rows of its order first, in order of the line's id,
// then the case, then the counter of the RMA numbers, so that of two requests
// for the last unit one waits and is then refused. Changes that meet are one
// transaction, which locks the units of all their orders, then all their cases.
// Events are written in the same transaction.
package returnsdb
