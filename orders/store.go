package orders

import (
	"context"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
)

// Horizon is longer than any wait between two attempts at a payment, and than
// any lease. What is due, or leased, further ahead was written by a clock that
// has been set back since: it is due now, or the work would wait as long.
const Horizon = 2 * time.Minute

// Store keeps products, carts and orders. It is coarse and atomic: every
// method is one transaction of its own; no transaction crosses a package, but for
// the CreditLedger's part in it, or rides in a context. Callbacks are pure and may run more than once (a
// serialization failure is retried); calling a store inside one is a bug.
// Implementations are safe for concurrent use.
//
// An id that is no text (no UTF-8, or with a NUL) is the id of nothing, and CodeInvalid
// with its field where it would be kept.
//
// Products come with their flash sales: in a cart as they stand for its
// customer, elsewhere for no customer in particular. Whatever changes a flash
// sale, the counts of its caps or its reservations holds the lock of the product.
//
// This is what each one promises, and orderstest.TestStore holds it to, by number:
//
//  1. A product is read as it was saved, and a change of it that fails saves nothing.
//  2. Restock adds units once per Ref, within the limit of the stock.
//  3. A customer has one open cart, and it is read with its products as it was saved.
//  4. An order is read as it was placed: every field, to the microsecond and the minor unit.
//  5. A placement that decide or this package refuses saves nothing.
//  6. An order takes its units from the stock, and never more than there are.
//  7. A cart is ordered once, by its customer, and what is put into it meanwhile is not
//     lost.
//  8. An idempotency key of a customer is one order, unless that is canceled.
//  9. No two orders have one number.
//  10. Update saves a change of an order whole or not at all.
//  11. An order that is canceled gives back its units and its cart.
//  12. Claim leases due payments by priority, then the oldest first, up to its limit.
//  13. Two claims never get the same order, and an update at the same time does not undo one.
//  14. A worker that lost its lease changes nothing.
//  15. List returns what its query selects, newest first, page by page, and how many there
//     are.
//  16. The events of an order, in order, fold to the order that is stored.
//  17. A flash sale is read as it was saved, and changes until it is over.
//  18. A product has one flash sale at a time.
//  19. The caps of a flash sale hold for orders and reservations together.
//  20. A reservation holds its units until it is used, expires, or its sale ends.
//  21. Stock, flash sales, reservations and orders add up.
//  22. What is not there is ErrNotFound, whatever the id.
//  23. A call in a context that has ended does nothing, and returns the context's error.
//  24. No memory is shared with the caller, in a callback neither.
//  25. FindProducts returns what its query selects, by id, page by page, and how many there
//     are.
type Store interface {
	// Products and their stock.

	Product(ctx context.Context, id int64) (Product, error)
	// Products lists all products by id.
	Products(ctx context.Context) ([]Product, error)
	// FindProducts returns a page of products, by id, and how many match.
	FindProducts(ctx context.Context, q ProductQuery) ([]Product, int, error)
	// SaveProduct creates a product when id is 0 (the callback gets the zero
	// Product), or loads product id locked, runs change, and saves it. A
	// change of Stock is recorded as an adjustment with the stamp. A text of the product
	// or of the stamp that no database keeps, see event.BadText, is CodeInvalid.
	SaveProduct(ctx context.Context, id int64, s event.Stamp, change func(*Product) error) (Product, error)
	// Restock puts units back on the shelf, once per Ref: a second call with
	// the same Ref changes nothing and reports false. It returns CodeInvalid for
	// more than Product.CheckRestock allows, and for a stamp as in SaveProduct.
	Restock(ctx context.Context, r Restock, s event.Stamp) (bool, error)

	// The open cart of each customer.

	// Cart returns the customer's open cart with the products it names; a cart
	// with no items and no id when the customer has none.
	Cart(ctx context.Context, customerID string) (Cart, map[int64]Product, error)
	// UpdateCart loads the open cart locked (newCartID is used when there is
	// none yet), with the products it names and those in productIDs, runs
	// change and saves the cart.
	UpdateCart(ctx context.Context, customerID, newCartID string, productIDs []int64,
		change func(*Cart, map[int64]Product) error) (Cart, error)

	// Orders with their payments.

	// Place turns a cart into an order in one transaction. It locks the cart and
	// its products in id order, ends the reservations of the products that
	// expired by r.At, and calls decide with what it found.
	//
	// decide returns the new order, or an error and then nothing is saved. The
	// store makes the order a Change and saves it, its events and its Effects; it
	// refuses more units than the stock or the caps of a flash sale have, where
	// the units of a reservation that the order uses are the order's first. It
	// refuses store credit that the customer does not have, with CodeCreditTooLow.
	//
	// Where the cart has an order that is not canceled, or the customer has an
	// order under the IdempotencyKey, Place returns that order with placed false
	// and does not call decide. It returns ErrNotFound for a CartID that is not
	// the customer's.
	//
	// A store may execute several calls in one transaction; each fails alone,
	// and returns only after its own commit.
	Place(ctx context.Context, r PlaceRequest, decide func(Placement) (*Order, error)) (o Order, placed bool, err error)
	Order(ctx context.Context, id string) (Order, error)
	// Update loads the order locked, runs change on a copy, and saves the Change
	// between the two with its events and Effects, in one transaction.
	Update(ctx context.Context, id string, change func(*Order) error) (Order, error)
	// List returns a page of orders, newest first, and how many match.
	List(ctx context.Context, q Query) ([]Order, int, error)
	// Claim leases up to limit orders whose payment work is due (Work.NextAt
	// at or before now, not leased, not given up), by priority and then the oldest first, and returns
	// them as they are after the claim. An instant more than Horizon ahead counts
	// as past.
	Claim(ctx context.Context, now time.Time, lease time.Duration, token string, limit int) ([]Order, error)
	// Events returns the events of an order, a flash sale or a reservation, in
	// order of Seq.
	Events(ctx context.Context, id string) ([]event.Event, error)

	// Flash sales and the reservations in them.

	FlashSale(ctx context.Context, id string) (FlashSale, error)
	// FlashSales lists those that are on at the instant, or all when it is zero
	// (the newest 1000), the ones that start last first.
	FlashSales(ctx context.Context, at time.Time) ([]FlashSale, error)
	// CreateFlashSale saves a new sale with its events, unless it overlaps
	// another one of the product (CodeSaleOverlap). No such product is
	// ErrNotFound.
	CreateFlashSale(ctx context.Context, f FlashSale) (FlashSale, error)
	// UpdateFlashSale loads the sale locked, runs change, and saves it with its
	// events, unless it overlaps another one now. Reservations that would
	// outlive the sale are shortened.
	UpdateFlashSale(ctx context.Context, id string, s event.Stamp, change func(*FlashSale) error) (FlashSale, error)
	// Reserve locks the product of the sale, ends its reservations that have
	// expired by the stamp, and calls decide with the product as it stands for
	// the customer. What decide returns is saved, with its events, and the
	// units it holds more (or less) than before leave (or rejoin) the stock and
	// the sale. When decide refuses, what has expired is ended all the same.
	Reserve(ctx context.Context, saleID, customerID string, s event.Stamp,
		decide func(Product) (Reservation, []event.Event, error)) (Reservation, error)
	Reservation(ctx context.Context, id string) (Reservation, error)
	// ExpireReservations ends up to limit reservations whose time is up and
	// gives their units back. It returns how many it ended. Whoever's call finds
	// them expired, their events are by event.System("flash sales").
	ExpireReservations(ctx context.Context, s event.Stamp, limit int) (int, error)
}

