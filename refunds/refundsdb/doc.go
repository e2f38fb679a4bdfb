// Package refundsdb keeps refunds, balances and store credit in PostgreSQL or
// SQLite: it is a refunds.Store.
//
//	if err := sqlstore.Migrate(ctx, db, refundsdb.Migrations()); err != nil { ... }
//	svc, err := refunds.New(refunds.Config{Store: refundsdb.New(db), Gateway: gateway})
//
// Each method is one transaction, which calls of Open, or of Update, that run at once
// share; one that is refused fails alone. Both lock the balance rows of the
// refund's order first, so that decisions about one order follow each other;
// CHECK constraints repeat that no payment gives back more than was captured
// and that no store credit is below zero. Events are written in the same
// transaction into refunds_events, for the outbox dispatcher; see EventPrefix.
// Inbox remembers which webhooks were dealt with.
package refundsdb
