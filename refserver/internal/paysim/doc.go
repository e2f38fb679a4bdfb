// Package paysim is a payment provider that runs on your own machine: the subset of
// Stripe's API that a shop needs to charge and to refund, with a ledger of what truly
// happened to money whatever the callers were answered, and a plan of faults that
// makes it fail, stall and vanish the way a real provider does.
//
// # API
//
// Requests are form-encoded, answers are JSON, both shaped as in Stripe's
// reference (https://docs.stripe.com/api); stripe-go reads the answers.
//
//	GET  /v1/account
//	POST /v1/payment_intents              create, confirm=true to charge at once
//	GET  /v1/payment_intents              list, by created range
//	GET  /v1/payment_intents/{id}
//	POST /v1/payment_intents/{id}/confirm
//	POST /v1/payment_intents/{id}/cancel
//	POST /v1/checkout/sessions            mode payment, line_items with price_data
//	GET  /v1/checkout/sessions/{id}
//	POST /v1/checkout/sessions/{id}/expire
//	POST /v1/refunds
//	GET  /v1/refunds                      list, by payment_intent, charge, created
//	GET  /v1/refunds/{id}
//	GET  /v1/disputes                     list, by payment_intent, charge, created
//	GET  /v1/disputes/{id}
//
// Lists are newest first and paged with limit, starting_after, ending_before
// and has_more. Capture is automatic. Cards are the test payment methods that
// Stripe documents (https://docs.stripe.com/testing), pm_card_visa and its
// relatives.
//
// Any secret key is accepted. As at Stripe, what a live key creates is visible to live
// keys alone, has livemode true, and cannot be paid by a test payment method over the
// API. No money moves in either mode.
//
// # Amounts
//
// Amounts are in Stripe's unit and obey its rules for currencies, from a table
// of this package's own (https://docs.stripe.com/currencies): which currencies
// can be charged, how many decimals an amount has, that three-decimal amounts
// end in 0 and amounts in ISK and UGX in 00, and the least and the largest
// charge. A refund has no least amount. What breaks a rule is refused with
// Stripe's codes: amount_too_small, amount_too_large, parameter_invalid_integer.
//
// # Hosted page
//
// A Checkout Session has a page, at the session's url, that shows what is
// bought and takes the number of one of Stripe's test cards. However often its
// form is sent, the session is charged once; the customer is then sent to
// success_url. A declined card leaves the page open. A session is open for 24
// hours unless expires_at says otherwise; one that has expired is never charged.
//
// To see it from a shop, with the simulator inside it:
//
//	HOSTED_CHECKOUT=true go run ./refserver
//
// And as with a live key, which takes no card numbers, no published credentials and
// no demo data:
//
//	go run ./refserver paysim --addr 127.0.0.1:12111 --webhook-secret whsec_1 \
//		--webhook-url http://localhost:5000/webhooks/stripe
//	STRIPE_SECRET_KEY=sk_live_1 PAYMENT_PROVIDER_URL=http://127.0.0.1:12111 STRIPE_WEBHOOK_SECRET=whsec_1 \
//		SUPER_ADMIN_PASSWORD=... SECRET_KEY=... go run ./refserver
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
// The plan is read with GET, replaced with PUT and changed with PATCH at
// /_sim/faults; see [Faults] for what each fault does. For one change at most
// one of the listed probabilities comes true, and each with exactly its own
// probability, as long as they sum to at most 1. charge_code and refund_code name
// the code of a definite no, so that every failure a shop has words for can be
// seen.
//
// # What others do
//
// POST /_sim/refunds {"payment_intent", "amount_minor", "reason"} makes a refund
// as somebody does on the provider's own pages ([Simulator.RefundOutside]), and
// POST /_sim/refunds/{id} {"status": "failed", "failure_reason"} takes a refund
// back ([Simulator.SettleRefund]).
//
// POST /_sim/disputes {"payment_intent", "amount_minor", "reason", "inquiry"}
// has the customer's bank dispute a charge ([Simulator.Dispute]), and
// POST /_sim/disputes/{id} {"status"} brings a dispute to its next state
// ([Simulator.MoveDispute]):
//
//	needs_response         -> under_review, won, lost, prevented
//	under_review           -> won, lost, prevented
//	warning_needs_response -> warning_under_review, warning_closed, needs_response
//	warning_under_review   -> warning_closed, needs_response
//
// While a dispute is open, and when it was lost, a refund of the charge is
// refused with charge_disputed; an inquiry (warning_) does not prevent it.
//
// # The ledger
//
// GET /_sim/ledger answers the charges, refunds and disputes that exist; see
// [Ledger]. With [Config.Ledger] set, everything is kept in an append-only file
// of JSON lines: one line holds the whole effect of one call together with the
// answer stored under its key and the webhooks it causes, and is synced to disk
// before it is answered, so that after kill -9 the effect and its key are both
// there or neither is. A last line that was cut short is dropped when the file
// is read; its effect was never answered. Files of earlier versions are read,
// one of a later version is refused. The file is never compacted.
//
// # Webhooks
//
// payment_intent.succeeded, checkout.session.completed and .expired,
// refund.created, .updated and .failed, charge.dispute.created, .updated,
// .funds_withdrawn, .funds_reinstated and .closed are signed as Stripe signs
// them and delivered at least once, in no promised order, until the receiver
// answers 2xx or three days have passed.
package paysim
