package sqldb

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrBusy is in the chain of an error of Tx that gave up because other work
// kept getting in the way. Nothing was changed; the caller may try later.
var ErrBusy = errors.New("sqldb: the database is busy")

// ErrCommitUnknown is in the chain of an error of Tx whose commit was sent and
// not answered.
var ErrCommitUnknown = errors.New("sqldb: the outcome of the commit is unknown")

// pgError is an error of the server as pgx and lib/pq give it.
type pgError interface {
	error
	SQLState() string
}

// sqliteError is an error of SQLite as modernc.org/sqlite gives it. The driver
// is not imported, so that a program on PostgreSQL does not link it.
type sqliteError interface {
	error
	Code() int
}

// Codes of SQLite, https://www.sqlite.org/rescode.html.
const (
	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteNoMemory   = 7
	sqliteReadOnly   = 8
	sqliteInterrupt  = 9
	sqliteIO         = 10
	sqliteFull       = 13
	sqliteCantOpen   = 14
	sqliteProtocol   = 15
	sqliteCheck      = 275
	sqlitePrimaryKey = 1555
	sqliteUnique     = 2067
	sqliteRowID      = 2579
)

// Codes of PostgreSQL, https://www.postgresql.org/docs/current/errcodes-appendix.html.
const (
	pgUnique             = "23505"
	pgCheck              = "23514"
	pgSerialization      = "40001"
	pgDeadlock           = "40P01"
	pgTooManyConnections = "53300"
	pgLockNotAvailable   = "55P03"
	pgDiskFull           = "53100"
	pgReadOnly           = "25006"
)

// IsBusy reports whether err says that the database was too busy with other
// work: ErrBusy, a lock that wasn't free in time, a deadlock, a serialization
// failure, or no connection left. The statement changed nothing.
func IsBusy(err error) bool {
	if errors.Is(err, ErrBusy) || IsRetryable(err) {
		return true
	}
	switch pgCode(err) {
	case pgLockNotAvailable, pgTooManyConnections:
		return true
	}
	return false
}

// IsUnavailable reports whether err says that the database did not do its work
// for reasons that pass: it is busy (IsBusy), took too long, has no room, takes
// no writes, or is out of reach. It may work when asked again; what the
// statement changed, if anything, follows from the error alone
// (ErrCommitUnknown).
func IsUnavailable(err error) bool {
	switch {
	case err == nil:
		return false
	case IsBusy(err), IsFull(err), IsReadOnly(err), IsUnreachable(err), errors.Is(err, ErrCommitUnknown):
		return true
	}
	if code := pgCode(err); code != "" {
		class := code[:min(2, len(code))]
		// 53: resources, 57: an operator or a timeout, 58: the system under the server.
		return class == "53" || class == "57" || class == "58"
	}
	if lite, ok := errors.AsType[sqliteError](err); ok {
		switch lite.Code() & 0xff {
		case sqliteIO, sqliteCantOpen, sqliteNoMemory, sqliteProtocol, sqliteInterrupt:
			return true
		}
	}
	return false
}

