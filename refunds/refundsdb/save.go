package refundsdb

import (
	"cmp"
	"context"
	"reflect"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/refunds"
)

// save writes changes of different refunds: with one statement for each kind of
// row, and all statements in one round trip.
func save(ctx context.Context, tx bun.IDB, all []refunds.Change) error {
	for _, s := range all {
		if s.Effects.Credit != nil {
			if _, err := addCredit(ctx, tx, *s.Effects.Credit); err != nil {
				return err
			}
		}
	}
	var opened, changed []refundRow
	var begun, answered []attemptRow
	var requoted []string
	var lines []lineRow
	var balances []balanceRow
	var events []event.Event
	for _, s := range all {
		had := 0
		if s.Before == nil {
			opened = append(opened, rowOfRefund(&s.After))
		} else {
			changed = append(changed, rowOfRefund(&s.After))
			had = len(s.Before.Attempts)
		}
		for i, a := range s.After.Attempts {
			switch {
			case i >= had:
				begun = append(begun, rowOfAttempt(s.After.ID, a))
			case a != s.Before.Attempts[i]:
				answered = append(answered, rowOfAttempt(s.After.ID, a))
			}
		}
		if s.Before == nil || !reflect.DeepEqual(s.Before.Quote.Lines, s.After.Quote.Lines) {
			lines = append(lines, rowsOfLines(&s.After)...)
			if s.Before != nil {
				requoted = append(requoted, s.After.ID)
			}
		}
		if s.Effects.Reserved != 0 || s.Effects.Refunded != 0 {
			balances = append(balances, rowOfBalance(s.After.OrderID, s.Effects.Balance))
		}
		events = append(events, s.Events...)
	}
	return sqldb.Pipeline(ctx, tx, func(w bun.IDB) error {
		if len(requoted) > 0 {
			if _, err := w.NewDelete().Model((*lineRow)(nil)).Where("refund_id IN (?)",
				bun.List(requoted)).Exec(ctx); err != nil {
				return err
			}
		}
		return cmp.Or(
			sqldb.Insert(ctx, w, opened), sqldb.Upsert(ctx, w, "id", changed),
			sqldb.Insert(ctx, w, begun), sqldb.Upsert(ctx, w, "id", answered),
			sqldb.Insert(ctx, w, lines),
			sqldb.Upsert(ctx, w, "payment_id", balances, "reserved_minor", "refunded_minor"),
			outboxdb.Append(ctx, w, EventPrefix, events),
		)
	})
}
