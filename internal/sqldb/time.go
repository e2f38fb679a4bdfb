package sqldb

import (
	"fmt"
	"strconv"
	"time"

	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/schema"
)

// Time is an instant as a column holds it: UTC, cut to microseconds,
// TIMESTAMPTZ on PostgreSQL and INTEGER on SQLite. The zero Time is NULL, in
// both directions, so a column that is NOT NULL refuses a time nobody set.
//
// Times are compared with ==; instants before year 1 or after 9999 are refused.
// Time has no driver.Value on purpose: only bun's formatter knows the dialect,
// and without it the driver refuses a Time instead of storing text.
type Time struct{ t time.Time }

var _ schema.QueryAppender = Time{}

// At returns t as a column holds it. The zero time gives the zero Time.
func At(t time.Time) Time {
	if t.IsZero() {
		return Time{}
	}
	return Time{time.UnixMicro(t.UnixMicro()).UTC()}
}

// AtPtr is At for a time that may be absent.
func AtPtr(t *time.Time) Time {
	if t == nil {
		return Time{}
	}
	return At(*t)
}

// Time returns the instant, in UTC; the zero time for NULL.
func (t Time) Time() time.Time { return t.t }

// Ptr returns the instant, or nil for NULL.
func (t Time) Ptr() *time.Time {
	if t.t.IsZero() {
		return nil
	}
	return &t.t
}

// IsZero reports whether t is NULL.
func (t Time) IsZero() bool { return t.t.IsZero() }

// String formats t as RFC 3339, for logs and failed tests.
func (t Time) String() string { return t.t.Format(time.RFC3339Nano) }

// AppendQuery writes t as the dialect of gen holds it. bun calls it.
func (t Time) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	if t.t.IsZero() {
		return dialect.AppendNull(b), nil
	}
	if y := t.t.Year(); y < 1 || y > 9999 {
		return nil, fmt.Errorf("sqldb: time %v: the year must be in 1 to 9999", t.t)
	}
	return gen.Dialect().AppendTime(b, t.t), nil
}

// Scan reads t from a column of either database.
func (t *Time) Scan(src any) error {
	switch src := src.(type) {
	case nil:
		*t = Time{}
	case time.Time:
		*t = At(src)
	case int64:
		*t = Time{time.UnixMicro(src).UTC()}
	default:
		return fmt.Errorf("sqldb: a %T can't be read as a time: the column must be TIMESTAMPTZ on PostgreSQL, "+
			"INTEGER on SQLite", src)
	}
	return nil
}

// AppendMicros puts parentheses around a negative number, so that it can't
// form "--", the start of a comment, with a minus before it.
func AppendMicros(b []byte, t time.Time) []byte {
	us := t.UnixMicro()
	if us >= 0 {
		return strconv.AppendInt(b, us, 10)
	}
	b = append(b, '(')
	b = strconv.AppendInt(b, us, 10)
	return append(b, ')')
}
