// Package refundsdb keeps refunds, balances and store credit in PostgreSQL or
// SQLite: it is a [refunds.Store].
//
//	if err := sqlstore.Migrate(ctx, db, refundsdb.Migrations()); err != nil { ... }
//	svc, err := refunds.New(refunds.Config{Store: refundsdb.New(db), Gateway: gateway})
//
// Each method is one transaction. Concurrent calls of [Store.Open], or of
// [Store.Update], share one; a call that is refused fails alone. Both lock the balance
// rows of the refund's order first, so that decisions about one order follow each
// other; CHECK constraints repeat that no payment gives back more than was captured and
// that no store credit is below zero. Events are written in the same transaction into
// refunds_events, for the outbox dispatcher; see [EventPrefix]. An [Inbox] remembers
// which webhooks were handled.
//
// # Tables
//
// All names begin with the prefix of the handle, rk_ by default.
//
//	rk_refunds                  the refunds, and the work on them
//	rk_refund_attempts          their attempts, with key, amount and result
//	rk_refund_lines             what each gives back of each order line
//	rk_refund_balance           captured, reserved, refunded and outside money of each payment
//	rk_refund_outside           what others gave back
//	rk_refund_sweep             how far the sweep has come: one row
//	rk_refund_manual_counters   the last number of each manual method
//	rk_refund_provider_events   which webhooks were handled, see Inbox
//	rk_store_credit_balances    store credit of each customer and currency
//	rk_store_credit_entries     its ledger
//	rk_refunds_events           the events, see package outboxdb
//	rk_refunds_deliveries       their deliveries
//
// Amounts are BIGINT minor units beside a currency. Times are UTC in microseconds.
//
// # Concurrency
//
// A [Store] and an [Inbox] are safe for concurrent use, and by many processes on one
// database. [Store.WithTx] puts a Store on a transaction of the caller's.
//
// # Errors
//
// Refusals are errors of package refunds; [refunds.CodeOf] finds their code. What is not there
// wraps [refunds.ErrNotFound]. Any other error is of the database, with the operation
// that failed.
package refundsdb
