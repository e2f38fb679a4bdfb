package notice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/lease"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
)

const (
	leaseFor   = 30 * time.Second
	maxText    = 1000 // characters of a notice
	insertRows = 100
)

// eventRow is an event that notices are to be made of.
type eventRow struct {
	bun.BaseModel `bun:"table:?(rk)notice_events,alias:e"`

	EventID     string `bun:",pk"`
	Stream      string
	AggregateID string
	Seq         int
	Type        string
	At          sqldb.Time
	NextAt      sqldb.Time
	Attempts    int
	LastError   string
	lease.Lease
}

// noticeRow is a notice as it is stored.
type noticeRow struct {
	bun.BaseModel `bun:"table:?(rk)notices,alias:n"`

	ID        string `bun:",pk"`
	UserID    string
	EventID   string
	Kind      string
	Title     string
	Body      string
	Href      string
	At        sqldb.Time
	ReadAt    sqldb.Time
	ChangedAt sqldb.Time
}

func (r noticeRow) message() Message {
	return Message{
		ID: r.ID, UserID: r.UserID, EventID: r.EventID, Kind: r.Kind, Title: r.Title, Text: r.Body, Href: r.Href,
		At: r.At.Time(), ReadAt: r.ReadAt.Time(),
	}
}

// Note keeps the events of a stream that notices are made of, in the transaction that fans
// them out. A dispatcher calls it for the StoredTypes of each stream.
func (s *Service) Note(ctx context.Context, tx bun.IDB, stream string, events []event.Event) error {
	if stream == ordersStream {
		var err error
		if events, err = afterQueue(ctx, tx, events); err != nil {
			return err
		}
	}
	now := sqldb.At(s.cfg.Now())
	var rows []eventRow
	for _, e := range events {
		if wants(stream, e.Type) {
			rows = append(rows, eventRow{
				EventID: e.ID, Stream: stream, AggregateID: e.AggregateID, Seq: e.Seq, Type: e.Type,
				At: sqldb.At(e.At), NextAt: now,
			})
		}
	}
	for chunk := range slices.Chunk(rows, insertRows) {
		_, err := tx.NewInsert().Model(&chunk).On("CONFLICT (event_id) DO NOTHING").Returning("NULL").Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

// afterQueue returns the events of orders that were queued before: of others the customer has
// seen on the page how they ended.
func afterQueue(ctx context.Context, tx bun.IDB, events []event.Event) ([]event.Event, error) {
	var ids, queued []string
	for _, e := range events {
		ids = append(ids, e.AggregateID)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	err := tx.NewSelect().TableExpr("?(rk)orders_events").Column("aggregate_id").
		Where("aggregate_id IN (?)", bun.List(ids)).Where("type = ?", orders.EventQueued).Scan(ctx, &queued)
	return slices.DeleteFunc(slices.Clone(events), func(e event.Event) bool {
		return !slices.Contains(queued, e.AggregateID)
	}), err
}

// Work makes the notices of at most limit events that are due, and returns of how many it
// did. One that can't be made is tried again later and delays no other.
func (s *Service) Work(ctx context.Context, limit int) (int, error) {
	rows, err := s.claim(ctx, limit)
	if err != nil {
		return 0, err
	}
	errs := make([]error, 0, len(rows))
	for _, row := range rows {
		err := s.make(ctx, row)
		if err != nil && ctx.Err() == nil {
			err = errors.Join(fmt.Errorf("notice of %s: %w", row.EventID, err), s.later(ctx, row, err))
		}
		errs = append(errs, err)
	}
	return len(rows), errors.Join(errs...)
}

func (s *Service) claim(ctx context.Context, limit int) (rows []eventRow, err error) {
	now := s.cfg.Now()
	due := func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("e.next_at <= ?", sqldb.At(now)).Order("e.at", "e.aggregate_id", "e.seq").Limit(int64(limit))
	}
	// A look without a lock first: mostly there is nothing.
	look := due(s.cfg.DB.Read().NewSelect().Model((*eventRow)(nil)))
	some, err := lease.WhereFree(look, "e", now, leaseFor).Exists(ctx)
	if err != nil || !some {
		return nil, err
	}
	err = s.cfg.DB.Tx(ctx, "notice: claim", func(ctx context.Context, tx bun.IDB) error {
		rows, err = lease.ClaimDue[eventRow](ctx, tx, "e", now, leaseFor, due)
		return err
	})
	return rows, err
}

// make makes the notices of an event and forgets it, in one transaction.
func (s *Service) make(ctx context.Context, row eventRow) error {
	d, err := s.draftOf(ctx, row)
	if err != nil {
		return err
	}
	var people []string
	if d != nil {
		if people, err = s.people(ctx, *d); err != nil {
			return err
		}
	}
	err = s.cfg.DB.Tx(ctx, "notice: make", func(ctx context.Context, tx bun.IDB) error {
		mine, err := lease.Delete(ctx, tx, &row)
		if err != nil || !mine || d == nil {
			return err // another process has it
		}
		return s.insert(ctx, tx, row.EventID, row.Type, row.At.Time(), *d, people)
	})
	if err == nil {
		s.hub.Wake(people...)
	}
	return err
}

// people are who gets a notice.
func (s *Service) people(ctx context.Context, d draft) ([]string, error) {
	if d.audience == "" {
		return []string{d.customer}, nil
	}
	return s.cfg.Staff(ctx, d.audience)
}

// insert adds a notice for each of the people who has none of the event, and mails it to a
// customer.
func (s *Service) insert(
	ctx context.Context, tx bun.IDB, eventID, kind string, at time.Time, d draft, people []string,
) error {
	for _, id := range people {
		number, err := uuid.NewV7()
		if err != nil {
			return err
		}
		row := noticeRow{
			ID: number.String(), UserID: id, EventID: eventID, Kind: kind, Title: clip(d.title), Body: clip(d.text),
			Href: d.href, At: sqldb.At(at), ChangedAt: sqldb.At(s.cfg.Now()),
		}
		fresh, err := sqldb.ChangedOne(tx.NewInsert().Model(&row).On("CONFLICT (user_id, event_id) DO NOTHING").
			Returning("NULL").Exec(ctx))
		if err != nil {
			return err
		}
		if fresh && d.audience == "" {
			if err := s.cfg.Mail(ctx, tx, row.message()); err != nil {
				return err
			}
		}
	}
	return nil
}

// clip is the beginning of a text.
func clip(text string) string {
	if utf8.RuneCountInString(text) <= maxText {
		return text
	}
	return string([]rune(text)[:maxText-1]) + "…"
}

// later has an event tried again.
func (s *Service) later(ctx context.Context, row eventRow, cause error) error {
	row.NextAt = sqldb.At(s.cfg.Now().Add(s.retry.Wait(row.Attempts)))
	row.Attempts++
	row.LastError = sqldb.ErrorText(cause)
	row.Release()
	return s.cfg.DB.Tx(ctx, "notice: retry", func(ctx context.Context, tx bun.IDB) error {
		_, err := lease.Save(ctx, tx, &row)
		return err
	})
}
