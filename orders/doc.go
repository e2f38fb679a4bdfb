// Package orders holds what a shop sells and what its customers bought:
// money, products, carts, checkout, stock and payments.
//
// # The pure core
//
// Money is int64 minor units and an ISO 4217 currency, never a float. Price
// turns products and quantities into order lines; Allocate splits an amount
// without losing a unit; Share says what the first k of n units are worth, so
// that everything given back in any grouping sums to what was paid.
//
// An Order changes by its methods alone. Each takes a Stamp (when and by
// whom), checks the state machine, and records an Event; Fold turns the
// events back into the same order.
//
// # The service
//
// Service puts the core around a Store (ordersdb for PostgreSQL and SQLite,
// orderstest for tests) and a payment Gateway:
//
//	svc, err := orders.New(orders.Config{
//		Store:    store,
//		Gateway:  gateway,
//		Currency: "USD",
//		Terms:    func(ctx context.Context) (string, error) { return policy.Current(ctx) },
//	})
//
// Checkout commits the order and the intent to charge it before the provider
// is called, and never holds a transaction across a call. What the provider
// does not settle in time is queued with its stock held; ChargeDue, run by a
// worker, settles it later under the same key.
//
// An order that is not paid within Config.QueueLimit is withdrawn at the
// provider, cancelled, and its stock released, only when it is certainly unpaid.
// One that nobody can tell of by Config.GiveUpAfter waits for a person
// (Query.NeedsReview), who says what the provider shows (Resolve) or has it asked
// again (Retry).
//
// # Flash sales
//
// A FlashSale sells one product cheaper for a while, up to a cap in all and per
// customer. The cart shows its price and the order is charged it; each line
// names its sale. A customer may hold units for Config.ReservationTime
// (ReserveFlashSale); checkout uses them, and what is not used in time goes back,
// by ExpireReservations in a worker or by the next customer who asks for the
// product. Stock, caps and reservations of a product change under one lock, so
// that the counts are exact:
//
//	stock = initial + adjustments + restocked - units of orders not cancelled - units reserved
//
// # Why no charge happens twice
//
// A charge is two calls: create the payment object, then confirm it. The
// object's reference is committed before the confirm is sent, create is sent
// only while no reference is stored, and one object captures at most once at
// the provider. So however often a worker dies or an answer is lost, there is
// one object that could have been captured, its state can be looked up, and an
// order without a reference is certainly unpaid.
//
// # Errors
//
// Refusals are *Error with a stable Code (CodeOf finds it); what does not
// exist is ErrNotFound. Any other error is trouble below, and the request may
// be sent again with the same idempotency key.
package orders
