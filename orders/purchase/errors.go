package purchase

import "errors"

// ErrNotFound is returned (wrapped) for what does not exist. Packages orders,
// refunds and returns share it, so that one errors.Is serves them all.
var ErrNotFound = errors.New("not found")

// Error is a field of a Purchase or Restock that is wrong, and what is allowed.
type Error struct {
	Field   string // such as Lines[0].Paid.Currency
	Message string // a sentence
}

// Error implements error.
func (e *Error) Error() string { return "purchase: " + e.Field + ": " + e.Message }
