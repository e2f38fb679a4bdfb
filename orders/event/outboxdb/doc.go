// Package outboxdb keeps the events of a store, and their deliveries, in its
// database: PostgreSQL or SQLite.
//
// A store appends events in the transaction of its change ([Log.Append], or
// [Append] where it has no Log), so an event exists exactly when the change
// does. A dispatcher of package outbox delivers them:
//
//	db, err := sqlstore.Open(ctx, url)
//	...
//	refunds, err := outboxdb.New(db, "refunds")
//	...
//	d, err := outbox.New(outbox.Config{}, refunds)
//	...
//	err = d.Subscribe("refunds", "accounting", nil, bookRefund)
//	...
//	go d.Run(ctx)
//
// See package outbox for what is promised to subscribers.
//
// [Search] and [SearchAll] page through the events as an audit trail.
//
// # Tables
//
// Each stream has its own two tables, STREAM_events and STREAM_deliveries after
// the prefix of the database, made by the store's own migration from the text
// that [DDL] returns. Delivered rows stay, as the record of what was delivered
// when; partial indexes keep the pending work small.
package outboxdb
