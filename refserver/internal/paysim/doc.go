// Package paysim is a payment provider that can be run on one's own machine:
// the subset of Stripe's API that a shop needs to charge and to refund, with a
// ledger that tells what truly happened to money whatever the caller was told,
// and a plan of faults that makes it lie, stall and vanish the way a real
// provider does.
//
// # What it speaks
//
// Requests are form-encoded, answers are JSON, both shaped as in Stripe's
// reference (https://docs.stripe.com/api); stripe-go reads the answers.
//
//	POST /v1/payment_intents              create, confirm=true to charge at once
//	GET  /v1/payment_intents              list, by created range
//	GET  /v1/payment_intents/{id}
//	POST /v1/payment_intents/{id}/confirm
//	POST /v1/payment_intents/{id}/cancel
//	POST /v1/refunds
//	GET  /v1/refunds                      list, by payment_intent, charge, created
//	GET  /v1/refunds/{id}
//
// Lists are newest first and paged with limit, starting_after, ending_before
// and has_more. Capture is automatic. Cards are the test payment methods that
// Stripe documents (https://docs.stripe.com/testing), pm_card_visa and its
// relatives. Amounts are in the currency's smallest unit.
//
// # Idempotency
//
// As https://docs.stripe.com/api/idempotent_requests says: the answer of the
// first request under a key is stored once its execution has begun, a refusal
// or a 500 too, and given again with Idempotent-Replayed: true. Other
// parameters, or another endpoint, under the same key are a 400 with type
// idempotency_error; a key whose first request is still executing is a 409.
// Requests refused before execution (a malformed parameter) store nothing. A
// key is forgotten when it is older than key_age_s (24 hours unless set).
//
// # Faults
//
// The plan is read and replaced at /_sim/faults; see [Faults] for what each
// does. For one call at most one of the listed probabilities comes true, and
// each with exactly its own probability, as long as they sum to at most 1.
//
// # Disputes
//
// POST /_sim/dispute opens one on a charge ({"payment_intent", "reason",
// "inquiry"}) and closes it ({"id", "status"}: won, lost, prevented or
// warning_closed). While it is open, and when it was lost, a refund of the
// charge is refused with charge_disputed.
//
// # The ledger
//
// GET /_sim/ledger gives the charges and refunds that exist. With
// [Config.Ledger] set, everything is kept in an append-only file of JSON lines:
// one line holds the whole effect of one call together with the answer stored
// under its key and the webhooks it causes, and is synced to disk before anyone
// is told of it, so that after kill -9 the effect and its key are both there or
// neither is. A last line that was cut short is dropped when the file is read;
// nobody had seen its effect. The file is never compacted.
//
// # Webhooks
//
// payment_intent.succeeded, refund.updated, refund.failed, charge.dispute.created
// and charge.dispute.closed are signed as Stripe signs them and delivered at least once, in no promised order, until the
// receiver answers 2xx or three days have passed.
package paysim
