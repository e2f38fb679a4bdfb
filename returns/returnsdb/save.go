package returnsdb

import (
	"cmp"
	"context"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/returns"
)

// numbered gives a return that needs one the next RMA number of the day. It comes
// after all else that is locked, and after all that can be refused.
func numbered(ctx context.Context, tx bun.IDB, c returns.Change) (returns.Change, error) {
	if c.Effects.RMADay == "" {
		return c, nil
	}
	n, err := next(ctx, tx, "rma:"+c.Effects.RMADay)
	if err != nil {
		return returns.Change{}, err
	}
	return c.WithRMA(n)
}

// next is the next number of a counter, 1 for the first. The counter stays
// locked until the transaction ends, so no number is lost or given twice.
func next(ctx context.Context, tx bun.IDB, counter string) (int, error) {
	var n int
	err := tx.NewRaw(`INSERT INTO ?(rk)returns_counters AS c (name, n) VALUES (?, 1)
		ON CONFLICT (name) DO UPDATE SET n = c.n + 1 RETURNING n`, counter).Scan(ctx, &n)
	return n, err
}

// insertReturn writes a new return and its claims.
func insertReturn(ctx context.Context, db bun.IDB, c returns.Change) error {
	row, lines := rowOfReturn(&c.After), rowsOfLines(&c.After)
	for _, rows := range []any{&row, &lines} {
		if _, err := db.NewInsert().Model(rows).Returning("NULL").Exec(ctx); err != nil {
			return err
		}
	}
	return claim(ctx, db, c)
}

// saveReturns writes what changed of returns, and of their claims, in the order of
// the changes. Several changes may be of one return.
func saveReturns(ctx context.Context, db bun.IDB, changes []returns.Change) error {
	rows, lines := newest[returnRow]{}, newest[lineRow]{}
	var events []event.Event
	for _, c := range changes {
		rows.put(c.After.ID, rowOfReturn(&c.After))
		for i, l := range rowsOfLines(&c.After) {
			if c.Before.Lines[i] != c.After.Lines[i] {
				lines.put(l.ID, l)
			}
		}
		if err := claim(ctx, db, c); err != nil {
			return err
		}
		events = append(events, c.Events...)
	}
	return cmp.Or(
		sqldb.Upsert(ctx, db, "id", rows.all), sqldb.Upsert(ctx, db, "id", lines.all),
		outboxdb.Append(ctx, db, EventPrefix, events),
	)
}

// newest keeps the last row of each id.
type newest[R any] struct {
	all []R
	at  map[string]int
}

func (n *newest[R]) put(id string, row R) {
	if n.at == nil {
		n.at = map[string]int{}
	}
	i, ok := n.at[id]
	if !ok {
		n.at[id] = len(n.all)
		n.all = append(n.all, row)
		return
	}
	n.all[i] = row
}

// claim adds the claims of a change to its order's lines. Other changes of the order
// may do so in the same transaction: each says by how much.
func claim(ctx context.Context, db bun.IDB, c returns.Change) error {
	for _, l := range c.After.Lines {
		delta := c.Effects.Claims[l.OrderLineID]
		if delta == 0 {
			continue
		}
		_, err := db.NewUpdate().Model((*unitRow)(nil)).Set("claimed = claimed + ?", delta).
			Where("order_id = ?", c.After.OrderID).Where("order_line_id = ?", l.OrderLineID).Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}
