package sqldb

import (
	"database/sql"
	"strings"
	"unicode/utf8"
)

// Storable reports whether a text can be in a column at all. PostgreSQL refuses
// others with an error; nothing has such an id.
func Storable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// Changed returns how many rows a statement changed, given what Exec returned.
func Changed(res sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// ChangedOne reports whether a statement changed one row, given what Exec
// returned.
func ChangedOne(res sql.Result, err error) (bool, error) {
	n, err := Changed(res, err)
	return n == 1, err
}
