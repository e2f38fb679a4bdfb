package refundsdb

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/refunds"
)

// UpdatePayment implements refunds.Store.
func (s *Store) UpdatePayment(ctx context.Context, r refunds.OpenRequest, change func(*refunds.Balance, []*refunds.Refund) error) ([]refunds.Refund, error) {
	if !storable(r.OrderID) || !storable(r.PaymentID) {
		return nil, &refunds.Error{Code: refunds.CodeInvalid, Field: "payment_id", Message: "it holds bytes that are no text"}
	}
	var saved []refunds.Refund
	err := s.db.Tx(ctx, "refundsdb: update payment", func(ctx context.Context, tx bun.Tx) error {
		saved = nil
		balances, err := lockPayment(ctx, tx, r)
		if err != nil {
			return err
		}
		var balance *refunds.Balance
		for _, b := range balances {
			if b.PaymentID == r.PaymentID {
				found := b.balance()
				balance = &found
			}
		}
		if balance == nil {
			return &refunds.Error{Code: refunds.CodeInvalid, Field: "payment_id", Message: fmt.Sprintf("payment %s is not of order %s", r.PaymentID, r.OrderID)}
		}
		var rows []refundRow
		err = sqldb.ForUpdate(tx.NewSelect().Model(&rows).Where("r.order_id = ?", r.OrderID).Where("r.payment_id = ?", r.PaymentID).
			Where("r.status NOT IN (?, ?, ?)", refunds.StatusSucceeded, refunds.StatusFailed, refunds.StatusReversed).
			Order("r.created_at", "r.id")).Scan(ctx)
		if err != nil {
			return err
		}
		before, err := withAttempts(ctx, tx, rows)
		if err != nil {
			return err
		}
		after := make([]refunds.Refund, len(before))
		open := make([]*refunds.Refund, len(before))
		for i := range before {
			after[i] = before[i].Saved()
			open[i] = &after[i]
		}
		seen := *balance
		if err := change(&seen, open); err != nil {
			return err
		}
		_, err = tx.NewUpdate().Model((*balanceRow)(nil)).Set("holds = ?", sqldb.AsJSON(seen.Holds)).
			Where("payment_id = ?", r.PaymentID).Exec(ctx)
		if err != nil {
			return err
		}
		for i := range after {
			if e := refunds.EffectOf(&before[i], after[i]); e != (refunds.Effect{}) {
				return fmt.Errorf("refund %s was ended while its payment was changed", after[i].ID)
			}
			one, err := save(ctx, tx, &before[i], &after[i], *balance)
			if err != nil {
				return err
			}
			saved = append(saved, one)
		}
		return nil
	})
	if err != nil {
		return nil, refusal(err)
	}
	return saved, nil
}

// lockPayment seeds the payment's balance on first use, and locks those of its
// order.
func lockPayment(ctx context.Context, tx bun.Tx, r refunds.OpenRequest) ([]balanceRow, error) {
	seed := &balanceRow{PaymentID: r.PaymentID, OrderID: r.OrderID, Currency: string(r.Currency), CapturedMinor: r.Captured}
	_, err := tx.NewInsert().Model(seed).On("CONFLICT (payment_id) DO NOTHING").Returning("NULL").Exec(ctx)
	if err != nil {
		return nil, err
	}
	return lockBalances(ctx, tx.NewSelect().Where("b.order_id = ?", r.OrderID))
}

// Legs implements refunds.Store.
func (s *Store) Legs(ctx context.Context, q refunds.LegQuery) ([]refunds.Leg, error) {
	var attempts []attemptRow
	sel := s.db.Read.NewSelect().Model(&attempts).Where("a.method = ?", string(refunds.Card)).Where("a.amount_minor > 0").
		Order("a.created_at", "a.id")
	if len(q.IDs) > 0 {
		ids := make([]string, 0, len(q.IDs))
		for _, id := range q.IDs {
			if storable(id) {
				ids = append(ids, id)
			}
		}
		if len(ids) == 0 {
			return nil, nil
		}
		sel.Where("a.id IN (?)", bun.List(ids))
	} else {
		if q.Limit < 1 {
			return nil, nil
		}
		sel.Where("a.created_at >= ?", sqldb.At(q.From)).Where("a.created_at < ?", sqldb.At(q.To)).Limit(int64(q.Limit))
		if q.AfterID != "" {
			sel.Where("(a.created_at, a.id) > (?, ?)", sqldb.At(q.AfterAt), q.AfterID)
		}
	}
	if err := sel.Scan(ctx); err != nil {
		return nil, fmt.Errorf("refundsdb: card attempts: %w", err)
	}
	if len(attempts) == 0 {
		return nil, nil
	}
	ids := make([]string, len(attempts))
	for i, a := range attempts {
		ids[i] = a.RefundID
	}
	var rows []refundRow
	if err := s.db.Read.NewSelect().Model(&rows).Where("r.id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("refundsdb: refunds of card attempts: %w", err)
	}
	all, err := withAttempts(ctx, s.db.Read, rows)
	if err != nil {
		return nil, fmt.Errorf("refundsdb: refunds of card attempts: %w", err)
	}
	of := make(map[string]refunds.Refund, len(all))
	for _, r := range all {
		of[r.ID] = r
	}
	legs := make([]refunds.Leg, 0, len(attempts))
	for _, a := range attempts {
		legs = append(legs, refunds.Leg{Refund: of[a.RefundID], Attempt: a.attempt()})
	}
	return legs, nil
}
