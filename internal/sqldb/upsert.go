package sqldb

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// Insert writes new rows with one statement; none is nothing to do.
func Insert[R any](ctx context.Context, db bun.IDB, rows []R) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := db.NewInsert().Model(&rows).Returning("NULL").Exec(ctx)
	return err
}

// Upsert writes rows that are there, and locked, with one statement for all of
// them: their columns, or all if none are named. key is the column that is
// unique. An UPDATE takes one statement for each row, and both databases spend
// more time on a statement than on a row.
func Upsert[R any](ctx context.Context, db bun.IDB, key string, rows []R, columns ...string) error {
	if len(rows) == 0 {
		return nil
	}
	q := db.NewInsert().Model(&rows).On("CONFLICT (?) DO UPDATE", bun.Ident(key)).Returning("NULL")
	for _, c := range columns {
		q.Set("? = EXCLUDED.?", bun.Ident(c), bun.Ident(c))
	}
	if _, err := q.Exec(ctx); err != nil {
		return fmt.Errorf("rewrite: %w", err)
	}
	return nil
}

// Table is the name of a table in a statement, with the prefix or schema of the
// database it is sent to.
type Table string

var _ schema.QueryAppender = Table("")

// AppendQuery writes the full name. bun calls it.
func (t Table) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	return gen.AppendQuery(b, "?(rk)"+string(t)), nil
}

// Text is a part of a statement, written in this program, in which ?(rk) stands
// for the prefix or schema of the database.
type Text string

var _ schema.QueryAppender = Text("")

// AppendQuery writes the text. bun calls it.
func (t Text) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	return gen.AppendQuery(b, string(t)), nil
}
