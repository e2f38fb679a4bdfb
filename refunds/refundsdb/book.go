package refundsdb

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refunds"
)

// givenRow is a line that a refund gives back, is about to, or still owes.
type givenRow struct {
	OrderID      string
	PaymentID    string
	Reference    string
	Status       string
	AmountMinor  int64
	CarriedMinor int64
	lineRow
}

// readGiven reads what the refunds of orders give back, and what parts that are owed
// are of.
func readGiven(ctx context.Context, db bun.IDB, orderIDs []string) ([]givenRow, error) {
	if len(orderIDs) == 0 {
		return nil, nil
	}
	var rows []givenRow
	// Not a star: a newer version may have added columns while this one runs.
	err := db.NewSelect().TableExpr("?(rk)refund_lines AS l").Join("JOIN ?(rk)refunds AS r ON r.id = l.refund_id").
		Column("r.order_id", "r.payment_id", "r.reference", "r.status", "r.amount_minor", "r.carried_minor",
			"l.refund_id", "l.order_line_id", "l.units", "l.price_minor", "l.duty_minor", "l.shipping_minor").
		Where("r.order_id IN (?)", bun.List(orderIDs)).
		WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.Where("r.status NOT IN ('failed', 'reversed')").WhereGroup(" OR ", owedBeside(db))
		}).
		Scan(ctx, &rows)
	return rows, err
}

// owedBeside selects parts that failed, or were taken back and not replaced, while
// others of their reference stand: the rule that refunds.PaymentState states.
func owedBeside(db bun.IDB) func(*bun.SelectQuery) *bun.SelectQuery {
	beside := func() *bun.SelectQuery {
		return db.NewSelect().TableExpr("?(rk)refunds AS s").ColumnExpr("1").Where("s.reference = r.reference")
	}
	standing := beside().Where("s.status NOT IN ('failed', 'reversed')")
	again := beside().Where("s.payment_id = r.payment_id").Where("(s.created_at, s.id) > (r.created_at, r.id)")
	short := beside().Where("s.status <> 'reversed'").Group("s.reference").Having(`SUM(s.amount_minor) <
		MIN(CASE WHEN s.whole_minor > s.amount_minor THEN s.whole_minor ELSE s.amount_minor END)`)
	return func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("r.status IN ('failed', 'reversed')").Where("r.whole_minor > 0").Where("EXISTS (?)", standing).
			Where("(r.status = 'failed' OR NOT EXISTS (?) AND EXISTS (?))", again, short)
	}
}

// paymentStateOf is what a decision about the reference stands on, of one payment.
func paymentStateOf(r refunds.OpenRequest, balances []balanceRow, given []givenRow) refunds.PaymentState {
	book := refunds.PaymentState{
		Balance:  refunds.Balance{PaymentID: r.PaymentID, Currency: r.Currency, Captured: r.Captured},
		Refunded: map[string]refunds.Refunded{},
	}
	for _, b := range balances {
		if b.PaymentID == r.PaymentID {
			book.Balance = b.balance()
		}
	}
	counted := map[string]bool{} // refunds of the payment, of which each has a row for every line
	for _, l := range given {
		if l.OrderID != r.OrderID || l.Reference == r.ClientReference {
			continue
		}
		if l.PaymentID == r.PaymentID && !counted[l.RefundID] {
			counted[l.RefundID] = true
			book.Carried += l.CarriedMinor
			if !refunds.Status(l.Status).CountsAgainstCaptured() {
				book.Owed += l.AmountMinor
			}
		}
		g := book.Refunded[l.OrderLineID]
		g.Units += int(l.Units)
		g.Components = g.Components.Add(money.Components{Price: l.PriceMinor, Duty: l.DutyMinor,
			Shipping: l.ShippingMinor})
		book.Refunded[l.OrderLineID] = g
	}
	return book
}

// PaymentState implements refunds.Store.
func (s *Store) PaymentState(ctx context.Context, r refunds.OpenRequest) (refunds.PaymentState, error) {
	if !storable(r.ClientReference) || !storable(r.OrderID) || !storable(r.PaymentID) {
		return refunds.PaymentState{}, notFound("refund of", r.ClientReference)
	}
	var balances []balanceRow
	err := s.db.Read().NewSelect().Model(&balances).Where("b.payment_id = ?", r.PaymentID).Scan(ctx)
	if err != nil {
		return refunds.PaymentState{}, fmt.Errorf("refundsdb: balance of payment %s: %w", r.PaymentID, err)
	}
	given, err := readGiven(ctx, s.db.Read(), []string{r.OrderID})
	if err != nil {
		return refunds.PaymentState{}, fmt.Errorf("refundsdb: what order %s gave back: %w", r.OrderID, err)
	}
	return paymentStateOf(r, balances, given), nil
}
