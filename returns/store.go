package returns

import (
	"context"
	"io"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/purchase"
	"github.com/returnkit/returnkit/refunds"
)

// Store keeps return cases, the unit guard, and published terms. It is coarse
// and atomic: every method is one transaction of its own. Callbacks are pure
// and may run more than once. Implementations are safe for concurrent use.
//
// A Store copies no rule: a callback returns a checked [Change], which is saved as
// it is. The unit guard is how many units of each order line were bought, and how
// many of them returns claim; a line id is unique within its order only.
//
// This is what each one promises, and returnstest.TestStore holds it to, by number:
//
//  1. A return is read as it was filed, and a filing that is refused saves nothing.
//  2. Create gets the units that the returns before claim, and those that were bought at
//     first.
//  3. Calls for one order run one after the other, and no unit is claimed twice.
//  4. Update saves a change whole or not at all, and of changes at once each is kept.
//  5. The units claimed follow each change of a return, by order and line.
//  6. RMA numbers are counted from 1 by the UTC day, without a gap.
//  7. No two returns have one RMA number, and none is authorized without.
//  8. List returns what its query selects, newest first, page by page, and how many there
//     are.
//  9. Counts returns how many returns are in each status that is not final.
//  10. The events of a return, in order, fold to the return that is stored.
//  11. Terms are read as they were published, in versions from 1 without a gap.
//  12. What is not there is ErrNotFound, whatever the id.
//  13. A call in a context that has ended does nothing, and returns the context's error.
//  14. No memory is shared with the caller, in a callback neither.
type Store interface {
	// Create locks the units of the order, in order of the line id, seeding them
	// from o on first use, and calls decide with them. It saves the Change that
	// decide returns: the return, its events and its Effects, all or nothing.
	// A return whose id is taken, or whose RMA number is, is an error.
	Create(ctx context.Context, o purchase.Purchase, decide func(Units) (Change, error)) (Return, error)
	// Update locks the return and the units of its order, and saves the Change as
	// Create does; an empty one changes nothing. It returns the return as it is
	// kept, or ErrNotFound if it does not exist.
	//
	// Where Effects.RMADay is not empty, both take the next number of that day in
	// the same transaction (1 for the first, without gaps) and save what
	// Change.WithRMA makes of it.
	Update(ctx context.Context, id string, change func(Units, Return) (Change, error)) (Return, error)
	// Return returns the return, or ErrNotFound.
	Return(ctx context.Context, id string) (Return, error)
	// List returns a page of the returns that q selects, newest first (by
	// CreatedAt, then ID), and how many it selects.
	List(ctx context.Context, q Query) ([]Return, int, error)
	// Claims returns the units claimed of the lines of the orders, by order id;
	// lines that nothing is claimed of are left out, and orders without any.
	Claims(ctx context.Context, orderIDs ...string) (map[string]Claims, error)
	// Counts returns how many returns are in each status that is not final.
	// Closed ones only grow in number, and nobody has to act on them.
	Counts(ctx context.Context) (map[Status]int, error)
	// Events returns the return's events in order; none is ErrNotFound.
	Events(ctx context.Context, id string) ([]event.Event, error)

	// Publish appends the next version of the terms. Two at once get different
	// versions. Terms are neither changed nor deleted: an id that is taken is an error. Those
	// that Terms.Check refuses are not published.
	Publish(ctx context.Context, t Terms) (Terms, error)
	// Terms returns the terms of that id, and the latest version if id is empty.
	// It returns ErrNotFound if there are none.
	Terms(ctx context.Context, id string) (Terms, error)
	// AllTerms returns every version, latest first.
	AllTerms(ctx context.Context) ([]Terms, error)
}

// Query selects returns. Zero fields select all.
type Query struct {
	CustomerID string
	OrderID    string
	Status     []Status
	OpenTasks  bool      // only those with an open task
	From, To   time.Time // CreatedAt in [From, To)
	Text       string    // part of the RMA or tracking number or of a product's name, any case
	Page       int       // 1 is the first; 0 means 1
	PageSize   int       // 1 to 1000; 0 means 100
	CountUpTo  int       // no more than these are counted of the returns that match; 0 means all
}

