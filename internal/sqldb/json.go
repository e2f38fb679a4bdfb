package sqldb

import (
	"encoding/json"
	"fmt"

	"github.com/uptrace/bun/schema"
)

// JSON is a column that holds V as JSON: JSONB on PostgreSQL, TEXT on SQLite.
// PostgreSQL sorts keys and drops spaces, so texts differ between the
// databases where values are equal. A string with a NUL character is refused
// there.
type JSON[T any] struct{ V T }

var _ schema.QueryAppender = JSON[int]{}

// AsJSON returns v as a column.
func AsJSON[T any](v T) JSON[T] { return JSON[T]{v} }

// AppendQuery writes the value as a text in quotes. bun calls it.
func (j JSON[T]) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	raw, err := json.Marshal(j.V)
	if err != nil {
		return nil, fmt.Errorf("sqldb: %T as JSON: %w", j.V, err)
	}
	return gen.Dialect().AppendString(b, string(raw)), nil
}

// Scan reads the value from a column of either database; NULL gives the zero
// value.
func (j *JSON[T]) Scan(src any) error {
	*j = JSON[T]{}
	var raw []byte
	switch src := src.(type) {
	case nil:
		return nil
	case []byte:
		raw = src
	case string:
		raw = []byte(src)
	default:
		return fmt.Errorf("sqldb: a %T can't be read as JSON", src)
	}
	if err := json.Unmarshal(raw, &j.V); err != nil {
		return fmt.Errorf("sqldb: JSON column as %T: %w", j.V, err)
	}
	return nil
}
