// Package returnkit is the guide to the packages of this module; it holds no
// code.
//
// Returnkit is a set of small packages for shops that take goods back: what a
// customer may return and why not, what is to be paid back to the minor unit,
// and how to pay it exactly once although the payment provider times out, the
// process crashes, and somebody clicks twice.
//
// # The packages
//
//   - [github.com/returnkit/returnkit/returns]: the policy as data, the
//     verdict on a request, deadlines in calendar days, the return case from
//     request to inspection, the rules for photos.
//   - [github.com/returnkit/returnkit/refunds]: the quote and how it splits,
//     the methods, the execution of a refund, store credit.
//   - [github.com/returnkit/returnkit/orders]: products, carts, checkout, stock
//     and payments. Below it stand what all three share:
//     [github.com/returnkit/returnkit/orders/money],
//     [github.com/returnkit/returnkit/orders/event] with its outbox,
//     [github.com/returnkit/returnkit/orders/payment] (the words of a payment
//     provider, and Stripe),
//     [github.com/returnkit/returnkit/orders/purchase] (an order as returns and
//     refunds see it) and
//     [github.com/returnkit/returnkit/orders/sqlstore] (your database).
//   - [github.com/returnkit/returnkit/resilience]: the circuit breaker, retry
//     and timeout; resiliencehttp puts them around an http.RoundTripper.
//   - [github.com/returnkit/returnkit/throttle]: rate limiters, fair admission
//     and a queue; throttlehttp puts them in front of handlers.
//   - [github.com/returnkit/returnkit/observability]: metrics, logs, health.
//
// Each can be imported alone. returns stands on refunds and on a purchase, not
// on orders; resilience and throttle stand on nothing of ours. None of them
// brings a database driver, a metrics client or a payment client with it, but
// for observability, which is about Prometheus.
//
// # Where to start
//
// To ask whether something can be returned, build a returns.Terms and call
// returns.Evaluate: a pure function, no store, no clock. To know what a return
// is worth, call refunds.NewQuote. To run the whole case, make a
// returns.Service on a store: returnstest has one in memory, returnsdb one for
// PostgreSQL and SQLite. Each program under examples/ shows one of these steps,
// and five of them have a page that builds it: your own database, your own
// orders, your own provider, property tests of your store, and limits and
// breakers over HTTP.
//
// # Your own store or gateway
//
// A package holds the interface and says what it must do; orderstest,
// returnstest and refundstest hold the suite that every implementation
// passes. Run it against yours:
//
//	func TestStore(t *testing.T) {
//		returnstest.TestStore(t, func(t *testing.T) returns.Store { return mine(t) })
//	}
//
// # What always holds
//
// Money is an integer number of minor units. A refund is committed before the
// provider is called and no transaction is open during the call. An answer
// that does not come is unknown, never failed. Pure functions take the instant
// as an argument. Every change of a case, an order or a refund is an event,
// saved with the change, and folding the events gives the state.
//
// The command refserver assembles all of it into a shop: go run ./refserver.
package returnkit
