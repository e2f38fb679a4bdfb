package refundsdb

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refunds"
)

type outsideRow struct {
	bun.BaseModel `bun:"table:?(rk)refund_outside,alias:o"`

	ProviderID        string `bun:",pk"`
	Kind              string
	OrderID           string
	PaymentID         string
	PaymentProviderID string
	Currency          string
	AmountMinor       int64
	CountedMinor      int64
	State             string
	Status            string
	Reason            string
	CreatedAt         sqldb.Time
	BookedAt          sqldb.Time
	UpdatedAt         sqldb.Time
	Version           int64
}

func rowOfOutside(o refunds.Outside) outsideRow {
	return outsideRow{
		ProviderID: o.ProviderID, Kind: string(o.Kind), OrderID: o.OrderID, PaymentID: o.PaymentID,
		PaymentProviderID: o.PaymentProviderID, Currency: string(o.Currency), AmountMinor: o.Amount,
		CountedMinor: o.Counted, State: string(o.State), Status: o.Status, Reason: o.Reason,
		CreatedAt: sqldb.At(o.CreatedAt), BookedAt: sqldb.At(o.BookedAt), UpdatedAt: sqldb.At(o.UpdatedAt),
		Version: int64(o.Version),
	}
}

func (r outsideRow) outside() refunds.Outside {
	return refunds.Outside{
		ProviderID: r.ProviderID, Kind: refunds.OutsideKind(r.Kind), OrderID: r.OrderID, PaymentID: r.PaymentID,
		PaymentProviderID: r.PaymentProviderID, Currency: money.Currency(r.Currency), Amount: r.AmountMinor,
		Counted: r.CountedMinor, State: refunds.OutsideState(r.State), Status: r.Status, Reason: r.Reason,
		CreatedAt: r.CreatedAt.Time(), BookedAt: r.BookedAt.Time(), UpdatedAt: r.UpdatedAt.Time(),
		Version: int(r.Version),
	}
}

// Book implements refunds.Store.
func (s *Store) Book(
	ctx context.Context, r refunds.OpenRequest, providerID string,
	change func(refunds.Balance, *refunds.Outside, []refunds.Refund) (refunds.OutsideChange, error),
) (booked refunds.OutsideChange, err error) {
	if err := r.Check(); err != nil {
		return booked, err
	}
	if !storable(providerID) {
		return booked, &refunds.Error{Code: refunds.CodeInvalid, Field: "provider_id",
			Message: "it holds bytes that are no text"}
	}
	err = s.db.Tx(ctx, "refundsdb: book outside money", func(ctx context.Context, tx bun.IDB) error {
		balances, err := lockPayments(ctx, tx, []refunds.OpenRequest{r}, []string{r.OrderID})
		if err != nil {
			return err
		}
		balance, err := balanceOf(r, balances)
		if err != nil {
			return err
		}
		all, err := lockRefunds(ctx, tx, tx.NewSelect().
			Where("r.order_id = ?", r.OrderID).Where("r.payment_id = ?", r.PaymentID))
		if err != nil {
			return err
		}
		slices.SortStableFunc(all, func(a, b refunds.Refund) int { return a.CreatedAt.Compare(b.CreatedAt) })
		var rows []outsideRow
		err = sqldb.ForUpdate(tx.NewSelect().Model(&rows).Where("o.provider_id = ?", providerID)).Scan(ctx)
		if err != nil {
			return err
		}
		var before *refunds.Outside
		if len(rows) > 0 {
			found := rows[0].outside()
			before = &found
		}
		if booked, err = change(balance, before, all); err != nil || booked.Empty() {
			return err
		}
		return s.saveOutside(ctx, tx, booked)
	})
	if err != nil {
		return refunds.OutsideChange{}, refusal(err)
	}
	return booked, nil
}

