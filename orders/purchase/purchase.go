package purchase

import (
	"time"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
)

// Status is how far an order has come.
type Status string

// The states of a purchase. Something can be returned of a completed one.
const (
	Open      Status = "open"      // placed, and not yet complete
	Completed Status = "completed" // accepted by the shop
	Canceled  Status = "cancelled" // ended without a sale
)

// Purchase is an order as returns and refunds see it.
type Purchase struct {
	OrderID    string
	CustomerID string
	TermsID    string // the policy version in force at purchase; empty: the current one
	Status     Status
	Currency   money.Currency // of all lines and payments
	Lines      []Line
	Payments   []Payment
	PlacedAt   time.Time
	// DeliveredAt is when the last good of the order arrived, zero while it is
	// not known.
	DeliveredAt time.Time
}

// Line is units of one product, as they were sold.
type Line struct {
	ID        string // unique within its order
	ProductID string
	Name      string
	Category  string // may be empty
	FinalSale bool
	Quantity  int    // units bought, 1 to 1,000,000,000
	Paid      Amount // for all units together
}

// maxQuantity is the largest number of units of a line.
const maxQuantity = 1_000_000_000

// Amount is what was paid for a line, in minor units of its currency. An
// Amount without a currency was never set, and Check refuses it; a stated zero,
// such as for a gift, is valid.
type Amount struct {
	Currency money.Currency
	money.Components
}

// Paid returns the Amount of these components.
func Paid(c money.Currency, parts money.Components) Amount {
	return Amount{Currency: c, Components: parts}
}

// Payment is one payment of the order. An order has one or more; what they
// captured adds up to what the lines were paid.
type Payment struct {
	ID     string
	Method payment.Method // a method that pays, never original_method
	// ProviderID is the provider's id of the payment. Methods that go through
	// a provider need it, unless nothing was captured.
	ProviderID string
	Captured   int64 // minor units; 0 or more, and 0 until the money is here
}

// Restock says which units go back on the shelf.
type Restock struct {
	Ref       string // names the goods, such as a return line; the same Ref restocks once
	ProductID string
	Quantity  int // 1 or more
}

// Line returns the line with the id, and reports whether there is one.
func (p Purchase) Line(id string) (Line, bool) {
	for _, l := range p.Lines {
		if l.ID == id {
			return l, true
		}
	}
	return Line{}, false
}

// Total returns what the lines were paid in all, in minor units.
func (p Purchase) Total() int64 {
	var sum int64
	for _, l := range p.Lines {
		sum += l.Paid.Total()
	}
	return sum
}

// Captured returns what the payments captured in all, in minor units.
func (p Purchase) Captured() int64 {
	var sum int64
	for _, pay := range p.Payments {
		sum += pay.Captured
	}
	return sum
}

// CreditMove is store credit that an order takes, or gives back. It is what a
// shop's orders ask of the ledger's keeper.
type CreditMove struct {
	Ref        string // names the move, such as order:ID; the same Ref moves once
	CustomerID string
	Currency   money.Currency
	Amount     int64  // minor units: below 0 taken, above 0 given back
	Note       string // what it is for, in words for the customer
}
