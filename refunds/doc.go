// Package refunds pays money back exactly once: quotes, methods, intents,
// attempts, look-ups, and store credit.
//
// # The pure core
//
// NewQuote says what units are worth: of n units paid together the first k are
// worth floor(paid x k / n), and each step pays the difference to what was
// given before, so that everything returned, in any order, sums to what was
// paid.
//
// A Refund is an intent with its attempts. It changes by its methods alone;
// each takes a Stamp, checks the state machine (see Status), and records an
// Event. Fold turns the events back into the same refund.
//
// # The service
//
//	svc, err := refunds.New(refunds.Config{Store: store, Gateway: gateway})
//	r, err := svc.Refund(ctx, refunds.Request{
//		Reference: returnID, OrderID: order.ID, PaymentID: order.Payment.ID, // and so on
//		Method: refunds.OriginalMethod,
//		Quote:  refunds.QuoteRequest{Currency: "USD", Lines: lines},
//	})
//
// Refund answers with a state. Succeeded and failed are certain; what is still
// open is carried on by ResumeDue, which a worker calls every second or so.
//
// # Why no refund happens twice
//
// The intent, its amount held against the payment's balance, and the
// idempotency key of its attempt are committed before the provider is called,
// and no transaction is held across the call. Every call ends as done, a
// definite no, nothing happened, or unknown, and unknown is never failed:
//
//   - The same key is sent again only while the provider still knows it
//     (Config.KeyMaxAge) and has never answered under it, and from one second
//     on only after a look-up over all pages did not find the refund.
//   - A server error that the provider stored under the key is never sent
//     again: the refund is looked up. Absent for Config.AbsenceGrace after
//     that answer is a definite no.
//   - Where nobody can tell, the refund stands in the queue for a person
//     (Query.NeedsReview, Resolve) and goes on holding its amount. So does one of
//     which nothing could be sent for Config.GiveUpAfter. What the person says is
//     held against the provider's word, where it can be had.
//   - A new key is made only after a definite no.
//
// Whoever carries out a refund holds a lease of at most 10 s with a fencing
// token; what it found out is saved only while the token is still the row's. So
// a process that was stopped and comes back overwrites nothing, and one that
// died is replaced when its lease ends. The state machine alone would not do:
// it takes the late answer to an attempt for one to the attempt that has
// replaced it, and a late "nothing happened" for a key that was never sent.
//
// # When the provider changes its mind
//
// A webhook is handed to Notified, which looks the refund up: messages may be
// late, twice and out of order. A card refund that the provider took back becomes
// reversed; its balance is free, and the next refund of the same reference is
// opened at once. That one holds the amount and waits (AwaitingMethod) until Refund
// is asked for the reference again, by whatever method; store credit always works.
//
// While a bank disputes a payment, Hold keeps its money from going back a second
// time, by any method: refunds are opened, hold their amount, and stand in the
// queue for a person until Release, or until Resolve ends them as not paid. One
// that may have been sent already is looked up, and not sent again; what was
// never answered and stays absent for Config.AbsenceGrace comes to the queue too.
//
// ProviderCalls tells what the provider answered, call by call. Reconcile compares
// our refunds with the provider's own list.
//
// # Errors
//
// Refusals are *Error with a stable Code (CodeOf finds it); what does not
// exist is ErrNotFound. Any other error is trouble below, and the request may
// be sent again.
package refunds