func (s *Store) saveOutside(ctx context.Context, tx bun.IDB, c refunds.OutsideChange) error {
	_, err := tx.NewUpdate().Model((*balanceRow)(nil)).Set("outside_minor = ?", c.Balance.Outside).
		Where("payment_id = ?", c.Balance.PaymentID).Exec(ctx)
	if err != nil {
		return err
	}
	rows := []outsideRow{rowOfOutside(c.After)}
	return cmp.Or(
		sqldb.Upsert(ctx, tx, "provider_id", rows),
		outboxdb.Append(ctx, tx, EventPrefix, c.Events),
		save(ctx, tx, c.Refunds),
	)
}

// Outside implements refunds.Store.
func (s *Store) Outside(ctx context.Context, q refunds.OutsideQuery) ([]refunds.Outside, error) {
	q = q.Normalize()
	if !storable(q.OrderID) || !storable(q.PaymentID) {
		return nil, nil
	}
	var rows []outsideRow
	sel := s.db.Read().NewSelect().Model(&rows).Order("o.created_at", "o.provider_id").Limit(int64(q.Limit))
	if q.OrderID != "" {
		sel.Where("o.order_id = ?", q.OrderID)
	}
	if q.PaymentID != "" {
		sel.Where("o.payment_id = ?", q.PaymentID)
	}
	if q.IDs != nil {
		ids := slices.DeleteFunc(slices.Clone(q.IDs), func(id string) bool { return !storable(id) })
		if len(ids) == 0 {
			return nil, nil
		}
		sel.Where("o.provider_id IN (?)", bun.List(ids))
	}
	if q.State != "" {
		sel.Where("o.state = ?", q.State)
	}
	if q.AfterID != "" {
		sel.Where("(o.created_at, o.provider_id) > (?, ?)", sqldb.At(q.AfterAt), q.AfterID)
	}
	if err := sel.Scan(ctx); err != nil {
		return nil, fmt.Errorf("refundsdb: outside money: %w", err)
	}
	var all []refunds.Outside
	for _, r := range rows {
		all = append(all, r.outside())
	}
	return all, nil
}

type sweepRow struct {
	bun.BaseModel `bun:"table:?(rk)refund_sweep,alias:w"`

	ID         int64 `bun:",pk"`
	FromAt     sqldb.Time
	ToAt       sqldb.Time
	LeftAt     sqldb.Time
	DoneAt     sqldb.Time
	NextAt     sqldb.Time
	Failures   int
	LastError  string
	LeaseToken string
	LeaseUntil sqldb.Time
}

// UpdateSweep implements refunds.Store.
func (s *Store) UpdateSweep(
	ctx context.Context, change func(refunds.Sweep) (refunds.Sweep, error),
) (after refunds.Sweep, err error) {
	err = s.db.Tx(ctx, "refundsdb: update sweep", func(ctx context.Context, tx bun.IDB) error {
		row := sweepRow{ID: 1}
		if _, err := tx.NewInsert().Model(&row).On("CONFLICT (id) DO NOTHING").Returning("NULL").Exec(ctx); err != nil {
			return err
		}
		if err := sqldb.ForUpdate(tx.NewSelect().Model(&row).WherePK()).Scan(ctx); err != nil {
			return err
		}
		w, err := change(refunds.Sweep{
			From: row.FromAt.Time(), To: row.ToAt.Time(), Left: row.LeftAt.Time(), DoneAt: row.DoneAt.Time(),
			NextAt: row.NextAt.Time(), Failures: row.Failures, LastError: row.LastError, LeaseToken: row.LeaseToken,
			LeaseUntil: row.LeaseUntil.Time(),
		})
		if err == nil {
			err = w.Check()
		}
		if err != nil {
			return err
		}
		after = w
		row = sweepRow{
			ID: 1, FromAt: sqldb.At(w.From), ToAt: sqldb.At(w.To), LeftAt: sqldb.At(w.Left), DoneAt: sqldb.At(w.DoneAt),
			NextAt: sqldb.At(w.NextAt), Failures: w.Failures, LastError: w.LastError, LeaseToken: w.LeaseToken,
			LeaseUntil: sqldb.At(w.LeaseUntil),
		}
		_, err = tx.NewUpdate().Model(&row).WherePK().Exec(ctx)
		return err
	})
	if err != nil {
		return refunds.Sweep{}, refusal(err)
	}
	return after, nil
}
