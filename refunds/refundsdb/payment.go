package refundsdb

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/refunds"
)

// UpdatePayment implements refunds.Store.
func (s *Store) UpdatePayment(
	ctx context.Context, r refunds.OpenRequest, change func(refunds.Balance,
		[]refunds.Refund) (refunds.PaymentChange, error),
) ([]refunds.Refund, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	var saved []refunds.Refund
	err := s.db.Tx(ctx, "refundsdb: update payment", func(ctx context.Context, tx bun.IDB) error {
		saved = nil
		balances, err := lockPayments(ctx, tx, []refunds.OpenRequest{r}, []string{r.OrderID})
		if err != nil {
			return err
		}
		balance, err := balanceOf(r, balances)
		if err != nil {
			return err
		}
		// Locked in order of their ids, as everywhere; handed out by age.
		before, err := lockRefunds(ctx, tx, tx.NewSelect().Where("r.order_id = ?",
			r.OrderID).Where("r.payment_id = ?", r.PaymentID).
			Where("r.status NOT IN (?, ?, ?)", refunds.StatusSucceeded, refunds.StatusFailed, refunds.StatusReversed))
		if err != nil {
			return err
		}
		slices.SortStableFunc(before, func(a, b refunds.Refund) int { return a.CreatedAt.Compare(b.CreatedAt) })
		p, err := change(balance, before)
		if err != nil {
			return err
		}
		_, err = tx.NewUpdate().Model((*balanceRow)(nil)).Set("holds = ?", sqldb.AsJSON(p.Holds)).
			Where("payment_id = ?", r.PaymentID).Exec(ctx)
		if err != nil {
			return err
		}
		var changed []refunds.Change
		for _, one := range p.Refunds {
			if saved = append(saved, one.After.Clone()); !one.Empty() {
				changed = append(changed, one)
			}
		}
		return save(ctx, tx, changed)
	})
	if err != nil {
		return nil, refusal(err)
	}
	return saved, nil
}

// balanceOf returns the balance of the payment, which must be of the order.
func balanceOf(r refunds.OpenRequest, locked []balanceRow) (refunds.Balance, error) {
	for _, b := range locked {
		if b.PaymentID == r.PaymentID {
			return b.balance(), nil
		}
	}
	return refunds.Balance{}, &refunds.Error{Code: refunds.CodeInvalid, Field: "payment_id", Message: fmt.Sprintf(
		"payment %s is not of order %s", r.PaymentID, r.OrderID)}
}

// ProviderAttempts implements refunds.Store.
func (s *Store) ProviderAttempts(ctx context.Context, q refunds.AttemptQuery) ([]refunds.ProviderAttempt, error) {
	var attempts []attemptRow
	sel := s.db.Read().NewSelect().Model(&attempts).Where("a.key <> ''").Where("a.amount_minor > 0").
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
		return nil, fmt.Errorf("refundsdb: provider attempts: %w", err)
	}
	if len(attempts) == 0 {
		return nil, nil
	}
	ids := make([]string, len(attempts))
	for i, a := range attempts {
		ids[i] = a.RefundID
	}
	var rows []refundRow
	if err := s.db.Read().NewSelect().Model(&rows).Where("r.id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("refundsdb: refunds of provider attempts: %w", err)
	}
	all, err := withAttempts(ctx, s.db.Read(), rows)
	if err != nil {
		return nil, fmt.Errorf("refundsdb: refunds of provider attempts: %w", err)
	}
	of := make(map[string]refunds.Refund, len(all))
	for _, r := range all {
		of[r.ID] = r
	}
	found := make([]refunds.ProviderAttempt, 0, len(attempts))
	for _, a := range attempts {
		found = append(found, refunds.ProviderAttempt{Refund: of[a.RefundID], Attempt: a.attempt()})
	}
	return found, nil
}
