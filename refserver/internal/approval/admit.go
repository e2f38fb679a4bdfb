package approval

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refunds"
)

// admit returns nil where the refund is within the limits, and counts it under a name, once a
// day; else it notes that the refund waits and returns a *WaitsError.
func (d *Desk) admit(ctx context.Context, r refunds.Request, name string, amount money.Money) error {
	as, err := d.CountsAs(ctx, r.By.ID)
	if err != nil {
		return err
	}
	asked := asking{Request: r, as: as, name: name, amount: amount}
	waits, err := d.judge(ctx, asked)
	if _, met := sqldb.IsUnique(err); met {
		waits, err = d.judge(ctx, asked) // somebody else requested the same at the same moment
	}
	if err != nil {
		return err
	}
	if waits != nil {
		return &WaitsError{*waits}
	}
	return nil
}

// asking is a refund that is judged.
type asking struct {
	refunds.Request
	as     string // whom the asker counts as
	name   string // under which it is counted
	amount money.Money
}

// judge is admit in one transaction; the approval is what the refund waits for.
func (d *Desk) judge(ctx context.Context, r asking) (waits *Approval, err error) {
	err = d.DB.Tx(ctx, "approval: judge refund", func(ctx context.Context, tx bun.IDB) error {
		waits = nil
		open, err := d.open(ctx, tx, r.Request, r.amount)
		if err != nil || open != nil {
			waits = open
			return err
		}
		why, err := d.over(ctx, tx, r)
		if err != nil || why == "" {
			return err
		}
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		n := row{
			ID: id.String(), ReturnID: r.ClientReference, OrderID: r.OrderID, Method: string(r.Method),
			AmountMinor: r.amount.Minor(), Currency: string(r.amount.Currency()),
			LessOutside: r.LessOutside, Reason: why,
			AskerID: r.By.ID, AskerName: r.By.Name, AskedAt: sqldb.At(d.Now()), State: string(Pending),
		}
		if _, err := tx.NewInsert().Model(&n).Exec(ctx); err != nil {
			return err
		}
		a := n.approval()
		waits = &a
		return d.record(ctx, tx, "approval.requested", a)
	})
	return waits, err
}

// open returns the approval that the return waits for already. One of another
// amount or method is void: the case has changed since.
func (d *Desk) open(ctx context.Context, tx bun.IDB, r refunds.Request, amount money.Money) (*Approval, error) {
	var rows []row
	err := sqldb.ForUpdate(tx.NewSelect().Model(&rows).Where("a.return_id = ?", r.ClientReference).
		Where("a.state IN ('pending', 'approved')")).Scan(ctx)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	have := rows[0]
	a := have.approval()
	same := a.Amount == amount && a.Method == r.Method && a.LessOutside == r.LessOutside
	if a.State == Approved || same {
		return &a, nil
	}
	have.State, have.DecidedAt = string(Void), sqldb.At(d.Now())
	have.Note = "requested again for another amount or method"
	if _, err := tx.NewUpdate().Model(&have).WherePK().Exec(ctx); err != nil {
		return nil, err
	}
	return nil, d.record(ctx, tx, "approval.void", have.approval())
}

// over returns why the refund needs a second person, "" where it does not and
// is counted as refunded by who asks.
func (d *Desk) over(ctx context.Context, tx bun.IDB, r asking) (string, error) {
	if why := d.Amount.why(r.amount, 0, "for a refund", ""); why != "" {
		return why, nil
	}
	if len(d.PerDay) == 0 {
		return "", nil
	}
	day := dayRow{AskerID: r.as, Day: d.Now().In(d.Zone).Format(time.DateOnly)}
	if _, err := tx.NewInsert().Model(&day).On("CONFLICT DO NOTHING").Returning("NULL").Exec(ctx); err != nil {
		return "", err
	}
	if err := sqldb.ForUpdate(tx.NewSelect().Model(&day).WherePK()).Scan(ctx); err != nil {
		return "", err
	}
	counted := spentRow{AskerID: day.AskerID, Day: day.Day, ReturnID: r.name, AmountMinor: r.amount.Minor(),
		Currency: string(r.amount.Currency())}
	var spent int64
	err := tx.NewSelect().Model((*spentRow)(nil)).ColumnExpr("CAST(COALESCE(SUM(s.amount_minor), 0) AS BIGINT)").
		Where("s.asker_id = ?", day.AskerID).Where("s.day = ?", day.Day).Where("s.currency = ?", counted.Currency).
		Where("s.return_id <> ?", counted.ReturnID).Scan(ctx, &spent)
	if err != nil {
		return "", err
	}
	already := ""
	if spent > 0 {
		already = fmt.Sprintf("with the %s that %s refunded today, ", money.New(spent, r.amount.Currency()), r.By.Name)
	}
	if why := d.PerDay.why(r.amount, spent, "for what one person refunds in a day", already); why != "" {
		return why, nil
	}
	_, err = tx.NewInsert().Model(&counted).On("CONFLICT (asker_id, day, return_id) DO UPDATE").
		Set("amount_minor = EXCLUDED.amount_minor").Returning("NULL").Exec(ctx)
	return "", err
}

// why returns why an amount beside what was spent needs approval, "" where it does not. of says what
// the limit is of, and already, which may be empty, names what was spent.
func (l Limits) why(amount money.Money, spent int64, of, already string) string {
	limit, ok := l[amount.Currency()]
	switch {
	case len(l) == 0, ok && spent <= limit-amount.Minor():
		return ""
	case ok:
		return fmt.Sprintf("%sit is above the limit of %s %s", already, money.New(limit, amount.Currency()), of)
	case amount.Minor() == 0:
		return ""
	}
	return fmt.Sprintf("no limit is set for %s, so every refund in %[1]s needs approval", amount.Currency())
}

// record puts what happened to an approval into the audit.
func (d *Desk) record(ctx context.Context, tx bun.IDB, kind string, a Approval) error {
	return d.Audit.Append(ctx, tx, entryOf(kind, a))
}

func entryOf(kind string, a Approval) audit.Entry {
	return audit.Entry{
		Type: kind, SubjectKind: "approval", SubjectID: a.ID, SubjectName: a.Amount.String(),
		Details: map[string]string{
			"return": a.ReturnID, "method": string(a.Method), "requested by": a.AskerName, "reason": a.Reason,
			"note": a.Note,
		},
	}
}
