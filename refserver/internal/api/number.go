package api

import (
	"encoding/json"
	"reflect"
)

// number is a JSON number as it was written, so that no float comes near an
// amount. A string that holds one, which json.Number would take, is refused.
type number string

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(data []byte) error {
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
	*n = number(data)
	return nil
}

func (n number) String() string { return string(n) }
