// Package ordersdb keeps orders in PostgreSQL or SQLite: an orders.Store with
// its migrations.
//
//	import _ "github.com/returnkit/returnkit/orders/sqlstore/sqlite" // or .../postgres
//
//	db, err := sqlstore.Open(ctx, "shop.db")
//	...
//	defer db.Close()
//	err = sqlstore.Migrate(ctx, db, ordersdb.Migrations())
//	store := ordersdb.New(db)
//
// All stores of the module share one database; Migrate takes the Migrations of all.
//
// # Order of locks
//
// Every transaction locks in one order: the order and its payment, then carts
// by id, then products by id. Those that place orders lock no order; they
// insert new ones. One that changes several orders locks them and their payments
// by id, and cancels none: cancellations are carried out one by one.
//
// # Combined intake
//
// NewOrder calls that meet are carried out by one transaction: their carts and
// products are locked together, each order is decided on what the ones before
// it left, and all are written by one statement a table. A call that comes
// alone starts at once and waits for nobody; those that come while a
// transaction runs are the next one. Each is answered after its own commit.
// One that is refused costs the others nothing; when the database refuses a
// combined transaction, its orders are tried one by one. UpdateCart, Update and
// Restock calls that meet are combined in the same way.
//
// # Events
//
// Each save writes the order's events to orders_events in its transaction,
// for a dispatcher of event/outbox, as the stream "orders".
package ordersdb
