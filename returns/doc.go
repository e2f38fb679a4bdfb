// Package returns takes goods back: the policy as data, the verdict on a
// request, the case from request to inspection, and the rules for photos.
//
// # The pure core
//
// A Policy is the rules of returning. Published, it is a version of the Terms,
// pinned to an order at purchase and never changed. Evaluate judges a request:
//
//	verdict := returns.Evaluate(terms, order, claims, ask, at)
//
// It depends on its arguments alone. Every rule that fails is a Finding with
// its code, the fact it used, the limit, the deadline, and the nearest value
// that would pass; Message makes words of it. Returnable says the same of a
// whole order before anything is asked: how many units, until when, or why not.
//
// A Return is one case. It changes by its methods alone; each takes a Stamp
// (when and by whom), checks the state machine (see Status), and records an
// Event. Fold turns the events back into the same case, so the timeline is the
// truth and not a copy of it.
//
// # The service
//
// Service puts the core around a Store (returnsdb for PostgreSQL and SQLite,
// returnstest for tests), the orders, a Refunder, a Restocker and an
// EvidenceStore (photos are optional):
//
//	svc, err := returns.New(returns.Config{
//		Store: store, Orders: shop, Refunder: refunds, Restocker: shop, Evidence: photos,
//	})
//	c, err := svc.Create(ctx, by, returns.CreateParams{OrderID: id, CustomerID: customer, Reason: returns.ReasonDamaged, Items: items})
//
// The orders are any shop's: Orders gives a purchase.Purchase, which is checked
// field by field when a return is requested. *orders.Service is an Orders and a
// Restocker, *refunds.Service a Refunder.
//
// Then Authorize (the case gets its RMA number), Ship, Receive, Inspect, and
// Refund. Customers are held to the verdict; staff see it as advice and may set
// rules aside with an Override, which records who, why, and which.
//
// # What always holds
//
// The units that cases hold of an order line never exceed the units bought: a
// request is judged under the lock of its order's units. A case passes only the
// transitions of Status, final states stay final, and a refund that fails
// changes neither the status nor the stock. Goods, money and stock are three
// flows: a refund may be paid before the goods arrive where the policy or an
// override says so, and each accepted unit goes back on the shelf once, at the
// point that Policy.RestockAt names.
package returns
