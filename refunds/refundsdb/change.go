package refundsdb

import (
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
	op      string              // for errors
	request refunds.OpenRequest // of Open
	id      string              // of Update
	decide  func(refunds.PaymentState, *refunds.Refund) (refunds.Change, error)

	saved refunds.Refund
	alone bool // to be carried out by itself
	err   error
}

// Fail implements sqldb.RunBatch.
func (c *changeCall) Fail(err error) {
	c.saved, c.alone, c.err = refunds.Refund{}, false, refusal(err)
}

// locked is what a transaction has found and locked for its calls.
type locked struct {
	balances []balanceRow
	refunds  []refunds.Refund
	given    []givenRow // for Open
}

// Open implements refunds.Store. Concurrent calls are one transaction.
func (s *Store) Open(
	ctx context.Context, r refunds.OpenRequest, decide func(refunds.PaymentState,
		*refunds.Refund) (refunds.Change, error),
) (refunds.Refund, error) {
	if !storable(r.ClientReference) || !storable(r.OrderID) || !storable(r.PaymentID) {
		return refunds.Refund{}, &refunds.Error{Code: refunds.CodeInvalid, Field: "reference",
			Message: "it holds bytes that are no text"}
	}
	c := &changeCall{op: "refundsdb: open refund", request: r, decide: decide}
	return c.run(ctx, s.opens, s.openAll)
}

// Update implements refunds.Store. Concurrent calls are one transaction.
func (s *Store) Update(
	ctx context.Context, id string, change func(refunds.Balance, refunds.Refund) (refunds.Change, error),
) (refunds.Refund, error) {
	if !storable(id) {
		return refunds.Refund{}, notFound("refund", id)
	}
	decide := func(p refunds.PaymentState, r *refunds.Refund) (refunds.Change, error) { return change(p.Balance, *r) }
	c := &changeCall{op: "refundsdb: update refund", id: id, decide: decide}
	return c.run(ctx, s.updates, s.updateAll)
}

// run has the call carried out with those it meets, or after them by
// itself: here and not with theirs, because what it panics with is its own.
func (c *changeCall) run(
	ctx context.Context, g *batch.Batcher[*changeCall], all func(context.Context, []*changeCall) error,
) (refunds.Refund, error) {
	if err := g.Do(ctx, c); err != nil {
		return refunds.Refund{}, fmt.Errorf("%s: %w", c.op, err)
	}
	if c.alone {
		sqldb.RunBatch(ctx, []*changeCall{c}, all)
	}
	return c.saved, c.err
}

func (s *Store) openAll(ctx context.Context, calls []*changeCall) error {
	return s.changeAll(ctx, calls, lockForOpen, func(c *changeCall, found locked) (*refunds.Refund, error) {
		for i := range found.refunds {
			if r := &found.refunds[i]; r.ClientReference == c.request.ClientReference {
				return r, nil
			}
		}
		return nil, nil
	})
}

func (s *Store) updateAll(ctx context.Context, calls []*changeCall) error {
	return s.changeAll(ctx, calls, lockForUpdate, func(c *changeCall, found locked) (*refunds.Refund, error) {
		for i := range found.refunds {
			if r := &found.refunds[i]; r.ID == c.id {
				c.request = refunds.OpenRequest{ClientReference: r.ClientReference, OrderID: r.OrderID,
					PaymentID: r.PaymentID}
				return r, nil
			}
		}
		return nil, notFound("refund", c.id)
	})
}

// changeAll carries out calls in one transaction: lock finds what they are
// about, and of that the refund of each call, or nil for none yet. A refusal of
// one is in its err; the error returned is of the transaction, and then nothing
// was saved.
func (s *Store) changeAll(ctx context.Context, calls []*changeCall,
	lock func(context.Context, bun.IDB, []*changeCall) (locked, error),
	of func(*changeCall, locked) (*refunds.Refund, error),
) error {
	return s.db.Tx(ctx, calls[0].op, func(ctx context.Context, tx bun.IDB) error {
		found, err := lock(ctx, tx, calls)
		if err != nil {
			return err
		}
		var done []refunds.Change
		changed := map[string]bool{} // orders
		for _, c := range calls {
			c.saved, c.alone, c.err = refunds.Refund{}, false, nil
			before, err := of(c, found)
			if err != nil {
				c.err = refusal(fmt.Errorf("%s: %w", c.op, err))
				continue
			}
			if c.alone = changed[c.request.OrderID]; c.alone {
				continue // the book it would be judged by is from before the change
			}
			one, err := c.decide(paymentStateOf(c.request, found.balances, found.given, before), before)
			if err != nil {
				c.err = refusal(fmt.Errorf("%s: %w", c.op, err))
				continue
			}
			// Store credit can be refused when all else is written, and the lock
			// of its balance has no place in the order of the others.
			if c.alone = one.Effects.Credit != nil && len(calls) > 1; c.alone {
				continue
			}
			c.saved = one.After.Clone()
			if !one.Empty() {
				changed[c.request.OrderID] = true
				done = append(done, one)
			}
		}
		if err := s.unleased(found.refunds, calls); err != nil {
			return err
		}
		return save(ctx, tx, done)
	})
}

// lockForOpen seeds the balances of the payments on first use, and locks those
// of their orders and the refunds of the references.
func lockForOpen(ctx context.Context, tx bun.IDB, calls []*changeCall) (found locked, err error) {
	payments, ids := map[string]refunds.OpenRequest{}, map[string]bool{}
	references := make([]string, len(calls))
	for i, c := range calls {
		references[i], ids[c.request.OrderID] = c.request.ClientReference, true
		if _, ok := payments[c.request.PaymentID]; !ok {
			payments[c.request.PaymentID] = c.request
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

// lockPayments seeds the balances of payments on first use, and locks those of
// the orders. All do so in order of the payments' ids, and none waits for
// another in a circle.
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
