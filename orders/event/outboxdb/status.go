package outboxdb

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event/outbox"
)

// Pending counts what is to be delivered.
func (l *Log) Pending(ctx context.Context, subscribers []string) (n int, oldest time.Time, err error) {
	var rows []struct {
		N      int        `bun:"n"`
		Oldest sqldb.Time `bun:"oldest"`
	}
	err = l.db.Read().NewRaw(`SELECT count(*) AS n, min(at) AS oldest FROM ? WHERE fanned_out = FALSE
		UNION ALL
		SELECT count(*), min(event_at) FROM ? WHERE delivered_at IS NULL AND subscriber IN (?)`,
		l.events(), l.deliveries(), bun.List(subscribers)).Scan(ctx, &rows)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("outboxdb: count what is pending in %s: %w", l.stream, err)
	}
	for _, r := range rows {
		n += r.N
		if at := r.Oldest.Time(); r.N > 0 && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	return n, oldest, nil
}

// Stuck returns what was attempted often and is pending still.
func (l *Log) Stuck(ctx context.Context, subscribers []string, attempts, limit int) ([]outbox.Failure, error) {
	var rows []struct {
		deliveryRow
		Type string `bun:"type"`
	}
	err := l.db.Read().NewRaw(`SELECT d.event_id, d.subscriber, d.aggregate_id, d.seq, d.event_at, d.next_at,
			d.attempts, d.last_error, e.type
		FROM ? AS d JOIN ? AS e ON e.id = d.event_id
		WHERE d.delivered_at IS NULL AND d.attempts >= ? AND d.subscriber IN (?)
		ORDER BY d.event_at, d.event_id, d.subscriber LIMIT ?`,
		l.deliveries(), l.events(), attempts, bun.List(subscribers), limit).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("outboxdb: list what is stuck in %s: %w", l.stream, err)
	}
	var all []outbox.Failure
	for _, r := range rows {
		all = append(all, outbox.Failure{
			Stream: l.stream, Subscriber: r.Subscriber, EventID: r.EventID, AggregateID: r.AggregateID,
			Seq: r.Seq, Type: r.Type, EventAt: r.EventAt.Time(), NextAt: r.NextAt.Time(),
			Attempts: r.Attempts, LastError: r.LastError,
		})
	}
	return all, nil
}
