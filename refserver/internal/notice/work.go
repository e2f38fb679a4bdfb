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

	// longestRetry is the longest wait between two attempts, with what spreads it.
	longestRetry = 15 * time.Minute
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

// Work makes the notices of at most limit events that are due, in one transaction, and
// returns of how many it did. One that can't be made is tried again later and delays no other.
func (s *Service) Work(ctx context.Context, limit int) (int, error) {
	rows, err := s.claim(ctx, limit)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	var errs []error
	failed := func(row eventRow, err error) {
		if ctx.Err() == nil {
			err = errors.Join(fmt.Errorf("notice of %s: %w", row.EventID, err), s.later(ctx, row, err))
		}
		errs = append(errs, err)
	}
	var all []news
	h, err := s.historiesOf(ctx, rows)
	for _, row := range rows {
		n, unread := news{}, err
		if unread == nil {
			n, unread = s.newsOf(ctx, row, h)
		}
		if unread != nil {
			failed(row, unread)
			continue
		}
		all = append(all, n)
	}
	if s.make(ctx, all) != nil { // one of them is at fault
		for _, n := range all {
			if err := s.make(ctx, []news{n}); err != nil {
				failed(n.row, err)
			}
		}
	}
	return len(rows), errors.Join(errs...)
}

func (s *Service) claim(ctx context.Context, limit int) (rows []eventRow, err error) {
	now := s.cfg.Now()
	due := func(q *bun.SelectQuery) *bun.SelectQuery {
		return lease.WhereDue(q, "e", now, longestRetry).Order("e.at", "e.aggregate_id", "e.seq").Limit(int64(limit))
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

// news are the notices of an event that are to be made.
type news struct {
	row    eventRow
	draft  *draft // nil: there are none
	people []string
}

func (s *Service) newsOf(ctx context.Context, row eventRow, h histories) (n news, err error) {
	n.row = row
	if n.draft, err = h.draftOf(row); err == nil && n.draft != nil {
		n.people, err = s.people(ctx, *n.draft)
	}
	return n, err
}

// make makes the notices of events that were claimed together and forgets these, in one
// transaction.
func (s *Service) make(ctx context.Context, all []news) error {
	if len(all) == 0 {
		return nil
	}
	var ids []string
	for _, n := range all {
		ids = append(ids, n.row.EventID)
	}
	err := s.cfg.DB.Tx(ctx, "notice: make", func(ctx context.Context, tx bun.IDB) error {
		var mine []string // another process may have the others
		_, err := tx.NewDelete().Model((*eventRow)(nil)).Where("event_id IN (?)", bun.List(ids)).
			Where("lease_token = ?", all[0].row.LeaseToken).Returning("event_id").Exec(ctx, &mine)
		if err != nil {
			return err
		}
		return s.insert(ctx, tx, slices.DeleteFunc(slices.Clone(all), func(n news) bool {
			return n.draft == nil || !slices.Contains(mine, n.row.EventID)
		}))
	})
	if err == nil {
		for _, n := range all {
			s.hub.Wake(n.people...)
		}
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
func (s *Service) insert(ctx context.Context, tx bun.IDB, all []news) error {
	var rows []noticeRow
	customers := map[string]bool{} // the events whose notices are for a customer
	for _, n := range all {
		customers[n.row.EventID] = n.draft.audience == ""
		for _, id := range n.people {
			number, err := uuid.NewV7()
			if err != nil {
				return err
			}
			rows = append(rows, noticeRow{
				ID: number.String(), UserID: id, EventID: n.row.EventID, Kind: n.row.Type, Title: clip(n.draft.title),
				Body: clip(n.draft.text), Href: n.draft.href, At: n.row.At, ChangedAt: sqldb.At(s.cfg.Now()),
			})
		}
	}
	fresh := map[string]bool{}
	for chunk := range slices.Chunk(rows, insertRows) {
		var ids []string
		_, err := tx.NewInsert().Model(&chunk).On("CONFLICT (user_id, event_id) DO NOTHING").Returning("id").
			Exec(ctx, &ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			fresh[id] = true
		}
	}
	return sqldb.Pipeline(ctx, tx, func(w bun.IDB) error {
		for _, row := range rows {
			if fresh[row.ID] && customers[row.EventID] {
				if err := s.cfg.Mail(ctx, w, row.message()); err != nil {
					return err
				}
			}
		}
		return nil
	})
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
