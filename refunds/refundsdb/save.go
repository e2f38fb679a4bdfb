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

// saving is a change from before (nil for a new refund) to after, with what
// follows from it.
type saving struct {
	before, after *refunds.Refund
	effect        refunds.Effect
	balance       refunds.Balance // with the effect
}

// newSaving works out what follows from a change that is decided, or refuses it.
func newSaving(before, after *refunds.Refund, b refunds.Balance) (saving, error) {
	if err := refunds.CheckSave(before, after); err != nil {
		return saving{}, err
	}
	s := saving{before: before, after: after, effect: refunds.EffectOf(before, *after), balance: b}
	return s, s.balance.Apply(s.effect)
}

// changes reports whether there is anything to write.
func (s saving) changes() bool {
	return s.before == nil || !reflect.DeepEqual(*s.before, s.after.Clone())
}

// save writes changes of different refunds: with one statement for each kind of
// row, and all statements in one round trip.
func save(ctx context.Context, tx bun.IDB, all []saving) error {
	for _, s := range all {
		if s.effect.Credit != nil {
			if _, err := addCredit(ctx, tx, *s.effect.Credit); err != nil {
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
		if s.before == nil {
			opened = append(opened, rowOfRefund(s.after))
		} else {
			changed = append(changed, rowOfRefund(s.after))
			had = len(s.before.Attempts)
		}
		for i, a := range s.after.Attempts {
			switch {
			case i >= had:
				begun = append(begun, rowOfAttempt(s.after.ID, a))
			case a != s.before.Attempts[i]:
				answered = append(answered, rowOfAttempt(s.after.ID, a))
			}
		}
		if s.before == nil || !reflect.DeepEqual(s.before.Quote.Lines, s.after.Quote.Lines) {
			lines = append(lines, rowsOfLines(s.after)...)
			if s.before != nil {
				requoted = append(requoted, s.after.ID)
			}
		}
		if s.effect.Reserved != 0 || s.effect.Refunded != 0 {
			balances = append(balances, rowOfBalance(s.after.OrderID, s.balance))
		}
		events = append(events, s.after.PendingEvents()...)
	}
	return sqldb.Pipeline(ctx, tx, func(w bun.IDB) error {
		if len(requoted) > 0 {
			if _, err := w.NewDelete().Model((*lineRow)(nil)).Where("refund_id IN (?)", bun.List(requoted)).Exec(ctx); err != nil {
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
