package sqldb

import (
	"database/sql"
	"strings"
	"unicode/utf8"
)

// Storable reports whether a text can be in a column at all. PostgreSQL refuses
// others with an error; nothing has such an id.
func Storable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// ChangedOne reports whether a statement changed one row, given what Exec
// returned.
func ChangedOne(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}
