// Package outbox delivers events to subscribers, at least once, whatever crashes
// in between.
//
// What must follow a change in another part of a system follows its event: a
// refund succeeds, so its return becomes refunded and the goods are restocked.
// The change and its event are written together; the follow-up may fail, be cut
// off or take long, and is repeated until it succeeds.
//
// # Subscribing
//
// A [Log] keeps the events of one stream: [Memory] in memory, and the Log of
// orders/event/outboxdb in the tables that the stores of this module write to.
// A [Dispatcher] reads logs and calls subscribers:
//
//	refunded := outbox.NewMemory("refunds")
//	d, err := outbox.New(outbox.Config{}, refunded)
//	...
//	err = d.Subscribe("refunds", "accounting", []string{"refund.succeeded"}, bookRefund)
//	...
//	go d.Run(ctx)
//
// The subscriber's name is what its deliveries are kept under. Give it once and
// never change it: under another name it would be another subscriber. All
// processes on one log register the same subscribers, for an event is given
// to those that are known in the process which fans it out.
//
// # At least once
//
// A [Dispatcher] works in two steps:
//
//   - Fan-out: one transaction makes a delivery for each subscriber of an event
//     and marks the event. Commits land out of order, so no subscriber keeps a
//     "last event seen".
//   - Delivery: a worker leases deliveries for a short time, calls the
//     subscribers outside of any transaction, and marks each delivery while its
//     lease still is the worker's. If a worker dies its lease ends, and another
//     one takes the delivery.
//
// So a subscriber may be called again with an event that it has handled, and
// must be idempotent by event id.
//
// # In order per aggregate
//
// A subscriber gets the events of one aggregate in order of Seq: an event waits
// while an earlier one of the same aggregate is pending for the same
// subscriber. Events of different aggregates, and different subscribers, never
// wait for each other.
//
// # Before the answer
//
// A request that wants the follow-up done before it answers calls
// [Dispatcher.DeliverSync] after its change. [Dispatcher.Run] then only repairs
// what a crash or a failure left.
//
// # Failures
//
// A handler that returns an error, or panics, is called again after the wait of
// [Config.Retry], forever. From Config.MaxAttempts on the delivery is listed by
// [Dispatcher.Stuck], the dead letters that someone should look at.
// [Dispatcher.Pending] gives the age of the oldest event that is not delivered.
//
// # Messages of others
//
// An [Inbox] is a log of what others send: webhooks of a payment provider, for
// instance. [Dispatcher.Receive] keeps a [Message] once by its id, durably, and calls
// the stream's subscribers; when it returns nil the sender gets its 200, whatever the
// handlers returned: a failed one is repeated here:
//
//	inbox := outbox.NewMemoryInbox("webhooks")
//	d, err := outbox.New(outbox.Config{}, inbox)
//	...
//	err = d.Subscribe("webhooks", "refunds", []string{"refund.updated"}, lookRefundUp)
//	...
//	fresh, err := d.Receive(ctx, "webhooks", outbox.Message{ID: id, Type: typ, Data: body})
//
// Messages wait for no other one, and come late, twice and in the wrong order: let
// a handler look up what is true now. Forget removes those that were handled, once
// their sender will not repeat them.
//
// # Reading
//
// A [Reader] pages through the events of a log, the oldest first, from a place that
// the caller keeps: for exports and for other systems that ask for what is new.
//
// # Replay
//
// A subscriber gets every event appended while no dispatcher ran, its first
// start included. It does not get what was fanned out before it was known;
// [Backfill] replays that, from any instant or from the beginning.
//
// # Watching
//
// A [Watcher] records something of events in the transaction that fans them
// out, for counters that a delivery for each event would be too dear for.
//
// # Concurrency
//
// A [Dispatcher] is safe for concurrent use, and any number of processes may run one on
// the same logs. Handlers are called from many goroutines.
//
// # Zero values
//
// The zero [Config] has the defaults that its fields name. A [Dispatcher] is made by
// [New] alone, a [Memory] by [NewMemory], and a [MemoryInbox] by [NewMemoryInbox].
package outbox
