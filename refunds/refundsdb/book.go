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
	// A refund of no lines counts by what it carries.
	err := db.NewSelect().TableExpr("?(rk)refunds AS r").Join("LEFT JOIN ?(rk)refund_lines AS l ON l.refund_id = r.id").
		Column("r.order_id", "r.payment_id", "r.reference", "r.status", "r.amount_minor", "r.carried_minor").
		ColumnExpr("r.id AS refund_id").ColumnExpr("COALESCE(l.order_line_id, '') AS order_line_id").
		ColumnExpr("COALESCE(l.units, 0) AS units").ColumnExpr("COALESCE(l.price_minor, 0) AS price_minor").
		ColumnExpr("COALESCE(l.duty_minor, 0) AS duty_minor").
		ColumnExpr("COALESCE(l.shipping_minor, 0) AS shipping_minor").
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
	short := beside().Where("s.status <> 'reversed'").Group("s.reference").Having(`
		SUM(s.amount_minor + s.carried_minor) <
		MIN(CASE WHEN s.whole_minor > s.amount_minor + s.carried_minor THEN s.whole_minor
			ELSE s.amount_minor + s.carried_minor END)`)
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
	counted := map[string]bool{} // refunds of the payment: each has a row for every line
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
		if l.OrderLineID == "" {
			continue
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
	if r.Check() != nil {
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

// CarriedRests implements refunds.Store.
func (s *Store) CarriedRests(ctx context.Context, after string, limit int) ([]refunds.CarriedRest, error) {
	if limit < 1 || !storable(after) {
		return nil, nil
	}
	var rows []struct {
		OrderID, PaymentID, CustomerID, Currency string
		Rest                                     int64
	}
	err := s.db.Read().NewSelect().TableExpr("?(rk)refunds AS r").Column("r.payment_id").
		ColumnExpr("MIN(r.order_id) AS order_id").ColumnExpr("MIN(r.customer_id) AS customer_id").
		ColumnExpr("MIN(r.currency) AS currency").ColumnExpr("SUM(r.carried_minor) AS rest").
		Where("r.carried_minor <> 0").Where("r.status NOT IN ('failed', 'reversed')").
		Where("r.payment_id > ?", after).Group("r.payment_id").Having("SUM(r.carried_minor) > 0").
		Order("r.payment_id").Limit(int64(limit)).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("refundsdb: what payments carried over: %w", err)
	}
	var rests []refunds.CarriedRest
	for _, r := range rows {
		rests = append(rests, refunds.CarriedRest{
			OrderID: r.OrderID, PaymentID: r.PaymentID, CustomerID: r.CustomerID, Currency: money.Currency(r.Currency),
			Amount: r.Rest,
		})
	}
	return rests, nil
}
