package returns

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

// The codes of this package. A request that the policy refuses has the code
// of its first finding (a NonReturnableReason) and carries the Verdict.
const (
	CodeInvalid       Code = "INVALID"         // a field is out of its range
	CodeTransition    Code = "TRANSITION"      // the status does not allow it
	CodeNotReceived   Code = "NOT_RECEIVED"    // more units accepted than received
	CodeEvidence      Code = "EVIDENCE"        // a photo can't be used
	CodePhotoTooLarge Code = "PHOTO_TOO_LARGE" // a photo passes one of the ImageLimits
	CodeBusy          Code = "BUSY"            // too many photos of one account at a time
	CodeMethod        Code = "METHOD_NOT_ALLOWED"
	CodePriceChanged  Code = "PRICE_CHANGED" // the refund would be lower than the customer was shown
	CodeForbidden     Code = "FORBIDDEN"     // not the owner of the case
	// CodePurchase says that the order can't be worked on: a field of its
	// purchase.Purchase is wrong, so the adapter that made it has to be mended.
	CodePurchase      Code = "PURCHASE_INVALID"
	CodeNotRefundable Code = "NOT_REFUNDABLE" // the status or the policy does not allow a refund yet
)

// Error is a refusal with a stable code. Message is a sentence for the reader; it
// names the thing and what is allowed.
type Error struct {
	Code    Code
	Field   string // the field or thing at fault, when there is one
	Message string
	Verdict *Verdict // of a request that the policy refuses
	Err     error    // cause, when there is one
}

func (e *Error) Error() string {
	if e.Field != "" {
		return fmt.Sprintf("returns: %s: %s: %s", e.Code, e.Field, e.Message)
	}
	return fmt.Sprintf("returns: %s: %s", e.Code, e.Message)
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
