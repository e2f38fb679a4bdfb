package outboxdb

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/paging"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
)

// The number of events on a page of Search.
const (
	defaultPage = 100
	maxPage     = 1000
)

// ErrCursor is [outbox.ErrCursor].
var ErrCursor = outbox.ErrCursor

// Query selects events for an audit trail. Zero fields select everything.
type Query struct {
	AggregateID string
	ActorID     string
	FromAddress string
	FromRequest string
	Types       []string  // any of these
	From, To    time.Time // From is included, To is not

	After string // the Next of the page before
	Limit int    // 1 to 1000; 0 means 100
}

// Page is a part of the events that a Query selects, newest first.
type Page struct {
	Events []event.Event
	Next   string // for Query.After; empty on the last page
}

// search is Search in one stream.
func search(ctx context.Context, idb bun.IDB, stream string, q Query) (Page, error) {
	if err := checkStream(stream); err != nil {
		return Page{}, err
	}
	if q.Limit == 0 {
		q.Limit = defaultPage
	}
	if q.Limit < 1 || q.Limit > maxPage {
		return Page{}, fmt.Errorf("outboxdb: search: limit is %d and must be in 1 to %d", q.Limit, maxPage)
	}
	var rows []eventRow
	sel := idb.NewSelect().Model(&rows).ModelTableExpr("? AS e", eventsTable(stream)).
		OrderExpr("e.at DESC, e.aggregate_id DESC, e.seq DESC").Limit(int64(q.Limit) + 1)
	if q.AggregateID != "" {
		sel.Where("e.aggregate_id = ?", q.AggregateID)
	}
	if q.ActorID != "" {
		sel.Where("e.actor_id = ?", q.ActorID)
	}
	// The indexes leave out events without an origin, which is said here again
	// for SQLite to see that they fit.
	if q.FromAddress != "" {
		sel.Where("e.from_address = ? AND e.from_address <> ''", q.FromAddress)
	}
	if q.FromRequest != "" {
		sel.Where("e.from_request = ? AND e.from_request <> ''", q.FromRequest)
	}
	if len(q.Types) > 0 {
		sel.Where("e.type IN (?)", bun.List(q.Types))
	}
	if !q.From.IsZero() {
		sel.Where("e.at >= ?", sqldb.At(q.From))
	}
	if !q.To.IsZero() {
		sel.Where("e.at < ?", sqldb.At(q.To))
	}
	if q.After != "" {
		c, err := outbox.ParseCursor(q.After)
		if err != nil {
			return Page{}, err
		}
		sel.Where("(e.at, e.aggregate_id, e.seq) < (?, ?, ?)", sqldb.At(c.At), c.AggregateID, c.Seq)
	}
	if err := sel.Scan(ctx); err != nil {
		return Page{}, fmt.Errorf("outboxdb: search %s: %w", stream, err)
	}
	var p Page
	rows, more := paging.More(rows, q.Limit)
	if more {
		p.Next = outbox.CursorOf(rows[q.Limit-1].event()).String()
	}
	p.Events = eventsOf(rows)
	return p, nil
}
