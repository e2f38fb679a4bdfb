// Package alarm keeps what a person has to look at because the shop and its
// payment provider say different things of the same money. An alarm changes
// nothing by itself: it stands in the queue until somebody has dealt with it,
// and stays in the records with who did and what they found.
package alarm

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

//go:embed migrations
var migrations embed.FS

// Migrations is the schema of this package's table.
func Migrations() sqlstore.Migrations { return sqlstore.Embedded("alarm", migrations) }

// MaxNote is the most letters of a note.
const MaxNote = 2000

// Alarm is one contradiction. RefundID, OrderID and Reference (the provider's
// id of the object) are empty where they are not known.
type Alarm struct {
	ID        string // of what raised it, such as a message of the provider
	Kind      string // a word for metrics: contradiction, amount_differs, ...
	Message   string // for staff
	RefundID  string
	OrderID   string
	Reference string
	RaisedAt  time.Time
	ClosedAt  time.Time // zero while it is open
	ClosedBy  string    // name of who dealt with it
	Note      string    // what they found and did
}

// Book is the list of alarms. It is safe for concurrent use, by any number of
// processes on one database.
type Book struct {
	DB  *sqlstore.DB
	Now func() time.Time // nil: time.Now
}

type alarmRow struct {
	bun.BaseModel `bun:"table:?(rk)money_alarms,alias:a"`

	ID        string `bun:",pk"`
	Kind      string
	Message   string
	RefundID  string
	OrderID   string
	Reference string
	RaisedAt  sqldb.Time
	ClosedAt  sqldb.Time
	ClosedBy  string
	Note      string
}

func (r alarmRow) alarm() Alarm {
	return Alarm{
		ID: r.ID, Kind: r.Kind, Message: r.Message, RefundID: r.RefundID, OrderID: r.OrderID, Reference: r.Reference,
		RaisedAt: r.RaisedAt.Time(), ClosedAt: r.ClosedAt.Time(), ClosedBy: r.ClosedBy, Note: r.Note,
	}
}

// Raise puts an alarm into the book and reports whether it is new: the same
// ID raises one alarm, also after that was closed.
func (b *Book) Raise(ctx context.Context, a Alarm) (bool, error) {
	if a.ID == "" {
		return false, errors.New("alarm: it has no id, so it would be raised again and again")
	}
	row := alarmRow{
		ID: a.ID, Kind: a.Kind, Message: a.Message, RefundID: a.RefundID, OrderID: a.OrderID, Reference: a.Reference,
		RaisedAt: sqldb.At(b.now()),
	}
	fresh := false
	err := b.DB.Tx(ctx, "alarm: raise", func(ctx context.Context, tx bun.IDB) error {
		res, err := tx.NewInsert().Model(&row).On("CONFLICT (id) DO NOTHING").Returning("NULL").Exec(ctx)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		fresh = n == 1
		return err
	})
	return fresh, err
}

// Open returns the open alarms, oldest first, at most limit of them, and how
// many there are.
func (b *Book) Open(ctx context.Context, limit int) ([]Alarm, int, error) {
	var rows []alarmRow
	q := b.DB.Reader().NewSelect().Model(&rows).Where("a.closed_at IS NULL")
	total, err := q.Clone().Count(ctx)
	if err == nil && total > 0 {
		err = q.Order("a.raised_at", "a.id").Limit(int64(limit)).Scan(ctx)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("alarm: open ones: %w", err)
	}
	all := make([]Alarm, len(rows))
	for i, r := range rows {
		all[i] = r.alarm()
	}
	return all, int(total), nil
}

// Alarm returns the alarm, open or closed, or orders.ErrNotFound.
func (b *Book) Alarm(ctx context.Context, id string) (Alarm, error) {
	var rows []alarmRow
	if err := b.DB.Reader().NewSelect().Model(&rows).Where("a.id = ?", id).Scan(ctx); err != nil {
		return Alarm{}, fmt.Errorf("alarm: %s: %w", id, err)
	}
	if len(rows) == 0 {
		return Alarm{}, fmt.Errorf("alarm: there is no %q: %w", id, orders.ErrNotFound)
	}
	return rows[0].alarm(), nil
}

// Close notes that a person has dealt with an alarm, and what they found. The
// note is required. One that is closed already is CodeTransition.
func (b *Book) Close(ctx context.Context, id, note string, by event.Actor) error {
	note = strings.TrimSpace(note)
	if n := utf8.RuneCountInString(note); n == 0 || n > MaxNote || !utf8.ValidString(note) ||
		strings.ContainsRune(note, 0) {
		return &orders.Error{
			Code:    orders.CodeInvalid,
			Field:   "note",
			Message: fmt.Sprintf("say what you found and did, in 1 to %d letters", MaxNote),
		}
	}
	if _, err := b.Alarm(ctx, id); err != nil {
		return err
	}
	var closed int64
	err := b.DB.Tx(ctx, "alarm: close", func(ctx context.Context, tx bun.IDB) error {
		res, err := tx.NewUpdate().Model((*alarmRow)(nil)).
			Set("closed_at = ?", sqldb.At(b.now())).Set("closed_by = ?", by.Name).Set("note = ?", note).
			Where("id = ?", id).Where("closed_at IS NULL").Exec(ctx)
		if err != nil {
			return err
		}
		closed, err = res.RowsAffected()
		return err
	})
	if err == nil && closed == 0 {
		return &orders.Error{Code: orders.CodeTransition, Field: "alarm", Message: "somebody has dealt with it already"}
	}
	return err
}

func (b *Book) now() time.Time {
	if b.Now == nil {
		return time.Now()
	}
	return b.Now()
}
