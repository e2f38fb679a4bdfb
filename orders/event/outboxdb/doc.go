// Package outboxdb carries events from the store that wrote them to those who
// must act on them, at least once, whatever crashes in between.
//
// A store calls [Append] in the transaction of its change, so an event exists
// exactly when the change does. A [Dispatcher] then works in two steps:
//
//   - fan-out: one transaction gives each subscriber of an event a delivery
//     row of its own and marks the event. Commits land out of order, so nobody
//     keeps a "last event seen".
//   - delivery: a worker claims rows for a short lease, calls the subscriber
//     outside of any transaction, and marks the row while its lease token still
//     matches. A worker that dies loses its lease and the row is taken again.
//
// A subscriber is therefore called again after a crash, and must be idempotent
// by event id. It sees the events of one aggregate in order of Seq: an event
// waits while an earlier one of the same aggregate is not delivered to the
// same subscriber. Events of different aggregates, and different subscribers,
// never wait for each other.
//
// A request that wants the follow-up done before it answers calls
// [Dispatcher.DeliverSync] after its change; the loop of [Dispatcher.Run] only
// repairs what was left.
//
// # Who gets which events
//
// Fan-out uses the subscribers registered in the process that does it. A
// subscriber gets every event published while no dispatcher ran, its first
// start included. It does not get what was fanned out before it was known, by
// an older release beside it for one; the option [Backfill] of Subscribe makes
// up for that. So all processes on one database register the same subscribers.
//
// # Tables
//
// Each store has its own two tables, PREFIX_events and PREFIX_deliveries, made
// by its own migrations from the text that [DDL] returns. Delivered rows stay, as
// the record of what was delivered when; partial indexes keep the work to do
// small.
package outboxdb
