package refundsdb

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/money"
	"github.com/returnkit/returnkit/refunds"
)

// givenRow is a line that a refund gives back or is about to.
type givenRow struct {
	OrderID   string
	PaymentID string
	Quote     sqldb.JSON[refunds.Quote]
	lineRow
}

// readGiven reads what the refunds of orders give back.
func readGiven(ctx context.Context, db bun.IDB, orderIDs []string) ([]givenRow, error) {
	if len(orderIDs) == 0 {
		return nil, nil
	}
	var rows []givenRow
	// Not a star: a newer version may have added columns while this one runs.
	err := db.NewSelect().TableExpr("?(rk)refund_lines AS l").Join("JOIN ?(rk)refunds AS r ON r.id = l.refund_id").
		Column(
			"r.order_id",
			"r.payment_id",
			"r.quote",
			"l.refund_id",
			"l.order_line_id",
			"l.units",
			"l.price_minor",
			"l.duty_minor",
			"l.shipping_minor",
		).
		Where("r.order_id IN (?)", bun.List(orderIDs)).
		Where("r.status NOT IN (?, ?)", refunds.StatusFailed, refunds.StatusReversed).
		Scan(ctx, &rows)
	return rows, err
}

// paymentStateOf is what a decision about the refund (nil for none yet) stands on.
func paymentStateOf(
	r refunds.OpenRequest, balances []balanceRow, given []givenRow, current *refunds.Refund,
) refunds.PaymentState {
	book := refunds.PaymentState{
		Balance:  refunds.Balance{PaymentID: r.PaymentID, Currency: r.Currency, Captured: r.Captured},
		Refunded: map[string]refunds.Refunded{},
	}
	for _, b := range balances {
		if b.PaymentID == r.PaymentID {
			book.Balance = b.balance()
		}
	}
	counted := map[string]bool{} // refunds, of which each has a row for every line
	for _, l := range given {
		if l.OrderID != r.OrderID || current != nil && l.RefundID == current.ID {
			continue
		}
		if l.PaymentID == r.PaymentID && !counted[l.RefundID] {
			counted[l.RefundID] = true
			book.Carried += l.Quote.V.Carried
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
	var rows []refundRow
	err = s.db.Read().NewSelect().Model(&rows).Column("r.id").
		Where("r.reference = ?", r.ClientReference).Where("r.status <> ?", refunds.StatusReversed).Scan(ctx)
	if err != nil {
		return refunds.PaymentState{}, fmt.Errorf("refundsdb: refund of %s: %w", r.ClientReference, err)
	}
	var current *refunds.Refund
	if len(rows) > 0 {
		current = &refunds.Refund{ID: rows[0].ID}
	}
	given, err := readGiven(ctx, s.db.Read(), []string{r.OrderID})
	if err != nil {
		return refunds.PaymentState{}, fmt.Errorf("refundsdb: what order %s gave back: %w", r.OrderID, err)
	}
	return paymentStateOf(r, balances, given, current), nil
}
