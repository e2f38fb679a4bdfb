package refundsdb

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refunds"
)

// givenRow is a line that a refund gives back, is about to, or still owes.
type givenRow struct {
	OrderID     string
	PaymentID   string
	Reference   string
	Status      string
	AmountMinor int64
	Quote       sqldb.JSON[refunds.Quote]
	lineRow
}

// readGiven reads what the refunds of orders give back. One that failed counts while
// another of its reference does not fail: it is still owed.
func readGiven(ctx context.Context, db bun.IDB, orderIDs []string) ([]givenRow, error) {
	if len(orderIDs) == 0 {
		return nil, nil
	}
	var rows []givenRow
	// Not a star: a newer version may have added columns while this one runs.
	err := db.NewSelect().TableExpr("?(rk)refund_lines AS l").Join("JOIN ?(rk)refunds AS r ON r.id = l.refund_id").
		Column("r.order_id", "r.payment_id", "r.reference", "r.status", "r.amount_minor", "r.quote", "l.refund_id",
			"l.order_line_id", "l.units", "l.price_minor", "l.duty_minor", "l.shipping_minor").
		Where("r.order_id IN (?)", bun.List(orderIDs)).
		Where("(r.status NOT IN (?, ?) OR r.status = ? AND r.part AND EXISTS (?))", refunds.StatusFailed,
			refunds.StatusReversed, refunds.StatusFailed, standingBeside(db)).
		Scan(ctx, &rows)
	return rows, err
}

// standingBeside selects the refunds of the reference of r that are not failed or
// reversed.
func standingBeside(db bun.IDB) *bun.SelectQuery {
	return db.NewSelect().TableExpr("?(rk)refunds AS s").ColumnExpr("1").Where("s.reference = r.reference").
		Where("s.status NOT IN (?, ?)", refunds.StatusFailed, refunds.StatusReversed)
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
			book.Carried += l.Quote.V.Carried
			if l.Status == string(refunds.StatusFailed) {
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
