// Package guard puts a circuit breaker between a shop and its payment provider,
// around any gateway.
//
//	breaker, err := resilience.New(resilience.Config{Name: "payments", ConsecutiveFailures: 5})
//	...
//	charges := guard.Charges(gateway, breaker) // for orders.Config.Gateway
//	refunds := guard.Refunds(gateway, breaker) // for refunds.Config.Gateway
//
// Give both the same breaker: when a charge finds the provider down, a refund
// need not find it again.
//
// # While the breaker is open
//
// No call reaches the provider but the breaker's probes: no charge, no refund, no
// look-up, no list. A refused call returns at once, with the code [CodeOpen]:
//
//	CreatePayment, ConfirmPayment, CancelPayment, CreateRefund   no effect: it was not sent
//	FindPayment, FindRefund                                      unknown: nothing was read
//	ListRefunds, RefundsOf, DisputesOf, ListDisputes             an error that is resilience.ErrOpen
//
// A refused look-up is never "absent", which only the provider can say. A call
// whose context has ended already is not sent either, and ends in the same way,
// with the code [CodeNotSent]; it takes no probe's place.
//
// # What counts
//
// The breaker counts whether the provider does its work, not whether it says yes:
//
//	done, declined, absent, pending, requires action   success: it answered
//	no effect                                          neutral: it asks to come later
//	unknown, with HTTP status 429                      neutral, likewise
//	unknown, a stored answer that is replayed          neutral: it speaks of an earlier call
//	unknown, after the caller canceled its context     neutral: the caller went away
//	unknown, any other                                 failure: a timeout, a cut connection, a 5xx
//	an outcome that does not exist, a panic            failure
//
// A deadline that passes is a failure, no matter who set it: the provider was
// given its time and did not answer.
//
// # Optional interfaces
//
// What [Refunds] returns states the Capabilities of its gateway, and has
// ListRefunds, and the methods of payment.HistoryReader, exactly when its gateway
// has. [List] and [History] guard what is apart from the gateway.
//
// # Concurrency
//
// Guards are safe for concurrent use. They keep no state of their own.
//
// # Zero values
//
// The guard of a nil gateway is nil, so that the service it is given to
// reports the missing gateway. A nil breaker, and one that resilience.New did not
// make, refuse every call.
package guard
