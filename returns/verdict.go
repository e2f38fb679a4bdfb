package returns

import "time"

// NonReturnableReason is the code of a rule that a request fails.
type NonReturnableReason string

// The codes, each with what Fact, Limit and Nearest of its Finding hold.
const (
	ReturnsDisabled       NonReturnableReason = "RETURNS_DISABLED"
	NotYourOrder          NonReturnableReason = "NOT_YOUR_ORDER"
	OrderNotCompleted     NonReturnableReason = "ORDER_NOT_COMPLETED"
	PaymentNotCaptured    NonReturnableReason = "PAYMENT_NOT_CAPTURED"
	WindowExpired         NonReturnableReason = "WINDOW_EXPIRED"
	FinalSale             NonReturnableReason = "FINAL_SALE"
	LineNotFound          NonReturnableReason = "LINE_NOT_FOUND"
	DuplicateLine         NonReturnableReason = "DUPLICATE_LINE"
	QuantityNotPositive   NonReturnableReason = "QUANTITY_NOT_POSITIVE"
	QuantityOverPolicy    NonReturnableReason = "QUANTITY_OVER_POLICY"
	QuantityOverPurchased NonReturnableReason = "QUANTITY_OVER_PURCHASED"
	AlreadyReturned       NonReturnableReason = "ALREADY_RETURNED"
	ReasonNotAllowed      NonReturnableReason = "REASON_NOT_ALLOWED"
	PhotosRequired        NonReturnableReason = "PHOTOS_REQUIRED"
	TooManyPhotos         NonReturnableReason = "TOO_MANY_PHOTOS"
	PhotoTypeNotAllowed   NonReturnableReason = "PHOTO_TYPE_NOT_ALLOWED"
	NoLines               NonReturnableReason = "NO_LINES"
)

// Verdict is what a policy says of a request: on the case and on each line.
// It depends on nothing but the inputs of Evaluate.
type Verdict struct {
	TermsID  string        `json:"terms_id"`
	At       time.Time     `json:"at"`       // the instant it was judged for
	Eligible bool          `json:"eligible"` // no rule failed, on the case or on a line
	Findings []Finding     `json:"findings,omitempty"`
	Lines    []LineVerdict `json:"lines,omitempty"` // in the order of the request
}

// LineVerdict is the verdict on one line of the request.
type LineVerdict struct {
	OrderLineID string `json:"order_line_id"`
	Requested   int    `json:"requested"`
	Returnable  int    `json:"returnable"` // units that would pass now, 0 or more
	// Deadline is when the window ends: the first instant that is too late. It
	// is zero when there is none.
	Deadline time.Time `json:"deadline"`
	// AwaitsDelivery says that the window counts from a delivery that is not
	// known, so that it has not begun: it is open, and has no deadline yet.
	AwaitsDelivery bool      `json:"awaits_delivery,omitempty"`
	Eligible       bool      `json:"eligible"`
	Findings       []Finding `json:"findings,omitempty"`
}

// Finding is one failed rule: the fact it used, the limit, and the nearest
// value that would pass. Words are rendered from it by Message.
type Finding struct {
	Code     NonReturnableReason `json:"code"`
	Line     string              `json:"line,omitempty"` // order line id, empty for the case
	Fact     Value               `json:"fact"`
	Limit    Value               `json:"limit"`
	Deadline time.Time           `json:"deadline"`       // zero where there is none
	Zone     string              `json:"zone,omitempty"` // of the Deadline's day
	Nearest  Value               `json:"nearest"`        // empty when nothing would pass
}

// Value is a fact, a limit or a nearest passing value. Kind says which of the other
// fields counts: "int" for units, photos and days; "text" for a status, a reason, a type
// or a list of them; "time"; or none of them when it is empty.
type Value struct {
	Kind string    `json:"kind,omitempty"`
	Int  int64     `json:"int,omitempty"`
	Text string    `json:"text,omitempty"`
	Time time.Time `json:"time"`
}

// Any returns the value as an int64, a string or a time.Time, or nil if there is none.
func (v Value) Any() any {
	switch v.Kind {
	case kindInt:
		return v.Int
	case kindText:
		return v.Text
	case kindTime:
		return v.Time
	}
	return nil
}

// The kinds of a Value.
const (
	kindInt  = "int"
	kindText = "text"
	kindTime = "time"
)

// Request is what a customer wants to return, and why: input of Evaluate.
type Request struct {
	CustomerID string // who asks; compared with the order's customer
	Reason     Reason
	Items      []RequestItem
	Photos     []string // the type of each photo: jpeg, png, gif, webp, or what else was sent
}

// RequestItem is one line of a request.
type RequestItem struct {
	OrderLineID string
	Quantity    int
}

// Claims is how many units of each line of one order are in returns that are
// neither rejected nor canceled, and not released, by order line id: input of
// Evaluate.
type Claims map[string]int
