// Package webhook sends the shop's events to addresses that staff enter, signed by the Standard
// Webhooks scheme.
//
// Each event is sent to each endpoint that wants its type, at least once: a receiver that
// drops what it has seen, by the header webhook-id, has each event exactly once. A delivery is
// a row. It is made in the transaction that fans the event out ([Service.Note]), so that none
// is lost, and is leased by whichever process sends it. A receiver that does not answer with
// 2xx gets it again after a wait that grows, for three days; then it is a dead letter, which
// staff may send again. Events come in no certain order.
//
// Each endpoint has places of its own, so that a slow receiver delays no other. Answers are
// read up to a limit, redirects are not followed, and private addresses are called only where
// the settings say so.
//
// [Service.Replay] sends what happened before an endpoint existed, or what its receiver lost.
package webhook