// Pages of a List.
const (
	defaultPageSize = 100
	MaxPageSize     = 1000
)

// Normalize fills in the defaults of Page and PageSize and clips them to
// their ranges. Stores call it.
func (q Query) Normalize() Query {
	q.Page = max(q.Page, 1)
	if q.PageSize <= 0 {
		q.PageSize = defaultPageSize
	}
	q.PageSize = min(q.PageSize, MaxPageSize)
	return q
}

// Orders is where purchases come from. *orders.Service is one; a shop of its
// own fills a purchase.Purchase from its tables. This is what each one promises, and
// returnstest.TestOrders holds it to, by number:
//
//  1. The purchase of a completed order has no wrong field, and was paid what was captured.
//  2. An order reads the same each time, and shares no memory with the caller.
//  3. An order that is not there is ErrNotFound, whatever the id.
//  4. A call in a context that has ended returns the context's error.
type Orders interface {
	// Purchase returns the purchase of an order, or an error that wraps
	// ErrNotFound. It is called outside of transactions, and once more for each
	// refund, so that a delivery recorded meanwhile counts.
	Purchase(ctx context.Context, orderID string) (purchase.Purchase, error)
}

// Restocker puts accepted units back on the shelf. *orders.Service is one. This is
// what each one promises, and returnstest.TestRestocker holds it to, by number:
//
//  1. Units go back on the shelf once per Ref, and the call that did it reports true.
//  2. Of many calls of one Ref at once, one does it.
//  3. What can't be restocked is an error, and its Ref may be sent right later.
//  4. A call in a context that has ended restocks nothing, and returns the context's error.
type Restocker interface {
	// Restock adds the units to the stock of the product, once per Ref whatever
	// happens: it is called again after a crash. It reports whether this call
	// did it.
	Restock(ctx context.Context, r purchase.Restock, by event.Actor) (bool, error)
}

// Refunder pays money back. *refunds.Service is one.
type Refunder interface {
	// Refund opens the refund of a return, or continues it, and returns it as it
	// is now, with its part of each payment of the order.
	Refund(ctx context.Context, r refunds.Request) (refunds.Intent, error)
	// ByClientReference looks up the refund of a return, as it is now: ErrNotFound when
	// none was opened.
	ByClientReference(ctx context.Context, returnID string) (refunds.Intent, error)
	// ByID returns one part of a refund as it is now, or an error that wraps ErrNotFound.
	ByID(ctx context.Context, id string) (refunds.Refund, error)
	// Preview quotes without recording anything.
	Preview(ctx context.Context, r refunds.Request) (refunds.Quote, refunds.Balance, error)
}

// EvidenceStore keeps photos. Paths are made by this package, relative, with
// forward slashes. Implementations are safe for concurrent use. This is what each one
// promises, and returnstest.TestEvidenceStore holds it to, by number:
//
//  1. Open reads the bytes that Put stored last under the path, and they are not the
//     caller's.
//  2. What was deleted, or never put, is ErrNotFound, and deleting it again is no error.
//  3. List calls f with every path under the prefix, and stops at the error of f.
//  4. Put stores whole or not at all, by many at once too.
//  5. Put in a context that has ended stores nothing, and returns the context's error.
type EvidenceStore interface {
	// Put stores data under path, whole or not at all.
	Put(ctx context.Context, path string, data []byte) error
	// Open reads what is stored; ErrNotFound when nothing is.
	Open(ctx context.Context, path string) (io.ReadCloser, error)
	// Delete removes it; nothing to remove is no error.
	Delete(ctx context.Context, path string) error
	// List calls f with every path under prefix, until f returns an error.
	List(ctx context.Context, prefix string, f func(path string) error) error
}
