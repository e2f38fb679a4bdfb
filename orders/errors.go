package orders

import (
	"errors"
	"fmt"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/orders/purchase"
)

// ErrNotFound is returned (wrapped) for what does not exist.
// It is the ErrNotFound of package purchase.
var ErrNotFound = purchase.ErrNotFound

// Code is the stable name of a refusal.
type Code string

// The codes of this package.
const (
	CodeNotFound            Code = "NOT_FOUND"
	CodeInvalid             Code = "INVALID"               // a field is out of its range
	CodeCartEmpty           Code = "CART_EMPTY"            // nothing to order
	CodeOutOfStock          Code = "OUT_OF_STOCK"          // fewer units than asked for; Available says how many
	CodePaymentDeclined     Code = "PAYMENT_DECLINED"      // a definite no; Reason holds the provider's code
	CodeTransition          Code = "TRANSITION"            // the state does not allow it
	CodePaymentUncertain    Code = "PAYMENT_UNCERTAIN"     // it can't be canceled: it may be paid
	CodeUnconfirmed         Code = "UNCONFIRMED"           // the provider's answer is against it; see Resolution
	CodeCurrencyMismatch    Code = "CURRENCY_MISMATCH"     // two currencies in one sum
	CodeOverflow            Code = "OVERFLOW"              // beyond the range of int64 minor units
	CodeIdempotencyMismatch Code = "IDEMPOTENCY_MISMATCH"  // the key was used for another request
	CodePriceChanged        Code = "PRICE_CHANGED"         // the total rose since it was shown; see OldTotal
	CodeCreditTooLow        Code = "CREDIT_TOO_LOW"        // less store credit than was to pay; Limit says how much
	CodeAmountNotChargeable Code = "AMOUNT_NOT_CHARGEABLE" // by the provider; Nearest are amounts that can be
	CodeSaleLimit           Code = "SALE_LIMIT"            // beyond the caps of a flash sale; Available says how many
	CodeSaleOverlap         Code = "SALE_OVERLAP"          // the product has a flash sale at that time
	CodeSaleNotActive       Code = "SALE_NOT_ACTIVE"       // the flash sale is not on
	CodeLeaseLost           Code = "LEASE_LOST"            // another worker has taken over
)

// Error is a refusal with a stable code. Message is for people
// and names the thing and what is allowed.
type Error struct {
	Code      Code
	Field     string // the field or thing at fault, when there is one
	Message   string
	ProductID int64  // for CodeOutOfStock and the codes of flash sales
	Available int    // for CodeOutOfStock and CodeSaleLimit: units that can be had
	Reason    string // for CodePaymentDeclined: the provider's decline code
	// Failure is why the payment was declined, for CodePaymentDeclined.
	Failure payment.Failure
	// Limit is the amount that was passed, or not reached; the zero value: not known.
	// For CodePaymentDeclined it is the message of Failure, for CodeCreditTooLow what store
	// credit can pay.
	Limit money.Money
	// Nearest are the amounts that the provider can charge and that are nearest to
	// the one it can't, for CodeAmountNotChargeable: none to two, the smaller first.
	Nearest []money.Money
	// OldTotal and NewTotal are what the buyer was shown and what the cart costs
	// now, for CodePriceChanged.
	OldTotal, NewTotal money.Money
	Err                error // cause, when there is one
}

func (e *Error) Error() string {
	if e.Field != "" {
		return fmt.Sprintf("orders: %s: %s: %s", e.Code, e.Field, e.Message)
	}
	return fmt.Sprintf("orders: %s: %s", e.Code, e.Message)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports an Error with CodeNotFound as ErrNotFound.
func (e *Error) Is(target error) bool { return target == ErrNotFound && e.Code == CodeNotFound }

// CodeOf returns the code of the first Error in err's chain, or of a
// money.Error there, or "".
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	if c := money.CodeOf(err); c != "" {
		return Code(c)
	}
	if errors.Is(err, ErrNotFound) {
		return CodeNotFound
	}
	return ""
}
