package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// timeLimits are how long things may take on a connection; 0 means forever.
type timeLimits struct{ statement, lock, idle time.Duration }

// noLimits are for migrations.
var noLimits timeLimits

// begin is the text that begins a transaction with these limits. They hold for
// this transaction alone: behind a pooler the next one may run on another
// connection, and this connection serves another caller next.
func (l timeLimits) begin(isolation string) string {
	millis := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	return "BEGIN" + isolation +
		"; SET LOCAL statement_timeout = " + millis(l.statement) +
		"; SET LOCAL lock_timeout = " + millis(l.lock) +
		"; SET LOCAL idle_in_transaction_session_timeout = " + millis(l.idle)
}

// parseTimeout reads a time as PostgreSQL writes it: milliseconds, or a number
// with one of the units us, ms, s, min, h and d.
func parseTimeout(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	unit, number := time.Millisecond, text
	for _, u := range []struct {
		name string
		unit time.Duration
	}{
		{"us", time.Microsecond}, {"ms", time.Millisecond}, {"min", time.Minute},
		{"s", time.Second}, {"h", time.Hour}, {"d", 24 * time.Hour},
	} {
		if cut, ok := strings.CutSuffix(text, u.name); ok {
			unit, number = u.unit, strings.TrimSpace(cut)
			break
		}
	}
	const limit = 1<<31 - 1 // milliseconds, as PostgreSQL takes
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > limit || n*int64(unit/time.Microsecond)/1000 > limit {
		return 0, fmt.Errorf("%q is no time; it must be a number of milliseconds, "+
			"or a number with us, ms, s, min, h or d", text)
	}
	return time.Duration(n) * unit, nil
}

// connector makes connections with limits.
type connector struct {
	driver.Connector
	limits timeLimits
}

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	made, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	pg, ok := made.(*stdlib.Conn)
	if !ok { // pgx makes no other
		return nil, errors.Join(fmt.Errorf("postgres: a connection is a %T", made), made.Close())
	}
	return &limitedConn{Conn: pg, limits: c.limits}, nil
}

// limitedConn is a connection that holds its transactions and statements to
// limits, without a setting of the session.
type limitedConn struct {
	*stdlib.Conn
	limits timeLimits
	inTx   bool
}

// BeginTx implements driver.ConnBeginTx. The limits are sent with BEGIN, in
// one round trip.
func (c *limitedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if c.Conn.Conn().IsClosed() {
		return nil, driver.ErrBadConn
	}
	isolation, err := isolationWords(opts)
	if err != nil {
		return nil, err
	}
	tx, err := c.Conn.Conn().BeginTx(ctx, pgx.TxOptions{BeginQuery: c.limits.begin(isolation)})
	if err != nil {
		return nil, err
	}
	c.inTx = true
	return limitedTx{ctx: ctx, tx: tx, conn: c}, nil
}

// isolationWords are what follows BEGIN.
func isolationWords(opts driver.TxOptions) (string, error) {
	words, ok := map[driver.IsolationLevel]string{
		0: "", 1: " ISOLATION LEVEL READ UNCOMMITTED", 2: " ISOLATION LEVEL READ COMMITTED",
		4: " ISOLATION LEVEL REPEATABLE READ", 5: " ISOLATION LEVEL REPEATABLE READ",
		6: " ISOLATION LEVEL SERIALIZABLE",
	}[opts.Isolation] // the numbers of sql.IsolationLevel
	if !ok {
		return "", fmt.Errorf("postgres: PostgreSQL has no isolation level %d", opts.Isolation)
	}
	if opts.ReadOnly {
		words += " READ ONLY"
	}
	return words, nil
}

// limitedTx is a transaction on a limitedConn.
type limitedTx struct {
	ctx  context.Context
	tx   pgx.Tx
	conn *limitedConn
}

// Commit implements driver.Tx.
func (t limitedTx) Commit() error {
	t.conn.inTx = false
	return t.tx.Commit(t.ctx)
}

// Rollback implements driver.Tx.
func (t limitedTx) Rollback() error {
	t.conn.inTx = false
	return t.tx.Rollback(t.ctx)
}

// limit ends a statement that is no part of a transaction, which has no limit
// on the server. When the context ends, pgx has the server cancel it.
func (c *limitedConn) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.inTx || c.limits.statement == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.limits.statement)
}

// ExecContext implements driver.ExecerContext.
func (c *limitedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	return c.Conn.ExecContext(ctx, query, args)
}

// QueryContext implements driver.QueryerContext.
func (c *limitedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	ctx, cancel := c.limit(ctx)
	made, err := c.Conn.QueryContext(ctx, query, args)
	if err != nil {
		cancel()
		return nil, err
	}
	rows, ok := made.(*stdlib.Rows)
	if !ok { // pgx makes no other
		cancel()
		return nil, errors.Join(fmt.Errorf("postgres: rows are a %T", made), made.Close())
	}
	return limitedRows{rows, cancel}, nil
}

// limitedRows end their limit when they are closed.
type limitedRows struct {
	*stdlib.Rows
	cancel context.CancelFunc
}

// Close implements driver.Rows.
func (r limitedRows) Close() error {
	defer r.cancel()
	return r.Rows.Close()
}
