// Package returns takes goods back: the policy as data, the verdict on a
// request, the case from request to inspection, and what follows a refund.
//
// # The pure core
//
// A [Policy] is the rules of returning. Published, it is a version of the [Terms],
// pinned to an order at purchase and never changed. [Evaluate] judges a request:
//
//	verdict := returns.Evaluate(terms, order, claims, request, at)
//
// It depends on its arguments alone. Every rule that fails is a [Finding] with
// its code, the fact it used, the limit, the deadline, and the nearest value that
// would pass; [Finding.Message] makes words of it. [Returnable] says the same of a
// whole order before anything is requested: how many units, until when, or why not.
//
// A [Return] is one case. It changes by its methods alone; each takes an
// event.Stamp (when, and who), checks the state machine (see [Status]), and
// records an event. [Fold] turns the events back into the same case, so the
// timeline is the truth and not a copy of it.
//
// # The service
//
// [Service] puts the core around a [Store] (package returnsdb has one for PostgreSQL
// and SQLite, returnstest one for tests), the [Orders], a [Refunder], a [Restocker]
// and an [EvidenceStore] (photos are optional):
//
//	svc, err := returns.New(returns.Config{
//		Store: store, Orders: shop, Refunder: refunds, Restocker: shop, Evidence: photos,
//	})
//	c, err := svc.Create(ctx, by, returns.CreateParams{
//		OrderID: id, CustomerID: customer, Reason: returns.ReasonDamaged, Items: items,
//	})
//
// The orders are any shop's: [Orders] gives a purchase.Purchase, which is checked
// field by field when a return is requested. *orders.Service is an Orders and a
// Restocker, *refunds.Service a Refunder.
//
// Publish the terms before the first order ([Service.EnsureTerms]); an order that names
// none is judged by the current ones. Package orders pins them when an order is placed:
//
//	orders.Config{Terms: func(ctx context.Context) (string, error) {
//		t, err := svc.Terms(ctx, "")
//		return t.ID, err
//	}}
//
// Then [Service.Authorize] (the case gets its RMA number), [Service.Ship],
// [Service.Receive], [Service.Inspect], and [Service.Refund]. Customers are held to
// the verdict; staff see it as advice and may override the policy with an
// [Override], which records who, why, and which rules.
//
// # Photos
//
// The terms say how many photos a request needs and may have, for which reasons, and of
// which types: [Policy.PhotosRequired], PhotosRequiredFor, MaxPhotos and PhotoTypes, which
// [Evaluate] judges. How large one may be, and how much memory reading it may take, are the
// [ImageLimits] of [Config]. What is kept is made anew from what was sent, without its
// metadata, and goes to the [EvidenceStore].
//
// # Inspection
//
// An inspection says how many units of a line are accepted, in what [Condition] they came,
// and where they go: their [Disposition], whose comment says what it takes to add one.
// [ProposeDisposition] names one where staff do not.
//
// # What follows
//
// A refund may end long after the request that asked for it, and a process may
// stop at any point. One line has cases follow their refunds, on the outbox of a
// database or in memory:
//
//	err := returns.Subscribe(dispatcher, svc)
//	go dispatcher.Run(ctx)
//
// A refund that the provider reverses later leaves its case refunded and opens a task;
// [Return.Reversed] reports it, and Service.Refund pays again.
//
// # In a transaction
//
// [Service.With] creates a case in a transaction of the caller's, so that it commits
// or rolls back with the caller's own rows.
//
// # What always holds
//
// The units that cases claim of an order line never exceed the units bought: a
// request is judged under the lock of its order's units. A case passes only the
// transitions of Status, final states stay final, and a refund that fails changes
// neither the status nor the stock. Goods, money and stock are three flows: a
// refund may be paid before the goods arrive where the policy or an override says
// so, and each accepted unit goes back on the shelf once, at the point that
// Policy.RestockAt names.
//
// # Concurrency
//
// A Service is safe for concurrent use, and any number of processes may share a
// store. Values (Policy, Terms, Return, Verdict) are plain data: reading one from
// several goroutines is safe, changing it is not.
//
// # Units
//
// Amounts are int64 minor units of their currency: 1050 is 10.50 USD. Fees are basis
// points (1500 is 15 %) and minor units. Quantities are units of goods. Windows are
// days of the calendar in the zone of the terms; a deadline is the first instant
// that is too late. Instants are UTC in microseconds.
//
// # Errors
//
// A refusal is an [*Error] with a stable [Code], the field at fault, and a sentence
// for the reader; [CodeOf] returns the code. A request that the policy refuses has
// the code of its first finding, such as WINDOW_EXPIRED, and carries the [Verdict].
// What does not exist wraps [ErrNotFound]. Any other error is of a neighbor or the
// store: the same call may be made again.
//
// # Zero values
//
// The zero Policy refuses every return. The zero of each field of [Config] and
// [Query] is documented with it; a Service is made by [New] alone.
package returns
