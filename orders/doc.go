// Package orders sells: products, carts, checkout, stock, payments and flash
// sales.
//
// # Units
//
// Amounts are int64 minor units of an ISO 4217 currency, never a float: 1050 is
// 10.50 USD. Discounts are basis points, weights thousandths of a unit, times UTC
// in microseconds.
//
// # The pure core
//
// [Price] turns products and quantities into order lines. An [Order] changes by its
// methods alone. Each takes an [event.Stamp] (when, and who), checks the state
// machine, and records an event; [Fold] turns the events back into the same order.
//
// # The service
//
// A [Service] puts the core around a [Store] (ordersdb for PostgreSQL and SQLite,
// orderstest for tests) and a [payment.ChargeGateway]:
//
//	svc, err := orders.New(orders.Config{
//		Store:    store,
//		Gateway:  gateway,
//		Currency: "USD",
//	})
//
// [Service.Checkout] commits the order and the intent to charge it before the provider
// is called, and never holds a transaction across a call. What the provider does not
// settle in time is queued with its stock held, and settled later under the same key by
// [Service.Run], the whole worker of the package:
//
//	go svc.Run(ctx)
//
// An order that is not paid within [Config.QueueLimit] is canceled and its stock
// released, but only once it is certainly unpaid: its payment is withdrawn at the
// provider first. An order whose payment is still unknown at [Config.GiveUpAfter] goes
// to the review queue ([Query.NeedsReview]), where staff settle it ([Service.Resolve])
// or have the provider asked again ([Service.Retry]).
//
// # In your transaction
//
// [Service.With] returns the service on a store in a transaction of yours (WithTx of
// ordersdb). An order commits or rolls back with your own rows and is charged after the
// commit. What would call the provider returns [payment.ErrInTransaction].
//
// # What the buyer saw
//
// [CheckoutRequest.Total] is what the buyer was shown. When the total of the cart
// has risen since, Checkout orders nothing and returns [CodePriceChanged] with the
// old and the new total; a lower one is charged as it is now. It is checked
// after the idempotency key and the ownership of the cart, and before stock and
// payment.
//
// # Payment methods
//
// An order is paid by [payment.Cash] or by a method of [Config.ProviderMethods], which
// is charged at the provider. Any other name, the empty one too, is refused.
//
// # Payment on the provider's page
//
// With [Config.Pages] and a gateway that is a [payment.PageGateway], an order can be
// paid on a page of the provider ([CheckoutRequest.OnPage]), so that no card number
// passes through the shop. The order is queued with its stock held, and [Order.PayAt]
// is where to send the customer. The page is looked up by [Service.CheckPayment] when
// they come back, by [Service.Expedite] when the provider sends a message, and by
// [Service.Run] when neither happens; all work under one lease and settle the order
// once. It is canceled only when the provider says that the page no longer takes a
// payment. The address of a page is given out after it is stored, so an order without
// one is certainly unpaid. The table of all cases is in pagerules.go.
//
// # Store credit
//
// [CheckoutRequest.Credit], or AllCredit, has store credit pay first; the method pays
// the rest. [Order.Credit] is the part that store credit pays, with an id and an amount
// of its own as a payment; [Order.Payment] is the rest, which a provider charges. If
// store credit pays all, the order completes at once and the method of [Order.Payment]
// is [payment.StoreCredit], with an amount of zero. [Order.Payments] lists both.
//
// The ledger belongs to another package, such as refunds. The [Store] calls it as a
// [CreditLedger], in the transaction that places or cancels the order. So store credit
// is taken once, when the order is placed, is held while the order is queued, and is
// given back once, when the order is canceled. Of two orders that want the same credit
// at once, one gets it. An amount that is no longer there is refused with
// [CodeCreditTooLow].
//
// What is left for the provider must be an amount that it can charge
// ([payment.ChargeLimiter]). If it is not, less store credit is used where that is
// enough, or the order is refused with [CodeAmountNotChargeable] and the nearest
// amounts. So is an order without store credit whose total the provider's unit can't
// express, such as 4.936 KWD; one beyond the provider's smallest or largest charge is
// the provider's to refuse.
//
// # Currencies
//
// A product sells in its own currency only, one of [Config.Currencies], and an
// order has one currency: a product in another one than the cart's is refused
// with [CodeCurrencyMismatch], and ordered by itself.
//
// # Flash sales
//
// A [FlashSale] sells one product cheaper for a while, up to a cap in all and per
// customer. The caps limit the price, not what is sold: units beyond them are a line of
// their own at the product's own price, and the cart shows both. Each line names its
// sale. A customer may hold units for [Config.ReservationTime]
// ([Service.ReserveFlashSale]); checkout uses them, and what is not used in time goes
// back, by [Service.ExpireReservations] in a worker or by the next customer who asks
// for the product. Stock, caps and reservations of a product change under one lock, so
// that the counts are exact:
//
//	stock = initial + adjustments + restocked - units of orders not canceled - units reserved
//
// # The execution of a charge
//
// An attempt to charge is a loop around a pure function with a closed set of actions:
// create, confirm, look up, cancel, complete, decline, end, wait, review. Its table is
// in decide.go. The lease of the payment is renewed while a call lasts.
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
// A refusal is an *[Error] with a stable [Code]; [CodeOf] returns the code. What does
// not exist wraps [ErrNotFound]. Any other error is of the store or the provider, and
// the request may be sent again with the same idempotency key.
//
// # Concurrency
//
// A [Service] is safe for concurrent use, and any number of processes may share a
// store: units, caps and carts are taken under locks, and a payment is charged by
// the process that holds its lease. Values ([Order], [Product], [Cart]) are plain data: reading
// one from several goroutines is safe, changing it is not.
//
// # Zero values
//
// The zero of each field of [Config], [CheckoutRequest] and [Query] is documented with
// it. The zero [Rules] add nothing to a price: no duty, no shipping, no discount. A
// [Service] is made by [New] alone.
package orders
