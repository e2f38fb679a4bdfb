package auth

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/alexedwards/scs/v2"
)

// textCodec stores what a session holds, which is texts, as JSON. The library's
// own codec compiles a decoder for each request, which takes longer than the
// query that finds the session.
type textCodec struct{}

var _ scs.Codec = textCodec{}

type sessionData struct {
	Deadline time.Time         `json:"deadline"`
	Values   map[string]string `json:"values,omitempty"`
}

// Encode implements scs.Codec.
func (textCodec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	d := sessionData{Deadline: deadline, Values: make(map[string]string, len(values))}
	for k, v := range values {
		text, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("auth: encode session: %s is a %T; a session holds texts", k, v)
		}
		d.Values[k] = text
	}
	return json.Marshal(d)
}

// Decode implements scs.Codec.
func (textCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	var d sessionData
	if err := json.Unmarshal(b, &d); err != nil {
		return time.Time{}, nil, fmt.Errorf("auth: decode session: %w", err)
	}
	values := make(map[string]any, len(d.Values))
	for k, v := range d.Values {
		values[k] = v
	}
	return d.Deadline, values, nil
}

// readableSession reports whether b is a session as this version writes it.
func readableSession(b []byte) bool {
	deadline, _, err := textCodec{}.Decode(b)
	return err == nil && !deadline.IsZero()
}
