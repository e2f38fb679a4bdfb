package money

import (
	"errors"
	"fmt"
)

// Code is the stable name of a refusal.
type Code string

// The codes of this package.
const (
	CodeInvalid          Code = "INVALID"           // a field is out of its range
	CodeOverflow         Code = "OVERFLOW"          // beyond the range of int64 minor units
	CodeCurrencyMismatch Code = "CURRENCY_MISMATCH" // two currencies in one sum
)

// Error is a refusal with a stable code. Message names the value and what is
// allowed.
type Error struct {
	Code    Code
	Field   string // the field or thing at fault
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("money: %s: %s: %s", e.Code, e.Field, e.Message) }

// CodeOf returns the code of the first Error in err's chain, or "".
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
