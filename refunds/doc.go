// Package refunds pays money back exactly once: quotes, methods, attempts,
// look-ups, holds, reconciliation, and store credit.
//
// # The pure core
//
// [NewQuote] says what units are worth: of n units that were paid together, the first k
// are worth floor(paid x k / n), and each refund pays the difference to what was given
// back before. Whatever the order of the returns, all of them sum to what was paid.
//
// A [Refund] is a decision to pay, and the attempts to do so. Only its methods change it;
// each takes an [event.Stamp], checks the state machine (see [Status]), and records an
// [event.Event]. [Fold] turns the events back into the same refund.
//
// # The service
//
//	svc, err := refunds.New(refunds.Config{Store: store, Gateway: gateway})
//	r, err := svc.Refund(ctx, refunds.Request{
//		ClientReference: returnID, OrderID: orderID, Customer: customerID, Currency: "USD",
//		Payments: []refunds.Payment{{ID: paymentID, Method: payment.Card, ProviderID: "pi_17", Captured: 9_000}},
//		Quote:    refunds.QuoteRequest{Currency: "USD", Lines: lines},
//	})
//
// [Service.Refund] returns the refund in its state. Succeeded and failed are certain. A
// refund that is still open is continued by [Service.Run], the worker.
//
// # Methods
//
// Money goes back by cash, by store credit, or by a method of the provider.
// [Config.ProviderMethods] names those as your orders do; the default is card. A name
// that is not declared is refused, for the payment as for the refund, so nothing that
// needs the provider's answer is paid out manually. A refund of zero succeeds by any
// method.
//
// # Orders of several payments
//
// [Request.Payments] names all payments of an order. [Split] divides the amount over
// them by a rule, and one [Refund] of each payment is opened together with the others:
// each with its own state, attempts and keys, each against the balance of its own
// payment. The [Intent] that [Service.Refund] returns is what they come to; with one
// payment it is that payment's refund. It has succeeded when all parts have, and failed
// when all have failed. A part that failed, or was taken back, beside others that stand
// is listed with [Query.NeedsReview], and asking again tries it alone, by the method
// named then. Until it is paid, the other returns of the order leave it what it is
// owed.
//
// # Why no refund happens twice
//
// The decision, its amount reserved against the payment's balance, and the idempotency
// key of its attempt are committed before the provider is called, and no transaction is
// open during the call. Every call ends with an outcome of package payment; unknown is
// never treated as failed. One function decides what happens next, from the stored
// attempt, the clock, and what this try has found out:
//
//	     known so far                                                      next
//	 1   nothing in this try; it was never sent, or a moment ago           send
//	 2   it was sent LookupFirst ago or longer, and not answered           look up
//	 3   it is pending, on hold, kept as an error, or a message came       look up
//	 4   the provider paid it                                              succeed
//	 5   the provider declined it                                          fail
//	 6   the provider decides later                                        wait
//	 7   the provider names another amount, currency or refund             review
//	 8   the answer is a replay, or declines in doubt                      look up
//	 9   the send was not answered, or nothing happened                    wait
//	10   nothing happened for GiveUpAfter                                  review
//	11   the look-up failed                                                wait
//	12   the same, with a key too old, on hold too long, or shown before   review
//	13   absent; the key is young, nothing was answered, not on hold       send
//	14   absent; on hold, or within AbsenceGrace of a kept error           wait
//	15   absent; key too old, on hold too long, or the provider had it     review
//	16   absent for AbsenceGrace after a kept error                        fail
//	17   there are no look-ups; the key is young                           send
//	18   the same; pending, or on hold                                     wait
//	19   the same; pending or on hold too long, key too old, or in doubt   review
//	20   declined, because others refunded the payment                     review
//
// So the same key is sent again only while the provider still knows it
// ([Config.KeyMaxAge]) and has never answered under it; a server error that the
// provider keeps under the key is never sent again; and a new key is made only after a
// definite no. What is in the review queue ([Query.NeedsReview], [Service.Resolve])
// keeps its amount reserved. What [Service.Resolve] says is checked with the provider,
// where it can be reached.
//
// Whoever executes a refund holds a lease of at most 10 s with a fencing token,
// renewed while it works; a result is saved only while the token is still the
// row's. So a process that was stopped and comes back overwrites nothing, and
// one that died is replaced when its lease ends. The state machine alone would
// not do: it would read the late answer to an attempt as one to the attempt that
// has replaced it, and a late "nothing happened" as one of a key never sent.
//
// # Where the provider is asked
//
// A look-up is payment.RefundGateway.FindRefund. The worker makes it as the table says
// ([Service.ResumeDue]); [Service.Check] makes one now, and [Service.HandleWebhook] one for
// each message. The table is the function decide, and execute runs it.
//
// # Providers
//
// A gateway may state what its provider can do ([payment.Capabilities]). A refund that
// is too small, too old, partial where the provider refunds whole payments alone, or of
// an amount or currency that it can't carry is refused before anything is committed,
// and the refusal says what can be done instead. Where there are no look-ups, a key is
// sent again while it is young, and a message takes the place of a look-up; a refund
// that is pending for longer than [Config.MessageWithin] is shown for review, once. An
// answer that names another amount, currency or refund than was requested settles
// nothing.
//
// # Webhooks
//
// Hand webhooks to [Service.HandleWebhook]. Messages come late, twice and out of order, so
// it looks the refund up and records what is so now; only where the provider has no look-ups
// is a message read like one. The second of two finds that recorded, and changes nothing.
// refundsdb.Inbox handles each id of a message once, where looking up is too dear.
//
// # When the provider changes its mind
//
// A refund that the provider took back becomes reversed: its amount is free, and the next
// refund of the same reference is opened at once. That one reserves the amount and waits
// ([AwaitingMethod]) until [Service.Refund] is called for the reference again, with any
// method; store credit always works. Where others gave back so much meanwhile that the
// payment lacks some of it, it reserves what is left: ask with Request.LessOutside to end
// it with that.
//
// While a bank disputes a payment, [Service.Hold] keeps its money from going back a
// second time, by any method. Refunds are opened, reserve their amount, and stand in
// the review queue until [Service.Release], or until [Service.Resolve] ends them as not
// paid. A refund that may have been sent already is looked up and not sent again; one
// that was never answered and stays absent for [Config.AbsenceGrace] comes to the
// review queue too.
//
// # What can't be carried
//
// A quote is on the grid of what its provider carries, and the rest joins the next
// refund of the payment (Quote.Carried). Once no more of the order can be refunded, PayCarried
// makes store credit of it: a refund of its own on the payment, by which it is carried
// no more. returns.Service.Over knows when that is. So it is with what a refund was paid
// less because others had given it back, once theirs comes back (Quote.Rest). PayRest pays
// such a rest before the end, when staff say so.
//
// # Money that others gave back
//
// A refund that was made on the provider's own pages, a second refund under an
// attempt of ours, and a dispute that was lost are outside money. Each is kept as an
// [Outside] with its events and counted in [Balance.Outside]. It did happen, so it is
// booked even where it exceeds what was captured; [Balance.Overpaid] returns by how
// much. It lowers [Balance.Available], so no refund is started that the payment can't
// cover. A refund that was certainly not sent and no longer fits is put on hold
// ([PaidOutside]). If the provider says later that outside money was not paid, or came
// back, it no longer counts, and what was on hold for it is released.
//
// [Service.SyncPayment] looks up a payment with all its refunds and disputes: call it
// on any message about a payment. [Service.HandleWebhook] calls it for a refund that we
// did not make. What no message reported is found by [Service.SweepDue], which
// [Service.Run] calls. Both need [Config.Payments], which finds our payments by the
// provider's id. A refund that the provider declines because others refunded the
// payment needs review; it is never paid by another method instead.
//
// # The worker
//
// [Service.Run] is the whole worker: it resumes what is due and sweeps the provider's
// lists. Any number of processes may run it. In a transaction of the caller's,
// [Service.With] and [Service.Request] open a refund that the worker executes after
// the commit.
//
// [ProviderCalls] returns what the provider answered, call by call. [Service.Reconcile]
// compares our refunds with the provider's own list.
//
// # Errors
//
// A refusal is an *[Error] with a stable [Code] and the field at fault; [CodeOf]
// returns the code. What does not exist wraps [ErrNotFound]. A provider that declines
// is no error: the status of the refund says so. Any other error is of the store or the
// provider, and the request may be sent again.
//
// # Concurrency
//
// A [Service] is safe for concurrent use, in any number of processes on one store:
// calls for one payment run one after the other under its lock, and a refund is
// executed by the process that holds its lease. Values ([Refund], [Quote], [Balance]) are plain
// data: reading one from several goroutines is safe, changing it is not. An [Observer]
// is called from many goroutines.
//
// # Units
//
// Amounts are int64 minor units of their currency as ISO 4217 counts them: 1050 is
// 10.50 USD, 1050 JPY, or 1.050 KWD. Fees are basis points (1500 is 15 %) and minor
// units. Quantities are units of goods. Instants are UTC in microseconds.
//
// # Zero values
//
// The zero of each field of [Config], [Request] and [Query] is documented with it;
// Store and Gateway have none that works. A [Service] is made by [New] alone, and a
// [Refund] by [NewRefund] or [Fold]. The zero [Balance] has nothing to give back. The
// zero [Grid] carries every amount.
//
// # Sources
//
// How long a provider keeps a key: https://docs.stripe.com/api/idempotent_requests.
// Cells that a spreadsheet would read as formulas:
// https://owasp.org/www-community/attacks/CSV_Injection.
package refunds
