package review

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

// Migrations returns the schema of this package's table.
func Migrations() sqlstore.Migrations { return sqlstore.Embedded("review", migrations) }

// MaxNote is the limit of a note, in characters.
const MaxNote = 2000

// Discrepancy is one thing that the shop and its payment provider say differently. It
// changes nothing: it stays in the review queue until staff close it, and in the
// records after. RefundID, OrderID and ProviderID are empty where they are not known.
type Discrepancy struct {
	ID         string // of its cause, such as a webhook event
	Kind       string // a word for metrics: refund or payment
	Message    string // for staff
	RefundID   string
	OrderID    string
	ProviderID string // the provider's id of the object
	RaisedAt   time.Time
	ClosedAt   time.Time // zero while it is open
	ClosedBy   string    // name of who closed it
	Note       string    // what they found and did
}

// Discrepancies keeps them. It is safe for concurrent use, by any number of
// processes on one database.
type Discrepancies struct {
	DB  *sqlstore.DB
	Now func() time.Time // nil: time.Now
}

type discrepancyRow struct {
	bun.BaseModel `bun:"table:?(rk)discrepancies,alias:d"`

	ID         string `bun:",pk"`
	Kind       string
	Message    string
	RefundID   string
	OrderID    string
	ProviderID string
	RaisedAt   sqldb.Time
	ClosedAt   sqldb.Time
	ClosedBy   string
	Note       string
}

func (r discrepancyRow) discrepancy() Discrepancy {
	return Discrepancy{
		ID: r.ID, Kind: r.Kind, Message: r.Message, RefundID: r.RefundID, OrderID: r.OrderID, ProviderID: r.ProviderID,
		RaisedAt: r.RaisedAt.Time(), ClosedAt: r.ClosedAt.Time(), ClosedBy: r.ClosedBy, Note: r.Note,
	}
}

// Raise records a discrepancy and reports whether it is new: an ID is recorded
// once, also after it was closed.
func (s *Discrepancies) Raise(ctx context.Context, d Discrepancy) (bool, error) {
	if d.ID == "" {
		return false, errors.New("review: a discrepancy without an id would be raised again and again")
	}
	row := discrepancyRow{
		ID: d.ID, Kind: d.Kind, Message: d.Message, RefundID: d.RefundID, OrderID: d.OrderID, ProviderID: d.ProviderID,
		RaisedAt: sqldb.At(s.now()),
	}
	fresh := false
	err := s.DB.Tx(ctx, "review: raise discrepancy", func(ctx context.Context, tx bun.IDB) (err error) {
		fresh, err = sqldb.ChangedOne(tx.NewInsert().Model(&row).On("CONFLICT (id) DO NOTHING").
			Returning("NULL").Exec(ctx))
		return err
	})
	return fresh, err
}

// Open returns the open discrepancies, oldest first, at most limit of them, and
// how many there are.
func (s *Discrepancies) Open(ctx context.Context, limit int) ([]Discrepancy, int, error) {
	var rows []discrepancyRow
	q := s.DB.Reader().NewSelect().Model(&rows).Where("d.closed_at IS NULL")
	total, err := q.Clone().Count(ctx)
	if err == nil && total > 0 {
		err = q.Order("d.raised_at", "d.id").Limit(int64(limit)).Scan(ctx)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("review: list open discrepancies: %w", err)
	}
	all := make([]Discrepancy, len(rows))
	for i, r := range rows {
		all[i] = r.discrepancy()
	}
	return all, int(total), nil
}

// Discrepancy returns the one with the ID, open or closed, or
// orders.ErrNotFound.
func (s *Discrepancies) Discrepancy(ctx context.Context, id string) (Discrepancy, error) {
	var rows []discrepancyRow
	if err := s.DB.Reader().NewSelect().Model(&rows).Where("d.id = ?", id).Scan(ctx); err != nil {
		return Discrepancy{}, fmt.Errorf("alarm: %s: %w", id, err)
	}
	if len(rows) == 0 {
		return Discrepancy{}, fmt.Errorf("review: there is no %q: %w", id, orders.ErrNotFound)
	}
	return rows[0].discrepancy(), nil
}

// Close records that staff have reviewed a discrepancy, and what they found. The
// note is required. One that is closed already is CodeTransition.
func (s *Discrepancies) Close(ctx context.Context, id, note string, by event.Actor) error {
	note = strings.TrimSpace(note)
	if n := utf8.RuneCountInString(note); n == 0 || n > MaxNote || !sqldb.Storable(note) {
		return &orders.Error{
			Code:    orders.CodeInvalid,
			Field:   "note",
			Message: fmt.Sprintf("Say what you found and did, in 1 to %d characters.", MaxNote),
		}
	}
	if _, err := s.Discrepancy(ctx, id); err != nil {
		return err
	}
	closed := false
	err := s.DB.Tx(ctx, "review: close discrepancy", func(ctx context.Context, tx bun.IDB) (err error) {
		closed, err = sqldb.ChangedOne(tx.NewUpdate().Model((*discrepancyRow)(nil)).
			Set("closed_at = ?", sqldb.At(s.now())).Set("closed_by = ?", by.Name).Set("note = ?", note).
			Where("id = ?", id).Where("closed_at IS NULL").Exec(ctx))
		return err
	})
	if err == nil && !closed {
		return &orders.Error{
			Code: orders.CodeTransition, Field: "discrepancy", Message: "This discrepancy is closed already.",
		}
	}
	return err
}

func (s *Discrepancies) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}
