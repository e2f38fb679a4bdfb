package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/uptrace/bun"
)

// errPipeline is the answer to a statement that can't wait for others.
var errPipeline = errors.New("sqldb: a statement in a pipeline returns neither rows nor their number")

// Pipeline sends the statements that fn makes with w in one round trip, in
// their order. It is for the writes at the end of a transaction, when all has
// been decided: each returns nothing, so none may ask for rows (a select, a
// RETURNING clause, a column left to the database) or for how many it changed.
// The first that fails ends them all, and Pipeline returns its error.
//
// tx is the transaction that sqlstore's Tx gives. An error of fn comes back as
// it is, and nothing is sent. w is of no use after fn.
func Pipeline(ctx context.Context, tx bun.IDB, fn func(w bun.IDB) error) error {
	c, ok := tx.(conn)
	if !ok {
		return fmt.Errorf("sqldb: pipeline: %T is no transaction of sqlstore", tx)
	}
	kept := &pipeline{}
	if err := fn(conn{c.DB, kept}); err != nil {
		return err
	}
	if len(kept.text) == 0 {
		return nil
	}
	_, err := c.on.ExecContext(ctx, string(kept.text))
	return err
}

// pipeline keeps the statements it is given.
type pipeline struct {
	text []byte
}

// ExecContext implements bun.IConn. The query is a finished text.
func (p *pipeline) ExecContext(_ context.Context, query string, _ ...any) (sql.Result, error) {
	if len(p.text) > 0 {
		p.text = append(p.text, ";\n"...)
	}
	p.text = append(p.text, query...)
	return unknownResult{}, nil
}

// QueryContext implements bun.IConn.
func (*pipeline) QueryContext(context.Context, string, ...any) (*sql.Rows, error) {
	return nil, errPipeline
}

// QueryRowContext implements bun.IConn: a row can't be had.
func (*pipeline) QueryRowContext(context.Context, string, ...any) *sql.Row { return &sql.Row{} }

type unknownResult struct{}

func (unknownResult) LastInsertId() (int64, error) { return 0, errPipeline }
func (unknownResult) RowsAffected() (int64, error) { return 0, errPipeline }
