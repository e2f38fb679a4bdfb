package sqldb

import (
	"context"
	"database/sql"
	"errors"

	"github.com/uptrace/bun"
)

// errTogether is the answer to a statement that can't wait for others.
var errTogether = errors.New("sqldb: a statement sent together with others returns neither rows nor their number")

// Pipeline sends the statements that fn makes with w in one round trip, in
// their order. It is for the writes at the end of a transaction, when all has
// been decided: each returns nothing, so none may ask for rows (a select, a
// RETURNING clause, a column left to the database) or for how many it changed.
// The first that fails ends them all, and its error is that of Together.
//
// An error of fn comes back as it is, and nothing is sent. w is of no use after
// fn.
func Pipeline(ctx context.Context, tx bun.Tx, fn func(w bun.IDB) error) error {
	w := &pipeline{Tx: tx}
	if err := fn(w); err != nil {
		return err
	}
	if len(w.text) == 0 {
		return nil
	}
	// Not through bun, which has counted each of them already, and which would
	// look for arguments in the finished text.
	_, err := tx.Tx.ExecContext(ctx, string(w.text))
	return err
}

// pipeline is a transaction whose statements are kept.
type pipeline struct {
	bun.Tx

	text []byte
}

func (w *pipeline) NewInsert() *bun.InsertQuery { return w.Tx.NewInsert().Conn(w) }
func (w *pipeline) NewUpdate() *bun.UpdateQuery { return w.Tx.NewUpdate().Conn(w) }
func (w *pipeline) NewDelete() *bun.DeleteQuery { return w.Tx.NewDelete().Conn(w) }
func (w *pipeline) NewSelect() *bun.SelectQuery { return w.Tx.NewSelect().Conn(w) }
func (w *pipeline) NewRaw(query string, args ...any) *bun.RawQuery {
	return w.Tx.NewRaw(query, args...).Conn(w)
}

// ExecContext implements bun.IConn. bun calls it with a finished text.
func (w *pipeline) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if len(args) > 0 {
		return w.NewRaw(query, args...).Exec(ctx)
	}
	if len(w.text) > 0 {
		w.text = append(w.text, ";\n"...)
	}
	w.text = append(w.text, query...)
	return unknownResult{}, nil
}

// QueryContext implements bun.IConn.
func (*pipeline) QueryContext(context.Context, string, ...any) (*sql.Rows, error) {
	return nil, errTogether
}

type unknownResult struct{}

func (unknownResult) LastInsertId() (int64, error) { return 0, errTogether }
func (unknownResult) RowsAffected() (int64, error) { return 0, errTogether }
