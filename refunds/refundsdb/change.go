package refundsdb

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/batch"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/refunds"
)

// maxCombined is how many refunds one transaction opens or changes at most, and
// how many one statement reads by id.
const maxCombined = 64

// changeCall is a call of Open or Update on its way.
type changeCall struct {
	op       string                // for errors
	requests []refunds.OpenRequest // of Open
	id       string                // of Update
	decide   func(refunds.OpenState) ([]refunds.Change, error)

	saved []refunds.Refund
	alone bool // to be executed by itself
	err   error
}

// Fail implements sqldb.RunBatch.
func (c *changeCall) Fail(err error) {
	c.saved, c.alone, c.err = nil, false, refusal(err)
}

// locked is what a transaction has found and locked for its calls.
type locked struct {
	balances []balanceRow
	refunds  []refunds.Refund
	given    []givenRow // for Open
}

// Open implements refunds.Store. Concurrent calls are one transaction.
func (s *Store) Open(
	ctx context.Context, r []refunds.OpenRequest, decide func(refunds.OpenState) ([]refunds.Change, error),
) ([]refunds.Refund, error) {
	for _, one := range r {
		if err := one.Check(); err != nil {
			return nil, err
		}
	}
	c := &changeCall{op: "refundsdb: open refund", requests: r, decide: decide}
	return c.run(ctx, s.opens, s.openAll)
}

// Update implements refunds.Store. Concurrent calls are one transaction.
func (s *Store) Update(
	ctx context.Context, id string, change func(refunds.Balance, refunds.Refund) (refunds.Change, error),
) (refunds.Refund, error) {
	if !storable(id) {
		return refunds.Refund{}, notFound("refund", id)
	}
	decide := func(o refunds.OpenState) ([]refunds.Change, error) {
		one, err := change(o.Payments[0].Balance, o.Refunds[0])
		return []refunds.Change{one}, err
	}
	c := &changeCall{op: "refundsdb: update refund", id: id, decide: decide}
	saved, err := c.run(ctx, s.updates, s.updateAll)
	if err != nil {
		return refunds.Refund{}, err
	}
	return saved[0], nil
}

// run executes the call with those it meets, or after them by
// itself: here and not with theirs, because what it panics with is its own.
func (c *changeCall) run(
	ctx context.Context, g *batch.Batcher[*changeCall], all func(context.Context, []*changeCall) error,
) ([]refunds.Refund, error) {
	if err := g.Do(ctx, c); err != nil {
		return nil, fmt.Errorf("%s: %w", c.op, err)
	}
	if c.alone {
		sqldb.RunBatch(ctx, []*changeCall{c}, all)
	}
	return c.saved, c.err
}

func (s *Store) openAll(ctx context.Context, calls []*changeCall) error {
	return s.changeAll(ctx, calls, lockForOpen, func(c *changeCall, found locked) ([]refunds.Refund, error) {
		var current []refunds.Refund
		for _, r := range found.refunds {
			if r.ClientReference == c.requests[0].ClientReference {
				current = append(current, r)
			}
		}
		slices.SortFunc(current, func(a, b refunds.Refund) int {
			return cmp.Or(cmp.Compare(a.Leg, b.Leg), cmp.Compare(a.ID, b.ID))
		})
		return current, nil
	})
}

func (s *Store) updateAll(ctx context.Context, calls []*changeCall) error {
	return s.changeAll(ctx, calls, lockForUpdate, func(c *changeCall, found locked) ([]refunds.Refund, error) {
		for _, r := range found.refunds {
			if r.ID == c.id {
				c.requests = []refunds.OpenRequest{{ClientReference: r.ClientReference, OrderID: r.OrderID,
					PaymentID: r.PaymentID}}
				return []refunds.Refund{r}, nil
			}
		}
		return nil, notFound("refund", c.id)
	})
}

// changeAll executes calls in one transaction: lock finds what they are
// about, and of that the refunds of each call, in order of Leg. A refusal of
// one is in its err; the error returned is of the transaction, and then nothing
// was saved.
func (s *Store) changeAll(ctx context.Context, calls []*changeCall,
	lock func(context.Context, bun.IDB, []*changeCall) (locked, error),
	of func(*changeCall, locked) ([]refunds.Refund, error),
) error {
	return s.db.Tx(ctx, calls[0].op, func(ctx context.Context, tx bun.IDB) error {
		found, err := lock(ctx, tx, calls)
		if err != nil {
			return err
		}
		var done []refunds.Change
		changed := map[string]bool{} // orders
		for _, c := range calls {
			c.saved, c.alone, c.err = nil, false, nil
			state := refunds.OpenState{}
			if state.Refunds, err = of(c, found); err != nil {
				c.err = refusal(fmt.Errorf("%s: %w", c.op, err))
				continue
			}
			if c.alone = changed[c.requests[0].OrderID]; c.alone {
				continue // the book it would be judged by is from before the change
			}
			for _, r := range c.requests {
				state.Payments = append(state.Payments, paymentStateOf(r, found.balances, found.given))
			}
			changes, err := c.decide(state)
			if err != nil {
				c.err = refusal(fmt.Errorf("%s: %w", c.op, err))
				continue
			}
			// Store credit can be refused when all else is written, and the lock
			// of its balance has no place in the order of the others.
			if c.alone = len(calls) > 1 && slices.ContainsFunc(changes, grantsCredit); c.alone {
				continue
			}
			for _, one := range changes {
				c.saved = append(c.saved, one.After.Clone())
				if !one.Empty() {
					changed[c.requests[0].OrderID] = true
					done = append(done, one)
				}
			}
		}
		if err := s.unleased(found.refunds, calls); err != nil {
			return err
		}
		return save(ctx, tx, done)
	})
}

