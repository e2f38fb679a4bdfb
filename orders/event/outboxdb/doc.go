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
// [Search] pages through the events as an audit trail, the newest
// first; [Log.Read] pages from the oldest on, for exports and other systems.
//
// An [Inbox] keeps the messages of others, such as a provider's webhooks, once by
// their id:
//
//	err = sqlstore.Migrate(ctx, db, outboxdb.Migrations("webhooks"))
//	...
//	inbox, err := outboxdb.NewInbox(db, "webhooks")
//	...
//	d, err := outbox.New(outbox.Config{}, inbox)
//	...
//	fresh, err := d.Receive(ctx, "webhooks", outbox.Message{ID: id, Type: typ, Data: body})
//
// # Concurrency
//
// Logs and inboxes may be used by any number of goroutines and processes.
//
// # Tables
//
// Each stream has its own two tables, STREAM_events and STREAM_deliveries after
// the prefix of the database. A store makes its tables by its own
// migration, from the text that [DDL] returns; for a stream of your own,
// [Migrations] makes them. Delivered rows stay, as the record of what was delivered
// when; partial indexes keep the pending work small.
//
// # Errors
//
// What is not an event of the stream is an error of [outbox.CheckEvent]; a number that
// is taken is an error of the database's unique constraint, and the caller's
// transaction must not commit. A cursor that is not of a page before is [ErrCursor].
package outboxdb
