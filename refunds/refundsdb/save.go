package refundsdb

import (
	"context"
	"reflect"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/outbox"
	"github.com/returnkit/returnkit/internal/sqldb"
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
	return s.before == nil || !reflect.DeepEqual(*s.before, s.after.Saved())
}

// save writes changes of different refunds: what is new of all of them with
// one statement for each table, and all statements in one round trip.
func save(ctx context.Context, tx bun.Tx, all []saving) error {
	for _, s := range all {
		if s.effect.Credit != nil {
			if _, err := addCredit(ctx, tx, *s.effect.Credit); err != nil {
				return err
			}
		}
	}
	return sqldb.Together(ctx, tx, func(w bun.IDB) error {
		var opened []refundRow
		var attempts []attemptRow
		var lines []lineRow
		var events []refunds.Event
		for _, s := range all {
			row := rowOfRefund(s.after)
			if s.before == nil {
				opened = append(opened, row)
			} else if _, err := w.NewUpdate().Model(&row).WherePK().Exec(ctx); err != nil {
				return err
			}
			begun, err := s.saveAttempts(ctx, w)
			if err != nil {
				return err
			}
			quoted, err := s.dropLines(ctx, w)
			if err != nil {
				return err
			}
			if err := s.saveBalance(ctx, w); err != nil {
				return err
			}
			attempts, lines, events = append(attempts, begun...), append(lines, quoted...), append(events, s.after.Changes()...)
		}
		if err := insert(ctx, w, opened); err != nil {
			return err
		}
		if err := insert(ctx, w, attempts); err != nil {
			return err
		}
		if err := insert(ctx, w, lines); err != nil {
			return err
		}
		return outbox.Append(ctx, w, EventPrefix, events)
	})
}

func insert[R any](ctx context.Context, w bun.IDB, rows []R) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := w.NewInsert().Model(&rows).Returning("NULL").Exec(ctx)
	return err
}

// saveAttempts writes the attempts that changed, and returns the rows of those
// that are new.
func (s saving) saveAttempts(ctx context.Context, w bun.IDB) (begun []attemptRow, err error) {
	had := 0
	if s.before != nil {
		had = len(s.before.Attempts)
	}
	for i, a := range s.after.Attempts {
		row := rowOfAttempt(s.after.ID, a)
		switch {
		case i >= had:
			begun = append(begun, row)
		case a != s.before.Attempts[i]:
			if _, err := w.NewUpdate().Model(&row).WherePK().Exec(ctx); err != nil {
				return nil, err
			}
		}
	}
	return begun, nil
}

// dropLines removes the lines where the quote is another, and returns the rows
// of those that take their place.
func (s saving) dropLines(ctx context.Context, w bun.IDB) ([]lineRow, error) {
	if s.before != nil {
		if reflect.DeepEqual(s.before.Quote.Lines, s.after.Quote.Lines) {
			return nil, nil
		}
		if _, err := w.NewDelete().Model((*lineRow)(nil)).Where("refund_id = ?", s.after.ID).Exec(ctx); err != nil {
			return nil, err
		}
	}
	return rowsOfLines(s.after), nil
}

func (s saving) saveBalance(ctx context.Context, w bun.IDB) error {
	if s.effect.Reserved == 0 && s.effect.Refunded == 0 {
		return nil
	}
	_, err := w.NewUpdate().Model((*balanceRow)(nil)).
		Set("reserved_minor = ?", s.balance.Reserved).Set("refunded_minor = ?", s.balance.Refunded).
		Where("payment_id = ?", s.after.PaymentID).Exec(ctx)
	return err
}