func grantsCredit(c refunds.Change) bool { return c.Effects.Credit != nil }

// lockForOpen seeds the balances of the payments on first use, and locks those
// of their orders and the refunds of the references.
func lockForOpen(ctx context.Context, tx bun.IDB, calls []*changeCall) (found locked, err error) {
	payments, ids := map[string]refunds.OpenRequest{}, map[string]bool{}
	references := make([]string, len(calls))
	for i, c := range calls {
		for _, r := range c.requests {
			references[i], ids[r.OrderID] = r.ClientReference, true
			if _, ok := payments[r.PaymentID]; !ok {
				payments[r.PaymentID] = r
			}
		}
	}
	orderIDs := slices.Collect(maps.Keys(ids))
	if found.balances, err = lockPayments(ctx, tx, slices.Collect(maps.Values(payments)), orderIDs); err != nil {
		return found, err
	}
	found.refunds, err = lockRefunds(ctx, tx, tx.NewSelect().
		Where("r.reference IN (?)", bun.List(references)).Where("r.status <> ?", refunds.StatusReversed))
	if err != nil {
		return found, err
	}
	found.given, err = readGiven(ctx, tx, orderIDs)
	return found, err
}

// lockForUpdate locks the balances of the refunds' orders, and the refunds.
func lockForUpdate(ctx context.Context, tx bun.IDB, calls []*changeCall) (found locked, err error) {
	ids := make([]string, len(calls))
	for i, c := range calls {
		ids[i] = c.id
	}
	of := tx.NewSelect().Model((*refundRow)(nil)).Column("order_id").Where("r.id IN (?)", bun.List(ids))
	if found.balances, err = lockBalances(ctx, tx.NewSelect().Where("b.order_id IN (?)", of)); err != nil {
		return found, err
	}
	found.refunds, err = lockRefunds(ctx, tx, tx.NewSelect().Where("r.id IN (?)", bun.List(ids)))
	// A refund that was opened in between has a balance that is not locked: for this
	// transaction it is not there yet.
	found.refunds = slices.DeleteFunc(found.refunds, func(r refunds.Refund) bool {
		return !slices.ContainsFunc(found.balances, func(b balanceRow) bool { return b.PaymentID == r.PaymentID })
	})
	return found, err
}

// lockPayments seeds the balances of payments on first use, and locks the balances of
// the orders. All calls do so in order of the payments' ids, so there is no deadlock.
func lockPayments(
	ctx context.Context, tx bun.IDB, payments []refunds.OpenRequest, orderIDs []string,
) ([]balanceRow, error) {
	slices.SortFunc(payments, func(a, b refunds.OpenRequest) int { return strings.Compare(a.PaymentID, b.PaymentID) })
	seeds := make([]balanceRow, len(payments))
	for i, r := range payments {
		seeds[i] = balanceRow{PaymentID: r.PaymentID, OrderID: r.OrderID, Currency: string(r.Currency),
			CapturedMinor: r.Captured}
	}
	_, err := tx.NewInsert().Model(&seeds).On("CONFLICT (payment_id) DO NOTHING").Returning("NULL").Exec(ctx)
	if err != nil {
		return nil, err
	}
	return lockBalances(ctx, tx.NewSelect().Where("b.order_id IN (?)", bun.List(orderIDs)))
}

// lockBalances locks the balances that q selects, in order of their id.
func lockBalances(ctx context.Context, q *bun.SelectQuery) ([]balanceRow, error) {
	var rows []balanceRow
	err := sqldb.ForUpdate(q.Model(&rows).Order("b.payment_id")).Scan(ctx)
	return rows, err
}

// lockRefunds locks the refunds that q selects, in order of their id.
func lockRefunds(ctx context.Context, tx bun.IDB, q *bun.SelectQuery) ([]refunds.Refund, error) {
	var rows []refundRow
	if err := sqldb.ForUpdate(q.Model(&rows).Order("r.id")).Scan(ctx); err != nil {
		return nil, err
	}
	return withAttempts(ctx, tx, rows)
}
