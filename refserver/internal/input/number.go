package input

import (
	"encoding/json"
	"reflect"
)

// Number is a decimal number as it was written, so that no float comes near an
// amount. In JSON a string that holds one, which json.Number would take, is
// refused.
type Number string

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(data []byte) error {
	switch data[0] {
	case '"':
		return &json.UnmarshalTypeError{Value: "string", Type: reflect.TypeFor[float64]()}
	case 't', 'f':
		return &json.UnmarshalTypeError{Value: "bool", Type: reflect.TypeFor[float64]()}
	case '{':
		return &json.UnmarshalTypeError{Value: "object", Type: reflect.TypeFor[float64]()}
	case '[':
		return &json.UnmarshalTypeError{Value: "array", Type: reflect.TypeFor[float64]()}
	}
	*n = Number(data)
	return nil
}

// String returns the number as it was written.
func (n Number) String() string { return string(n) }

// Luhn reports whether the last of the digits is the check digit that card numbers have
// (ISO/IEC 7812-1, annex B). digits holds nothing but 0 to 9.
func Luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
