package orders

import (
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// Status is the state of an Order. A cart is not an order.
type Status string

// The states of an order and where they lead:
//
//	submitted -> completed | queued | canceled
//	queued    -> completed | canceled
//
// completed and canceled are final.
const (
	StatusSubmitted Status = "submitted" // placed, its payment not yet answered; shown as QUEUED
	StatusQueued    Status = "queued"    // accepted, charged later under the same key
	StatusCompleted Status = "completed" // accepted and paid
	StatusCanceled  Status = "cancelled" // certainly unpaid; its stock is released
)

// Order is what a customer bought, at the prices and terms of that moment.
// It is a value: functions of this package change it and record Events.
type Order struct {
	ID             string // UUIDv7
	Number         string // what people read: ORD-YYYYMMDD-..., unique
	CustomerID     string
	CartID         string // the cart it was made of; at most one order not canceled per cart
	IdempotencyKey string // the caller's key, unique per customer; empty when none was given, or a decline freed it
	TermsID        string // the policy version in force at purchase; opaque here
	Source         string // where it came from: "web", "api", "demo", "partner"
	Currency       money.Currency
	Status         Status
	Lines          []Line
	Credit         CreditPart // what store credit pays, first
	Payment        Payment    // what pays the rest, and all where there is no Credit
	PlacedAt       time.Time
	CompletedAt    time.Time // zero until completed
	CanceledAt     time.Time // zero until canceled
	CancelReason   string
	DeliveredAt    time.Time // zero until delivery is recorded
	UpdatedAt      time.Time
	Version        int // number of events so far; the store refuses a stale save

	changes []event.Event
}

// Line is one product of an order, with a snapshot of what mattered then.
type Line struct {
	ID           string // UUIDv7
	ProductID    int64
	Name         string
	Category     string
	FinalSale    bool
	Quantity     int
	UnitList     int64 // list price of one unit, minor units
	UnitDiscount int64 // discount on one unit, minor units, rounded half up
	Paid         money.Components
	SaleID       string // the flash sale it was bought in, empty for none
}

// PaymentStatus is what is known of a payment.
type PaymentStatus string

// The states of a payment.
const (
	PaymentPending  PaymentStatus = "pending"   // not captured: no confirm is out whose answer is missing
	PaymentUnknown  PaymentStatus = "unknown"   // a confirm may be out and has no usable answer
	PaymentCaptured PaymentStatus = "captured"  // the money is here
	PaymentDeclined PaymentStatus = "declined"  // a definite no
	PaymentCanceled PaymentStatus = "cancelled" // certainly never captured
)

// maxPriority is the highest Payment.Priority.
const maxPriority = 9

// Payment is the payment of an order, with the work of charging it later.
type Payment struct {
	ID     string         // UUIDv7
	Method payment.Method // store_credit where Order.Credit leaves nothing to pay
	// Amount is in minor units. With Order.Credit it is the sum of what all lines
	// paid.
	Amount int64
	Status PaymentStatus
	// Token stands for the card at the provider (a payment method id). A card
	// number is never stored.
	Token string
	// Key is the idempotency key of the charge, frozen when the order is placed.
	Key string
	// KeyRound counts the keys given up because the provider had stored a server error
	// under them and would replay it forever. A new key is safe: one payment object
	// captures at most once, whatever the key.
	KeyRound int
	// ProviderID is the provider's id of the payment (a PaymentIntent), empty until known.
	ProviderID string
	// Page is where the customer pays it; see Payment.OnPage.
	Page PaymentPage
	// Priority is how soon a queued payment is charged: 0 to 9, the
	// higher first, equal ones in order of arrival.
	Priority int
	// FirstSentAt is when the creation of the payment object may first have
	// been sent, zero before. It is committed before the call.
	FirstSentAt time.Time
	CapturedAt  time.Time
	DeclineCode string // the provider's code of a definite no
	// Failure is why the last attempt brought no money, empty before the first and
	// once it is captured; see payment.Failure.
	Failure payment.Failure
	// FailureLimit is the limit in minor units that Amount is beyond, where Failure
	// is payment.AmountTooSmall or payment.AmountTooLarge; 0: not known.
	FailureLimit int64
	Work         payment.Work
}

// Total is what the order cost in all, in minor units: what Credit and Payment
// pay together.
func (o *Order) Total() int64 {
	var t int64
	for _, l := range o.Lines {
		t += l.Paid.Total()
	}
	return t
}

// Line returns the line with the id, and whether there is one.
func (o *Order) Line(id string) (Line, bool) {
	for _, l := range o.Lines {
		if l.ID == id {
			return l, true
		}
	}
	return Line{}, false
}
