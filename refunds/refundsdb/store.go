package refundsdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/outbox"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refunds"
)

// EventPrefix names the tables of this store's events and deliveries, for the
// outbox dispatcher.
const EventPrefix = "refunds"

// Store is a refunds.Store on PostgreSQL or SQLite. It is safe for concurrent
// use, and by many processes on one database.
type Store struct{ db *sqldb.DB }

var _ refunds.Store = (*Store)(nil)

// New returns a Store on a database that was migrated.
func New(db *sqldb.DB) *Store { return &Store{db: db} }

func notFound(what, id string) error {
	return fmt.Errorf("refundsdb: there is no %s %q: %w", what, id, refunds.ErrNotFound)
}

func actor(kind, id, name string) refunds.Actor {
	return refunds.Actor{Kind: orders.ActorKind(kind), ID: id, Name: name}
}

// storable reports whether a text can be in a column at all. PostgreSQL
// refuses others with an error; nothing has such an id.
func storable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// refusal is err as the caller of a store knows it: a refusal of package
// refunds without the store's operation around it, and CodeBalance where only
// the constraint of the balance saw it.
func refusal(err error) error {
	var e *refunds.Error
	if errors.As(err, &e) {
		return e
	}
	if name, ok := sqldb.IsCheck(err); ok && strings.HasPrefix(name, "refund_balance") {
		return &refunds.Error{Code: refunds.CodeBalance, Field: "amount", Message: "the payment can't give back that much", Err: err}
	}
	return err
}

// Open implements refunds.Store.
func (s *Store) Open(ctx context.Context, r refunds.OpenRequest, decide func(refunds.Book, *refunds.Refund) (*refunds.Refund, error)) (refunds.Refund, error) {
	if !storable(r.Reference) || !storable(r.OrderID) || !storable(r.PaymentID) {
		return refunds.Refund{}, &refunds.Error{Code: refunds.CodeInvalid, Field: "reference", Message: "it holds bytes that are no text"}
	}
	var saved refunds.Refund
	open := func() error {
		return s.db.Tx(ctx, "refundsdb: open refund", func(ctx context.Context, tx bun.Tx) error {
			balances, err := lockPayment(ctx, tx, r)
			if err != nil {
				return err
			}
			before, err := oneRefund(ctx, tx, sqldb.ForUpdate(tx.NewSelect().
				Where("r.reference = ?", r.Reference).Where("r.status <> ?", refunds.StatusReversed)))
			if err != nil {
				return err
			}
			if err := r.Check(before); err != nil {
				return err
			}
			book, err := readBook(ctx, tx, balances, r, before)
			if err != nil {
				return err
			}
			current := before
			if before != nil {
				copied := before.Saved()
				current = &copied
			}
			next, err := decide(book, current)
			if err != nil {
				return err
			}
			if before != nil && next.ID != before.ID {
				return fmt.Errorf("reference %s has refund %s and can't get another", r.Reference, before.ID)
			}
			saved, err = save(ctx, tx, before, next, book.Balance)
			return err
		})
	}
	err := open()
	if name, ok := sqldb.IsUnique(err); ok && name == "refunds_reference_key" {
		err = open() // opened meanwhile on another payment: now it is seen, and refused
	}
	if err != nil {
		return refunds.Refund{}, refusal(err)
	}
	return saved, nil
}

// Update implements refunds.Store.
func (s *Store) Update(ctx context.Context, id string, change func(refunds.Book, *refunds.Refund) error) (refunds.Refund, error) {
	if !storable(id) {
		return refunds.Refund{}, notFound("refund", id)
	}
	var saved refunds.Refund
	err := s.db.Tx(ctx, "refundsdb: update refund", func(ctx context.Context, tx bun.Tx) error {
		of := tx.NewSelect().Model((*refundRow)(nil)).Column("order_id").Where("r.id = ?", id)
		balances, err := lockBalances(ctx, tx.NewSelect().Where("b.order_id = (?)", of))
		if err != nil {
			return err
		}
		before, err := oneRefund(ctx, tx, sqldb.ForUpdate(tx.NewSelect().Where("r.id = ?", id)))
		if err != nil {
			return err
		}
		if before == nil {
			return notFound("refund", id)
		}
		book, err := readBook(ctx, tx, balances, refunds.OpenRequest{OrderID: before.OrderID, PaymentID: before.PaymentID}, before)
		if err != nil {
			return err
		}
		after := before.Saved()
		if err := change(book, &after); err != nil {
			return err
		}
		saved, err = save(ctx, tx, before, &after, book.Balance)
		return err
	})
	if err != nil {
		return refunds.Refund{}, refusal(err)
	}
	return saved, nil
}

// lockBalances locks the balances that q selects, in order of their id.
func lockBalances(ctx context.Context, q *bun.SelectQuery) ([]balanceRow, error) {
	var rows []balanceRow
	err := sqldb.ForUpdate(q.Model(&rows).Order("b.payment_id")).Scan(ctx)
	return rows, err
}

