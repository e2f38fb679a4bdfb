// Package stripegateway moves money through Stripe's API: it is the gateway
// of payments and of refunds.
//
// One [Gateway] is made per process and shared. It sends each call once: the
// library's own retries are off, because a hidden retry would escape the rows
// that record what was sent. It keeps no state of its own.
//
// # Units
//
// Amounts are minor units of ISO 4217 on our side and Stripe's own on the other:
// zero-decimal currencies, UGX and ISK with two decimals that are 00, and
// three-decimal ones whose last digit is 0. They are converted here, in calls,
// look-ups, lists and messages, and nowhere else. An amount that Stripe can't
// carry is not sent.
//
// # Answers
//
// An answer is bounded in size, a list also in length; redirects are not followed,
// and neither this package nor net/http sends a request twice. An answer that
// names no object, another object than was asked about, another currency, or
// another mode (live or test) than the key's is unknown.
//
// # Outcomes
//
// Every way a call can end becomes a [payment.Outcome], from the transport error, the
// HTTP status, and Stripe's error type and code:
//
//	no usable answer (timeout, cut connection, refused)   unknown
//	2xx, a known object state                             by the state
//	2xx, a state we don't know                            unknown
//	400, 404 invalid_request_error                        refused
//	400 lock_timeout (still in flight)                    nothing happened
//	400 payment_intent_unexpected_state                   by the state in the answer
//	400 idempotency_error (same key, other parameters)    unknown
//	401, 403 invalid_request_error (the account's key)    nothing happened
//	402 card_error, whatever the decline code             refused
//	409 idempotency_error, invalid_request_error          nothing happened
//	429 invalid_request_error, rate_limit, api_error      nothing happened
//	5xx, stored and replayed ones too                     unknown
//	anything else                                         unknown
//
// A 4xx counts only with an error object of Stripe's shape in it; a page from
// a proxy in between is unknown.
//
// A key's outcome "nothing happened" speaks of this call alone: an earlier
// call under the same key may still have had its effect.
//
// # Concurrency
//
// A [Gateway] is safe for concurrent use.
//
// # Zero values
//
// A [Gateway] is made by [New] alone, which refuses a [Config] without a key. All else
// in a Config has a default.
//
// # Errors
//
// Calls have no errors, see package payment. [ParseEvent] returns [ErrSignature] for a
// message that Stripe did not sign now, and [ErrPayload] for one that is no event.
//
// # Sources
//
// https://docs.stripe.com/error-handling, https://docs.stripe.com/error-codes,
// https://docs.stripe.com/api/idempotent_requests, https://docs.stripe.com/rate-limits
// and https://docs.stripe.com/currencies.
package stripegateway
