package refunds

import (
	"errors"
	"fmt"

	"github.com/returnkit/returnkit/orders/purchase"
)

// ErrNotFound is returned (wrapped) for what does not exist. It is the
// ErrNotFound of package purchase.
var ErrNotFound = purchase.ErrNotFound

// Code is the stable name of a refusal.
type Code string

// The codes of this package.
const (
	CodeInvalid         Code = "INVALID"            // a field is out of its range
	CodeNothingToRefund Code = "NOTHING_TO_REFUND"  // no units
	CodeBalance         Code = "BALANCE"            // more than the payment can still give back
	CodeMethod          Code = "METHOD_NOT_ALLOWED" // not for this payment or not by the terms
	CodeTransition      Code = "TRANSITION"         // the state does not allow it
	CodeCreditTooLow    Code = "CREDIT_TOO_LOW"     // store credit would go below zero
	CodeLeaseLost       Code = "LEASE_LOST"         // another worker has taken over
	CodeContradiction   Code = "CONTRADICTION"      // the provider says something else than we recorded
	CodeAmountChanged   Code = "AMOUNT_CHANGED"     // the refund is of another amount than Request.Expect
	CodeUnconfirmed     Code = "UNCONFIRMED"        // the provider's answer is against it; see ResolveParams.Confirmed
)

// Error is a refusal with a stable code. Message is a sentence for people
// and names the thing and what is allowed.
type Error struct {
	Code    Code
	Field   string // the field or thing at fault, when there is one
	Message string
	Err     error // cause, when there is one
}

func (e *Error) Error() string {
	if e.Field != "" {
		return fmt.Sprintf("refunds: %s: %s: %s", e.Code, e.Field, e.Message)
	}
	return fmt.Sprintf("refunds: %s: %s", e.Code, e.Message)
}

func notFound(what, id string) error {
	return fmt.Errorf("refunds: there is no %s %q: %w", what, id, ErrNotFound)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first Error in err's chain, or "".
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
