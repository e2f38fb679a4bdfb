package returnsdb

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/returns"
)

// maxCombined is how many returns one transaction changes at most, and how many
// are read together by id.
const maxCombined = 64

// updateReturn names the operation in errors.
const updateReturn = "returnsdb: update return"

// updateCall is a call of Update on its way.
type updateCall struct {
	id     string
	change func(returns.Units, returns.Return) (returns.Change, error)

	saved returns.Change
	alone bool // it needs an RMA number, and is to be executed by itself
	err   error
}

// Fail implements sqldb.RunBatch.
func (u *updateCall) Fail(err error) { u.alone, u.err = false, refusal(err) }

// Update implements returns.Store. Calls that meet (for refunds that are asked for at
// the same time, for instance) are one transaction.
//
// What needs an RMA number is executed by its caller after the others: it
// locks the counter of a day, and no transaction locks the counters of two days.
func (s *Store) Update(
	ctx context.Context, id string, change func(returns.Units, returns.Return) (returns.Change, error),
) (returns.Return, error) {
	if !storable(id) {
		return returns.Return{}, notFound("return", id)
	}
	u := &updateCall{id: id, change: change}
	if err := s.updates.Do(ctx, u); err != nil {
		return returns.Return{}, fmt.Errorf("%s: %w", updateReturn, err)
	}
	if u.alone {
		if err := s.updateAll(ctx, []*updateCall{u}); err != nil {
			u.Fail(err)
		}
	}
	if u.err != nil {
		return returns.Return{}, u.err
	}
	return u.saved.After.Clone(), nil
}

// updateAll executes calls in one transaction. A refusal of one is in its
// err; the error returned is of the transaction, and then nothing was saved.
func (s *Store) updateAll(ctx context.Context, calls []*updateCall) error {
	return s.db.Tx(ctx, updateReturn, func(ctx context.Context, tx bun.IDB) error {
		now, err := lockReturns(ctx, tx, calls)
		if err != nil {
			return err
		}
		var changes []returns.Change
		for _, u := range calls {
			u.alone = false
			if u.saved, u.err = now.change(u); u.err != nil {
				u.Fail(fmt.Errorf("%s: %w", updateReturn, u.err))
				continue
			}
			if u.saved.Empty() {
				continue
			}
			if u.saved.Effects.RMADay != "" && len(calls) > 1 {
				u.alone = true
				continue
			}
			if u.saved, err = numbered(ctx, tx, u.saved); err != nil {
				return err
			}
			now.keep(u.saved)
			changes = append(changes, u.saved)
		}
		return sqldb.Pipeline(ctx, tx, func(w bun.IDB) error { return saveReturns(ctx, w, changes) })
	})
}

// locked is what a transaction has locked for its calls: returns by their id, and
// units by the id of their order.
type locked struct {
	returns map[string]returns.Return
	units   map[string]returns.Units
}

// change changes the return as the calls before this one have left it.
func (l locked) change(u *updateCall) (returns.Change, error) {
	before, ok := l.returns[u.id]
	if !ok {
		return returns.Change{}, notFound("return", u.id)
	}
	return u.change(l.units[before.OrderID], before.Clone())
}

// keep makes a change the one that the next call finds.
func (l locked) keep(c returns.Change) {
	l.returns[c.After.ID] = c.After.Clone()
	for line, n := range c.Effects.Claims {
		u := l.units[c.After.OrderID][line]
		u.Claimed += n
		l.units[c.After.OrderID][line] = u
	}
}

// lockReturns locks the units of the orders of all calls, then their returns.
func lockReturns(ctx context.Context, tx bun.IDB, calls []*updateCall) (locked, error) {
	ids := make([]string, len(calls))
	for i, u := range calls {
		ids[i] = u.id
	}
	of := tx.NewSelect().Model((*returnRow)(nil)).Column("r.order_id").Where("r.id IN (?)", bun.List(ids))
	units, err := lockUnits(ctx, tx.NewSelect().Where("u.order_id IN (?)", of))
	if err != nil {
		return locked{}, err
	}
	now := locked{units: map[string]returns.Units{}}
	for _, u := range units {
		if now.units[u.OrderID] == nil {
			now.units[u.OrderID] = returns.Units{}
		}
		now.units[u.OrderID][u.OrderLineID] = returns.Unit{Bought: int(u.Bought), Claimed: int(u.Claimed)}
	}
	now.returns, err = byID(ctx, tx, sqldb.ForUpdate(tx.NewSelect().Where("r.id IN (?)", bun.List(ids)).Order("r.id")))
	return now, err
}