// Restock says which units go back on the shelf.
type Restock struct {
	Ref       string // what makes it happen once, for instance the return line's id
	ProductID int64
	Quantity  int // 1 or more
}

// PlaceRequest names the cart to be ordered.
type PlaceRequest struct {
	CustomerID     string
	CartID         string // empty: the customer's open cart
	IdempotencyKey string // empty: none
	Credit         bool   // Placement.Credit is wanted
	At             time.Time
	From           event.Source // of what has to be cleared up first, such as reservations that expired
}

// Placement is what Place found under the lock. Changing it changes nothing.
type Placement struct {
	Cart     Cart
	Products map[int64]Product
	// Credit is the customer's store credit in each of the Currencies, minor units,
	// locked with the cart where PlaceRequest.Credit asks for it. nil: it was not
	// asked for, or the store has no ledger (CreditLedger).
	Credit map[money.Currency]int64
}

// Query selects orders. Zero fields select all.
type Query struct {
	IDs         []string // ids of no order are left out
	CustomerID  string
	Status      []Status
	NeedsReview bool      // only those in the review queue (Work.NeedsReview)
	From, To    time.Time // PlacedAt in [From, To)
	Text        string    // part of the order number or of a product's name, any case
	Page        int       // 1 is the first; 0 means 1
	PageSize    int       // 1 to 1000; 0 means 20
	CountUpTo   int       // no more than these are counted of the orders that match; 0 means all
}

// ProductQuery selects products. Zero fields select all.
type ProductQuery struct {
	IDs        []int64 // ids of no product are left out
	Text       string  // part of the name or of the category, any case
	StockBelow int     // only those with fewer units than this in stock
	Page       int     // 1 is the first; 0 means 1
	PageSize   int     // 1 to 1000; 0 means 20
}

// MaxPageSize is the most orders, or products, of one page.
const MaxPageSize = 1000

// Normalize returns q with a Page of 1 or more (a billion at most) and a
// PageSize of 1 to MaxPageSize, 20 when it was 0.
func (q Query) Normalize() Query {
	q.Page, q.PageSize = normalPage(q.Page, q.PageSize)
	return q
}

// Normalize returns q with Page and PageSize within bounds, as Query.Normalize does.
func (q ProductQuery) Normalize() ProductQuery {
	q.Page, q.PageSize = normalPage(q.Page, q.PageSize)
	return q
}

func normalPage(page, size int) (int, int) {
	if size <= 0 {
		size = 20
	}
	return min(max(page, 1), 1_000_000_000), min(size, MaxPageSize)
}
