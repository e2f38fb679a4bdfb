package returnsdb

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/returns"
)

// checkLines refuses a return that has a line which is not among the units of
// its order.
func checkLines(r *returns.Return, units []unitRow) error {
	for _, l := range r.Lines {
		if !slices.ContainsFunc(units, func(u unitRow) bool { return u.OrderLineID == l.OrderLineID }) {
			return fmt.Errorf("return %s claims line %s, which is not of its order", r.ID, l.OrderLineID)
		}
	}
	return nil
}

// assignRMA gives a return that has just been authorised the next number of the
// day. It comes after all else that is locked, and after all that can be refused.
func assignRMA(ctx context.Context, tx bun.IDB, r *returns.Return) error {
	// The same actor and instant as the authorisation it belongs to.
	last := r.PendingEvents()[len(r.PendingEvents())-1]
	day := last.At.UTC().Format("20060102")
	n, err := next(ctx, tx, "rma:"+day)
	if err != nil {
		return err
	}
	return r.AssignRMA(event.Stamp{At: last.At, By: last.Actor, Source: last.Source}, returns.RMANumber(day, n))
}

// next is the next number of a counter, 1 for the first. The counter stays
// locked until the transaction ends, so no number is lost or given twice.
func next(ctx context.Context, tx bun.IDB, counter string) (int, error) {
	var n int
	err := tx.NewRaw(
		"INSERT INTO ?(rk)returns_counters AS c (name, n) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET n = c.n + 1 RETURNING n",
		counter,
	).Scan(
		ctx,
		&n,
	)
	return n, err
}

// insertReturn writes a new return and its claims.
func insertReturn(ctx context.Context, db bun.IDB, r *returns.Return) error {
	row, lines := rowOfReturn(r), rowsOfLines(r)
	for _, rows := range []any{&row, &lines} {
		if _, err := db.NewInsert().Model(rows).Returning("NULL").Exec(ctx); err != nil {
			return err
		}
	}
	return claim(ctx, db, nil, r)
}

// saveReturns writes what changed of returns, and of their claims, in the order
// of the calls, of which several may have changed one return.
func saveReturns(ctx context.Context, db bun.IDB, changed []*updateCall) error {
	rows, lines := newest[returnRow]{}, newest[lineRow]{}
	var events []event.Event
	for _, u := range changed {
		rows.put(u.id, rowOfReturn(&u.after))
		for i, l := range rowsOfLines(&u.after) {
			if u.before.Lines[i] != u.after.Lines[i] {
				lines.put(l.ID, l)
			}
		}
		if err := claim(ctx, db, u.before.ClaimedUnits(), &u.after); err != nil {
			return err
		}
		events = append(events, u.after.PendingEvents()...)
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

// claim moves the claims of the return's lines from what it held before to what
// it holds. Others of its order may do so in the same transaction: each says by
// how much.
func claim(ctx context.Context, db bun.IDB, before map[string]int, r *returns.Return) error {
	held := r.ClaimedUnits()
	for _, l := range r.Lines {
		delta := held[l.OrderLineID] - before[l.OrderLineID]
		if delta == 0 {
			continue
		}
		_, err := db.NewUpdate().Model(
			(*unitRow)(nil),
		).Set(
			"claimed = claimed + ?",
			delta,
		).Where(
			"order_id = ?",
			r.OrderID,
		).Where(
			"order_line_id = ?",
			l.OrderLineID,
		).Exec(
			ctx,
		)
		if err != nil {
			return err
		}
	}
	return nil
}
