package sqldb

import (
	"context"
	"database/sql"
	"errors"

	"github.com/uptrace/bun"
)

// errNoNesting is returned for a transaction inside of one.
var errNoNesting = errors.New("sqldb: a transaction is already open; it can't be nested")

// conn makes the queries of a database run on one connection or transaction.
type conn struct {
	*bun.DB
	on bun.IConn
}

// On returns db with all queries running on the transaction. Their finished
// text is sent as it is, where bun's own Tx would look for arguments in it
// again, and change a text that holds a question mark. A tx that On returned is
// the transaction it stands for.
func On(db *bun.DB, tx bun.IConn) bun.IDB {
	if c, ok := tx.(conn); ok {
		tx = c.on
	}
	return conn{db, tx}
}

func (c conn) NewValues(model any) *bun.ValuesQuery  { return c.DB.NewValues(model).Conn(c.on) }
func (c conn) NewSelect() *bun.SelectQuery           { return c.DB.NewSelect().Conn(c.on) }
func (c conn) NewInsert() *bun.InsertQuery           { return c.DB.NewInsert().Conn(c.on) }
func (c conn) NewUpdate() *bun.UpdateQuery           { return c.DB.NewUpdate().Conn(c.on) }
func (c conn) NewDelete() *bun.DeleteQuery           { return c.DB.NewDelete().Conn(c.on) }
func (c conn) NewMerge() *bun.MergeQuery             { return c.DB.NewMerge().Conn(c.on) }
func (c conn) NewCreateTable() *bun.CreateTableQuery { return c.DB.NewCreateTable().Conn(c.on) }
func (c conn) NewDropTable() *bun.DropTableQuery     { return c.DB.NewDropTable().Conn(c.on) }
func (c conn) NewCreateIndex() *bun.CreateIndexQuery { return c.DB.NewCreateIndex().Conn(c.on) }
func (c conn) NewDropIndex() *bun.DropIndexQuery     { return c.DB.NewDropIndex().Conn(c.on) }
func (c conn) NewTruncateTable() *bun.TruncateTableQuery {
	return c.DB.NewTruncateTable().Conn(c.on)
}
func (c conn) NewAddColumn() *bun.AddColumnQuery   { return c.DB.NewAddColumn().Conn(c.on) }
func (c conn) NewDropColumn() *bun.DropColumnQuery { return c.DB.NewDropColumn().Conn(c.on) }
func (c conn) NewRaw(query string, args ...any) *bun.RawQuery {
	return c.DB.NewRaw(query, args...).Conn(c.on)
}

// ExecContext formats the query once and sends it.
func (c conn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return c.on.ExecContext(ctx, c.DB.QueryGen().FormatQuery(query, args...))
}

// QueryContext formats the query once and sends it.
func (c conn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return c.on.QueryContext(ctx, c.DB.QueryGen().FormatQuery(query, args...))
}

// QueryRowContext formats the query once and sends it.
func (c conn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return c.on.QueryRowContext(ctx, c.DB.QueryGen().FormatQuery(query, args...))
}

// BeginTx is refused: a transaction is open.
func (conn) BeginTx(context.Context, *sql.TxOptions) (bun.Tx, error) { return bun.Tx{}, errNoNesting }

// RunInTx is refused: a transaction is open.
func (conn) RunInTx(context.Context, *sql.TxOptions, func(context.Context, bun.Tx) error) error {
	return errNoNesting
}
