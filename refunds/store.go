package refunds

import (
	"context"
	"math"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// Store keeps refunds, the balance of each payment, outside money, and store
// credit. It is coarse and atomic: every method is one transaction of its own.
// Callbacks are pure and may run more than once. Implementations are safe for
// concurrent use. This is what each one promises, and refundstest.TestStore holds it
// to, by number:
//
//  1. A refund is read as it was saved: every field, to the microsecond and the minor unit.
//  2. A change is saved whole or not at all: one that is refused leaves everything as it
//     was.
//  3. A client reference has one refund on each payment that is not reversed, however many
//     open it at once.
//  4. Calls for one payment run one after the other, and refunds stay within what was
//     captured.
//  5. A callback gets the refund as it is now, and the caller gets the error of one that
//     refuses.
//  6. The balance follows the status: reserved while open, refunded once succeeded, else
//     neither.
//  7. A refund that failed and is opened again gets another attempt, and keeps those before
//     it.
//  8. PaymentState counts refunds that are neither failed nor reversed, without the one at
//     hand.
//  9. Store credit is granted in the step that makes its refund succeed, and withdrawn with
//     it.
//  10. UpdatePayment saves the holds and the open refunds of a payment, the first time too.
//  11. Outside money is booked once by the provider's id, and counts by its latest state.
//  12. Outside returns what its query selects, oldest first, page by page.
//  13. There is one Sweep, and each change of it is kept.
//  14. ProviderAttempts returns attempts through a provider, by their own time, page by page,
//     and by id.
//  15. Claim leases open refunds whose work is due, the earliest due first, up to its limit.
//  16. Two claims never get the same refund, and an update at the same time does not undo
//     one.
//  17. A worker that lost its lease changes nothing.
//  18. List returns what its query selects, newest first, page by page, and how many there
//     are.
//  19. A refund is found by its client reference, and by the provider's id of each of its
//     attempts.
//  20. The events of a refund, in order, fold to the refund that is stored.
//  21. Each manual method counts its references from 1, and none is given twice.
//  22. Credit appends an entry once per Ref, and no balance falls below zero.
//  23. What is not there is ErrNotFound, whatever the id.
//  24. A call in a context that has ended does nothing, and returns the context's error.
//  25. No memory is shared with the caller, in a callback neither.
//  26. CarriedRests returns what refunds that count carried over and none has paid, page by
//     page.
type Store interface {
	// Open locks the balances of the payments, which are of one order and for one
	// reference, seeding them from r on first use, and the refunds of the reference
	// that are not reversed; decide gets both. The changes it returns, of different
	// refunds, are saved: refunds, attempts, lines, events, balances and store
	// credit, all or nothing. It returns the refunds in the order of the changes.
	//
	// Two calls for one payment, or for one reference, run one after the other.
	Open(ctx context.Context, r []OpenRequest, decide func(OpenState) ([]Change, error)) ([]Refund, error)
	// Update locks the refund and the balance of its payment, and saves the change
	// as Open does. It returns ErrNotFound if the refund does not exist.
	Update(ctx context.Context, id string, change func(Balance, Refund) (Change, error)) (Refund, error)
	// UpdatePayment locks the balance as Open does, and the payment's open refunds;
	// change gets them oldest first. It saves the holds and each refund, all or
	// nothing, and returns the refunds. A payment of another order is CodeInvalid.
	UpdatePayment(
		ctx context.Context, r OpenRequest, change func(Balance, []Refund) (PaymentChange, error),
	) ([]Refund, error)
	// Refund returns the refund, or ErrNotFound.
	Refund(ctx context.Context, id string) (Refund, error)
	// ByClientReferences returns the refunds of each reference, in order of Leg: of
	// each payment the one that is not reversed, or else the latest reversed one.
	// References without a refund are left out; one that is named twice counts once.
	ByClientReferences(ctx context.Context, references []string) (map[string][]Refund, error)
	// List returns a page of the refunds that q selects, newest first (by
	// CreatedAt, then ID), and how many it selects.
	List(ctx context.Context, q Query) ([]Refund, int, error)
	// Claim leases up to limit open refunds whose work is due (see Refund.Due) and
	// of which no lease runs at now (see Refund.Leased) until now + lease, the
	// earliest due first, and returns them as they are after the claim. Two
	// claims never get the same refund.
	Claim(ctx context.Context, now time.Time, lease time.Duration, token string, limit int) ([]Refund, error)
	// Events returns the events of a refund, or of outside money by its OutsideID, in
	// order; none is ErrNotFound.
	Events(ctx context.Context, id string) ([]event.Event, error)
	// NextManualReference returns the next reference of a manual method, such
	// as MANUAL-CAS-00042 or MANUAL-STO-00007. None is given twice.
	NextManualReference(ctx context.Context, m payment.Method) (string, error)
	// ByProviderID returns the refund with an attempt of that provider
	// reference, a manual one included.
	ByProviderID(ctx context.Context, reference string) (Refund, error)
	// PaymentState reads what Open would find, without a lock and without seeding: a
	// preview, true at some instant. What r.Check refuses is ErrNotFound here.
	PaymentState(ctx context.Context, r OpenRequest) (PaymentState, error)
	// CarriedRests returns the payments whose refunds that are neither failed nor reversed
	// have a Quote.Rest of more than 0 in all, in order of PaymentID, those above after, up
	// to limit. None is above what is no text (purchase.CheckText).
	CarriedRests(ctx context.Context, after string, limit int) ([]CarriedRest, error)
	// ProviderAttempts returns what was to be paid back through the provider: card attempts
	// of more than nothing that q selects.
	ProviderAttempts(ctx context.Context, q AttemptQuery) ([]ProviderAttempt, error)

	// What others gave back, and how far the sweep has come.

	// Book locks the balance of the payment, seeding it from r on first use, every
	// refund of the payment, and what is booked under the provider's id; change
	// gets the refunds oldest first, and nil where nothing is booked. It saves the
	// outside money, its events, Balance.Outside and each refund, all or nothing,
	// and returns the change. An empty change saves nothing.
	//
	// Two calls for one payment run one after the other, as with Open, Update and
	// UpdatePayment. A payment of another order is CodeInvalid, and so is a provider's id
	// that is no text, as the field provider_id.
	Book(
		ctx context.Context, r OpenRequest, providerID string,
		change func(Balance, *Outside, []Refund) (OutsideChange, error),
	) (OutsideChange, error)
	// Outside returns what q selects, oldest first (by CreatedAt, then ProviderID).
	Outside(ctx context.Context, q OutsideQuery) ([]Outside, error)
	// UpdateSweep locks the one Sweep, zero before the first call, and saves what
	// change makes of it, unless Sweep.Check refuses it.
	UpdateSweep(ctx context.Context, change func(Sweep) (Sweep, error)) (Sweep, error)

	// The ledger of store credit.

	// Credit appends an entry, once per Ref: a second call with the same Ref
	// changes nothing and reports false. An entry that would bring the balance
	// below zero is refused with CodeCreditTooLow.
	Credit(ctx context.Context, e CreditEntry) (bool, error)
	// CreditBalance is the sum of the customer's entries in the currency.
	CreditBalance(ctx context.Context, customerID string, c money.Currency) (int64, error)
	// CreditEntries returns the customer's entries, newest first (by At, then ID).
	CreditEntries(ctx context.Context, customerID string) ([]CreditEntry, error)
}

// OutsideQuery selects outside money. Zero fields select all.
type OutsideQuery struct {
	OrderID   string
	PaymentID string
	IDs       []string     // the provider's, at most MaxPageSize; nil selects all, an empty list none
	State     OutsideState // in this state
	AfterAt   time.Time    // after the place that a CreatedAt and ProviderID name; zero for the first page
	AfterID   string
	Limit     int // 0 means MaxPageSize
}

// Normalize fills in the default of Limit and clips it to its range. Stores call
// it.
func (q OutsideQuery) Normalize() OutsideQuery {
	if q.Limit <= 0 {
		q.Limit = MaxPageSize
	}
	q.Limit = min(q.Limit, MaxPageSize)
	return q
}

// ProviderAttempt is one card attempt with the refund it belongs to.
type ProviderAttempt struct {
	Refund  Refund
	Attempt Attempt
}

// AttemptQuery selects attempts through the provider of more than nothing, in one of two ways.
//
// With IDs it selects the attempts that have them (Attempt.ID), in any order, and reads no
// other field. Without, it selects a page of attempts with Attempt.CreatedAt in [From, To), in
// order of CreatedAt and ID, after the place that AfterAt and AfterID name.
type AttemptQuery struct {
	IDs      []string  // at most MaxPageSize
	From, To time.Time // a zero To is before every attempt: it selects none
	AfterAt  time.Time // of the last Attempt of the page before
	AfterID  string    // empty for the first page
	Limit    int       // of the page, 1 to MaxPageSize; 0 selects none
}

// OpenRequest names a payment that a refund is on, with what the balance is
// seeded from. A store refuses what Check refuses.
type OpenRequest struct {
	ClientReference string
	OrderID         string
	PaymentID       string
	Captured        int64 // minor units
	Currency        money.Currency
}

// Check refuses an id that is no text, or holds a NUL, as CodeInvalid, with its field:
// reference, order_id or payment_id.
func (r OpenRequest) Check() error {
	if err := checkText("reference", r.ClientReference, math.MaxInt); err != nil {
		return err
	}
	if err := checkText("order_id", r.OrderID, math.MaxInt); err != nil {
		return err
	}
	return checkText("payment_id", r.PaymentID, math.MaxInt)
}

// OpenState is what the store found under the lock.
type OpenState struct {
	Payments []PaymentState // one for each request, in their order
	// Refunds are the refunds of the reference that are not reversed, in order of Leg, also
	// those on other payments, and of another order.
	Refunds []Refund
}

// refund returns the refund on the payment; nil for none.
func (s OpenState) refund(paymentID string) *Refund {
	for i := range s.Refunds {
		if s.Refunds[i].PaymentID == paymentID {
			return &s.Refunds[i]
		}
	}
	return nil
}

// PaymentState is what is known of a payment when a refund of it is decided. StateOf makes
// it of all refunds of an order.
type PaymentState struct {
	Balance Balance
	// Refunded is by order line id, over all refunds of the order except refunds of the
	// reference at hand. It counts refunds that are not failed or reversed, and refunds
	// that are still owed: parts (Quote.Part) that failed while others of their
	// reference stand, or that were taken back and no refund after replaces, neither on
	// their payment nor, by what the others sum to, on another one.
	Refunded map[string]Refunded
	// Carried is the sum of Quote.Rest over the same refunds, of this payment alone.
	Carried int64
	// Owed is what such owed parts on this payment are of, in minor units. It is
	// not reserved, and others leave it.
	Owed int64
}

// Balance is what a payment can still give back. Always Reserved + Refunded <=
// Captured; Outside is what happened, and may exceed it.
type Balance struct {
	PaymentID string
	Currency  money.Currency
	Captured  int64        // minor units
	Reserved  int64        // by open refunds
	Refunded  int64        // succeeded
	Outside   int64        // given back by others; see Outside.Counted
	Holds     []HoldRecord // in order of arrival, released ones too; nil for none
}

// Available is what can still be refunded, in minor units.
func (b Balance) Available() int64 { return b.availableBeside(0) }

// availableBeside is Available without what one refund has reserved.
func (b Balance) availableBeside(reserved int64) int64 {
	return max(0, b.Captured-b.Reserved+reserved-b.Refunded-b.Outside)
}

// Overpaid returns what went back above what was captured, in minor units.
func (b Balance) Overpaid() int64 { return max(0, b.Refunded+b.Outside-b.Captured) }

// CreditEntry is one movement of a customer's store credit.
type CreditEntry struct {
	ID         string // unique; a UUIDv7, or made of an attempt's or an order's id
	CustomerID string
	Currency   money.Currency
	Amount     int64  // minor units; negative when spent
	Ref        string // what makes it happen once, for instance the attempt's id
	Note       string
	At         time.Time
	By         event.Actor
}

// Query selects refunds. Zero fields select all.
type Query struct {
	OrderID string
	Status  []Status
	// NeedsReview selects those with Work.NeedsReview, and parts that are still Owed.
	NeedsReview bool
	From, To    time.Time // CreatedAt in [From, To)
	Page        int       // 1 is the first; 0 means 1
	PageSize    int       // 1 to 1000; 0 means 100
}

// Pages of a List.
const (
	DefaultPageSize = 100
	MaxPageSize     = 1000
)

// Normalize fills in the defaults of Page and PageSize and clips them to
// their ranges. Stores call it.
func (q Query) Normalize() Query {
	q.Page = max(q.Page, 1)
	if q.PageSize <= 0 {
		q.PageSize = DefaultPageSize
	}
	q.PageSize = min(q.PageSize, MaxPageSize)
	return q
}
