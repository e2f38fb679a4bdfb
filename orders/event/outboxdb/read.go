package outboxdb

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event/outbox"
)

var _ outbox.Reader = (*Log)(nil)

// Read returns the events that follow a place.
func (l *Log) Read(ctx context.Context, q outbox.ReadQuery) (outbox.Page, error) {
	q, err := q.Check()
	if err != nil {
		return outbox.Page{}, err
	}
	var rows []eventRow
	sel := l.db.Read().NewSelect().Model(&rows).ModelTableExpr("? AS e", l.events()).
		Where("e.at < ?", sqldb.At(q.Before)).
		OrderExpr("e.at, e.aggregate_id, e.seq").Limit(int64(q.Limit))
	if q.After != "" {
		c, err := outbox.ParseCursor(q.After)
		if err != nil {
			return outbox.Page{}, err
		}
		sel.Where("(e.at, e.aggregate_id, e.seq) > (?, ?, ?)", sqldb.At(c.At), c.AggregateID, c.Seq)
	}
	if q.Types != nil {
		sel.Where("e.type IN (?)", bun.List(q.Types))
	}
	if err := sel.Scan(ctx); err != nil {
		return outbox.Page{}, fmt.Errorf("outboxdb: read %s: %w", l.stream, err)
	}
	p := outbox.Page{Events: eventsOf(rows), Next: q.After}
	if n := len(p.Events); n > 0 {
		p.Next = outbox.CursorOf(p.Events[n-1]).String()
	}
	return p, nil
}