// readBook is what a decision about the refund (nil for none) stands on.
func readBook(ctx context.Context, db bun.IDB, balances []balanceRow, r refunds.OpenRequest, current *refunds.Refund) (refunds.Book, error) {
	book := refunds.Book{
		Balance: refunds.Balance{PaymentID: r.PaymentID, Currency: r.Currency, Captured: r.Captured},
		Given:   map[string]refunds.Given{},
	}
	for _, b := range balances {
		if b.PaymentID == r.PaymentID {
			book.Balance = b.balance()
		}
	}
	var rows []lineRow
	q := db.NewSelect().Model(&rows).Column("l.order_line_id").
		ColumnExpr("CAST(SUM(l.units) AS BIGINT) AS units").
		ColumnExpr("CAST(SUM(l.price_minor) AS BIGINT) AS price_minor").
		ColumnExpr("CAST(SUM(l.duty_minor) AS BIGINT) AS duty_minor").
		ColumnExpr("CAST(SUM(l.shipping_minor) AS BIGINT) AS shipping_minor").
		Join("JOIN refunds AS r ON r.id = l.refund_id").
		Where("r.order_id = ?", r.OrderID).
		Where("r.status NOT IN (?, ?)", refunds.StatusFailed, refunds.StatusReversed).
		Group("l.order_line_id")
	if current != nil {
		q.Where("r.id <> ?", current.ID)
	}
	if err := q.Scan(ctx); err != nil {
		return book, err
	}
	for _, l := range rows {
		book.Given[l.OrderLineID] = refunds.Given{
			Units:      int(l.Units),
			Components: refunds.Components{Price: l.PriceMinor, Duty: l.DutyMinor, Shipping: l.ShippingMinor},
		}
	}
	return book, nil
}

// save carries out the change from before (nil for a new refund) to after.
func save(ctx context.Context, tx bun.Tx, before, after *refunds.Refund, balance refunds.Balance) (refunds.Refund, error) {
	if err := refunds.CheckSave(before, after); err != nil {
		return refunds.Refund{}, err
	}
	saved := after.Saved()
	if before != nil && reflect.DeepEqual(*before, saved) {
		return saved, nil
	}
	effect := refunds.EffectOf(before, *after)
	if err := balance.Apply(effect); err != nil {
		return saved, err
	}
	if effect.Credit != nil {
		if _, err := addCredit(ctx, tx, *effect.Credit); err != nil {
			return saved, err
		}
	}
	return saved, sqldb.Together(ctx, tx, func(w bun.IDB) error {
		row := rowOfRefund(after)
		var err error
		if before == nil {
			_, err = w.NewInsert().Model(&row).Returning("NULL").Exec(ctx)
		} else {
			_, err = w.NewUpdate().Model(&row).WherePK().Exec(ctx)
		}
		if err != nil {
			return err
		}
		if err := saveAttempts(ctx, w, before, after); err != nil {
			return err
		}
		if err := saveLines(ctx, w, before, after); err != nil {
			return err
		}
		if effect.Reserved != 0 || effect.Refunded != 0 {
			_, err := w.NewUpdate().Model((*balanceRow)(nil)).
				Set("reserved_minor = ?", balance.Reserved).Set("refunded_minor = ?", balance.Refunded).
				Where("payment_id = ?", after.PaymentID).Exec(ctx)
			if err != nil {
				return err
			}
		}
		return outbox.Append(ctx, w, EventPrefix, after.Changes())
	})
}

// saveLines replaces the lines where the quote is another.
func saveLines(ctx context.Context, db bun.IDB, before, after *refunds.Refund) error {
	if before != nil {
		if reflect.DeepEqual(before.Quote.Lines, after.Quote.Lines) {
			return nil
		}
		if _, err := db.NewDelete().Model((*lineRow)(nil)).Where("refund_id = ?", after.ID).Exec(ctx); err != nil {
			return err
		}
	}
	lines := rowsOfLines(after)
	if len(lines) == 0 {
		return nil
	}
	_, err := db.NewInsert().Model(&lines).Returning("NULL").Exec(ctx)
	return err
}

// saveAttempts writes the attempts that are new or changed.
func saveAttempts(ctx context.Context, db bun.IDB, before, after *refunds.Refund) error {
	had := 0
	if before != nil {
		had = len(before.Attempts)
	}
	for i, a := range after.Attempts {
		row := rowOfAttempt(after.ID, a)
		switch {
		case i >= had:
			if _, err := db.NewInsert().Model(&row).Returning("NULL").Exec(ctx); err != nil {
				return err
			}
		case a != before.Attempts[i]:
			if _, err := db.NewUpdate().Model(&row).WherePK().Exec(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// oneRefund loads the refund that q selects with its attempts; nil for none.
func oneRefund(ctx context.Context, db bun.IDB, q *bun.SelectQuery) (*refunds.Refund, error) {
	var row refundRow
	err := q.Model(&row).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := withAttempts(ctx, db, []refundRow{row})
	if err != nil {
		return nil, err
	}
	return &all[0], nil
}

// withAttempts turns rows into refunds with one more statement.
func withAttempts(ctx context.Context, db bun.IDB, rows []refundRow) ([]refunds.Refund, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	all := make([]refunds.Refund, len(rows))
	at := make(map[string]int, len(rows))
	ids := make([]string, len(rows))
	for i, r := range rows {
		all[i], at[r.ID], ids[i] = r.refund(), i, r.ID
	}
	var attempts []attemptRow
	err := db.NewSelect().Model(&attempts).Where("a.refund_id IN (?)", bun.List(ids)).Order("a.refund_id", "a.number").Scan(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range attempts {
		r := &all[at[a.RefundID]]
		r.Attempts = append(r.Attempts, a.attempt())
	}
	return all, nil
}
