// Package ordersdb keeps orders in PostgreSQL or SQLite: an [orders.Store] with its
// migrations.
//
//	import _ "github.com/returnkit/returnkit/orders/sqlstore/sqlite" // or .../postgres
//
//	db, err := sqlstore.Open(ctx, "shop.db")
//	...
//	defer db.Close()
//	err = sqlstore.Migrate(ctx, db, ordersdb.Migrations())
//	store := ordersdb.New(db)
//
// All stores of the module share one database; [sqlstore.Migrate] takes the
// [Migrations] of all.
//
// # Order of locks
//
// Every transaction locks in one order: the order and its payment, then carts
// by id, then products by id. Those that place orders lock no order; they
// insert new ones. One that changes several orders locks them and their payments
// by id, and cancels none: cancellations are executed one by one.
//
// # Combined intake
//
// Concurrent calls of [Store.Place] are executed by one transaction: their carts and
// products are locked together, each order is decided on what the ones before it left,
// and all are written by one statement a table. A call that comes alone starts at once
// and waits for nobody; those that come while a transaction runs are the next one. Each
// is answered after its own commit. One that is refused costs the others nothing; when
// the database refuses a combined transaction, its orders are tried one by one.
// Concurrent calls of [Store.UpdateCart], [Store.Update] and [Store.Restock] are
// combined in the same way.
//
// # Events
//
// Each save writes the order's events to rk_orders_events in its transaction,
// for a dispatcher of event/outbox, as the stream "orders".
//
// # Tables
//
// All names begin with the prefix of the handle, rk_ by default.
//
//	rk_products             what is sold, and its stock
//	rk_stock_movements      what changed the stock, once for each reference
//	rk_carts                one open cart of each customer
//	rk_cart_items           their items
//	rk_orders               orders, with what they cost
//	rk_order_lines          their lines
//	rk_payments             what pays them, and the work on it
//	rk_flash_sales          flash sales and their counts
//	rk_flash_sale_buyers    units of each customer in a sale
//	rk_stock_reservations   units that a customer holds
//	rk_orders_events        the events, see package outboxdb
//	rk_orders_deliveries    their deliveries
//
// Amounts are BIGINT minor units beside a currency. Times are UTC in microseconds.
//
// # Concurrency
//
// A [Store] is safe for concurrent use, and by many processes on one database.
// [Store.WithTx] puts it on a transaction of the caller's.
//
// # Errors
//
// Refusals are errors of package orders; [orders.CodeOf] finds their code. What is not there wraps
// [orders.ErrNotFound]. Any other error is of the database, with the operation that
// failed.
package ordersdb