// IsUnreachable reports whether err says that there is no connection to the database: it was cut, or
// none could be made.
func IsUnreachable(err error) bool {
	if err == nil {
		return false
	}
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return true
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if code := pgCode(err); code != "" {
		// 08: connection; 57P01 to 57P03: the server stops or starts.
		return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P")
	}
	var network net.Error // a connection that was cut
	return errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// IsFull reports whether err says that there is no room left to write.
func IsFull(err error) bool {
	if lite, ok := errors.AsType[sqliteError](err); ok {
		return lite.Code()&0xff == sqliteFull
	}
	return pgCode(err) == pgDiskFull || errors.Is(err, syscall.ENOSPC)
}

// IsReadOnly reports whether err says that the database takes no writes.
func IsReadOnly(err error) bool {
	if lite, ok := errors.AsType[sqliteError](err); ok {
		return lite.Code()&0xff == sqliteReadOnly
	}
	return pgCode(err) == pgReadOnly || errors.Is(err, syscall.EROFS)
}

// IsUnique reports whether err is the violation of a unique constraint, a
// unique index or a primary key, and the name of it. On SQLite the name is
// made from the columns, as PostgreSQL names such constraints by default:
// table_column_column_key, or table_pkey.
func IsUnique(err error) (constraint string, ok bool) {
	if code := pgCode(err); code != "" {
		return pgConstraint(err), code == pgUnique
	}
	if lite, ok := errors.AsType[sqliteError](err); ok {
		switch lite.Code() {
		case sqliteUnique:
			return sqliteUniqueName(lite.Error(), false), true
		case sqlitePrimaryKey, sqliteRowID:
			return sqliteUniqueName(lite.Error(), true), true
		}
	}
	return "", false
}

// IsCheck reports whether err is the violation of a CHECK constraint, and its
// name; on SQLite that is its text where it was declared without a name.
func IsCheck(err error) (constraint string, ok bool) {
	if code := pgCode(err); code != "" {
		return pgConstraint(err), code == pgCheck
	}
	if lite, ok := errors.AsType[sqliteError](err); ok && lite.Code() == sqliteCheck {
		return sqliteDetail(lite.Error(), "CHECK constraint failed: "), true
	}
	return "", false
}

// IsRetryable reports whether the transaction was rolled back because of
// others and may succeed when run again.
func IsRetryable(err error) bool {
	switch pgCode(err) {
	case pgSerialization, pgDeadlock:
		return true
	}
	return IsSQLiteBusy(err)
}

// IsDefinite reports whether the failure of a commit is an answer of the
// database, which means that it rolled back, or comes from database/sql having
// rolled back before. Anything else, a cut connection for one, may hide a
// commit that took place.
func IsDefinite(err error) bool {
	// The latter: a statement failed before, so the server rolled back instead.
	if errors.Is(err, sql.ErrTxDone) || errors.Is(err, pgx.ErrTxCommitRollback) {
		return true
	}
	if code := pgCode(err); code != "" {
		// 08xxx: connection; 57P01 to 57P03: the server is going down and may
		// have committed before it said so.
		return !strings.HasPrefix(code, "08") && !strings.HasPrefix(code, "57P")
	}
	// SQLite answers from inside the process. A failure of the disk is the
	// one case in which a commit may yet be found in the log.
	if lite, ok := errors.AsType[sqliteError](err); ok {
		return lite.Code()&0xff != sqliteIO
	}
	return false
}

func IsSQLiteBusy(err error) bool {
	lite, ok := errors.AsType[sqliteError](err)
	if !ok {
		return false
	}
	code := lite.Code() & 0xff
	return code == sqliteBusy || code == sqliteLocked
}

// pgCode returns the code of a PostgreSQL error, "" for any other.
func pgCode(err error) string {
	if pg, ok := errors.AsType[pgError](err); ok {
		return pg.SQLState()
	}
	return ""
}

// pgConstraint returns the name of the constraint that a PostgreSQL error says
// was violated. Drivers other than pgx tell it in the message.
func pgConstraint(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.ConstraintName
	}
	pg, ok := errors.AsType[pgError](err)
	if !ok {
		return ""
	}
	_, after, found := strings.Cut(pg.Error(), `constraint "`)
	if !found {
		return ""
	}
	name, _, _ := strings.Cut(after, `"`)
	return name
}

// sqliteUniqueName turns "...: UNIQUE constraint failed: orders.a, orders.b
// (2067)" into "orders_a_b_key". An index on an expression is the one case in
// which SQLite gives a name: "UNIQUE constraint failed: index 'x'".
func sqliteUniqueName(msg string, primary bool) string {
	detail := sqliteDetail(msg, "UNIQUE constraint failed: ")
	if index, ok := strings.CutPrefix(detail, "index '"); ok {
		return strings.TrimSuffix(index, "'")
	}
	var name strings.Builder
	for i, column := range strings.Split(detail, ", ") {
		table, column, _ := strings.Cut(column, ".")
		if i == 0 {
			name.WriteString(table)
			if primary {
				return name.String() + "_pkey"
			}
		}
		name.WriteString("_" + column)
	}
	return name.String() + "_key"
}

// sqliteDetail returns what follows prefix in msg, less the code at its end.
func sqliteDetail(msg, prefix string) string {
	if _, after, ok := strings.Cut(msg, prefix); ok {
		msg = after
	}
	if i := strings.LastIndex(msg, " ("); i >= 0 {
		msg = msg[:i]
	}
	return msg
}
