// Package refunds pays money back exactly once: quotes, methods, attempts,
// look-ups, holds, reconciliation, and store credit.
//
// # The pure core
//
// NewQuote values units: of n units paid together the first k are worth
// floor(paid x k / n), and each step pays the difference to what was given
// before, so that everything returned, in any order, sums to what was paid.
//
// A Refund is a decision to pay with its attempts. It changes by its methods
// alone; each takes a Stamp, checks the state machine (see Status), and records
// an Event. Fold turns the events back into the same refund.
//
// # The service
//
//	svc, err := refunds.New(refunds.Config{Store: store, Gateway: gateway})
//	r, err := svc.Refund(ctx, refunds.Request{
//		ClientReference: returnID, OrderID: order.ID, PaymentID: order.Payment.ID, // and so on
//		PaymentMethod: payment.Card, Method: payment.OriginalMethod,
//		Quote: refunds.QuoteRequest{Currency: "USD", Lines: lines},
//	})
//
// Refund returns a state. Succeeded and failed are certain; what is still open
// is continued by ResumeDue, which a worker calls every second or so.
//
// # Methods
//
// Money goes back by cash, by store credit, or by a method of the provider.
// Config.ProviderMethods names those, as orders name them; the default is card.
// A name that is not declared is refused, of the payment and of the refund:
// nothing that needs the provider's answer is paid out manually. A quote of zero
// succeeds by any method.
//
// # Orders of several payments
//
// Request.Payments names all payments of an order. Split divides the amount over
// them by a rule, and one Refund of each payment is opened together with the
// others: each with its own state, attempts and keys, each against the balance of
// its own payment. The Intent that Refund returns is what they come to; with one
// payment it is that payment's refund. It has succeeded when all parts have, and
// failed when all have failed. A part that failed, or was taken back, beside others
// that stand is listed with Query.NeedsReview, and asking again tries it alone, by
// the method named then. Until it is paid, the other returns of the order leave it
// what it is owed.
//
// # Why no refund happens twice
//
// The decision, its amount reserved against the payment's balance, and the
// idempotency key of its attempt are committed before the provider is called,
// and no transaction is held across the call. Every call ends with an outcome
// of package payment, and unknown is never failed. One function decides what
// follows, from the stored attempt, the clock, and what this try has found out:
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
// (Config.KeyMaxAge) and has never answered under it; a server error that the
// provider keeps under the key is never sent again; and a new key is made only
// after a definite no. What is in the review queue (Query.NeedsReview, Resolve)
// keeps its amount reserved. What Resolve says is checked with the provider,
// where it can be reached.
//
// Whoever executes a refund holds a lease of at most 10 s with a fencing token,
// renewed while it works; a result is saved only while the token is still the
// row's. So a process that was stopped and comes back overwrites nothing, and
// one that died is replaced when its lease ends. The state machine alone would
// not do: it would read the late answer to an attempt as one to the attempt that
// has replaced it, and a late "nothing happened" as one of a key never sent.
//
// # Providers
//
// A gateway may state what its provider can do (payment.Capabilities): a refund
// that is too small, too old, in part, or of an amount or currency it can't carry
// is refused before anything is committed, and says what can be done instead.
// Where there are no look-ups, a young key is sent again, and a message takes the
// place of a look-up; what stays pending for Config.MessageWithin is shown for
// review, once. An answer that names another amount, currency or refund than was
// requested settles nothing.
//
// # When the provider changes its mind
//
// A webhook is handed to HandleWebhook, which looks the refund up: messages may
// be late, twice and out of order. A refund that the provider took back becomes
// reversed; its balance is free, and the next refund of the same reference is
// opened at once. That one reserves the amount and waits (AwaitingMethod) until
// Refund is called for the reference again, by whatever method; store credit
// always works.
//
// While a bank disputes a payment, Hold keeps its money from going back a second
// time, by any method: refunds are opened, reserve their amount, and stand in the
// review queue until Release, or until Resolve ends them as not paid. One that
// may have been sent already is looked up, and not sent again; what was never
// answered and stays absent for Config.AbsenceGrace comes to the queue too.
//
// # Money that others gave back
//
// A refund on the provider's own pages, a second one under an attempt of ours and
// a dispute that was lost are outside money: Balance.Outside, with an Outside and
// an event each. It is booked as what happened, also above what was captured,
// which is Overpaid; what is Available shrinks by it, so that no more is started
// here than was paid. A refund that was certainly not sent yet and no longer fits
// is put on hold (PaidOutside). Where the provider says that it was not paid, or
// came back, it counts no more and what was on hold for it is released.
//
// SyncPayment looks a payment up with all its refunds and disputes, and is what to
// do on any message; HandleWebhook calls it for a refund that we did not make.
// What no message told is found by SweepDue, which Run calls. Both need
// Config.Payments, which finds our payments by the provider's id of them. A
// refund that the provider declines because others refunded the payment needs
// review, and is never paid by another method for it.
//
// # The worker
//
// Run is the whole worker: it resumes what is due and sweeps the provider's lists.
// Any number of processes may run it. In a transaction of the caller's, With and
// Request open a refund that the worker carries out after the commit.
//
// ProviderCalls returns what the provider answered, call by call. Reconcile
// compares our refunds with the provider's own list.
//
// # Errors
//
// Refusals are *Error with a stable Code (CodeOf finds it) and the field at
// fault; what does not exist is ErrNotFound. Any other error is of the store or
// the provider, and the request may be sent again.
package refunds
