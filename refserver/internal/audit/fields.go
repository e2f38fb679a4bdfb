package audit

import (
	"encoding/json"
	"fmt"
)

// Fields returns a struct as its fields in JSON, without those that are named.
func Fields(v any, without ...string) (map[string]string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("audit: fields: %w", err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("audit: fields: %w", err)
	}
	fields := map[string]string{}
	for field, value := range raw {
		fields[field] = string(value)
	}
	for _, field := range without {
		delete(fields, field)
	}
	return fields, nil
}

// Changes returns the fields that are not what they were, as was -> now; without
// the old values where there was no such object (nil).
func Changes(was, now map[string]string) map[string]string {
	changes := map[string]string{}
	for field, value := range now {
		switch old := was[field]; {
		case old == value:
		case was == nil:
			changes[field] = value
		default:
			changes[field] = old + " -> " + value
		}
	}
	return changes
}

// ProductNoise are the fields of a product that are in no entry: orders change
// the stock at the same time, and flash sales are a kind of their own.
func ProductNoise() []string { return []string{"Stock", "Sales", "CreatedAt", "UpdatedAt"} }
