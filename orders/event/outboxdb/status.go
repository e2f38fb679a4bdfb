package outboxdb

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
)

// maxStuck is how many rows Stuck returns per prefix.
const maxStuck = 1000

// Pending returns how many deliveries to the registered subscribers are still
// pending, an event that is not fanned out counting once, and the time of the
// oldest event among them; the zero time when nothing is owed. A growing age
// is the sign of trouble to alert on.
func (d *Dispatcher) Pending(ctx context.Context) (n int, oldest time.Time, err error) {
	for _, prefix := range d.prefixes() {
		var rows []struct {
			N      int        `bun:"n"`
			Oldest sqldb.Time `bun:"oldest"`
		}
		err := d.db.Read().NewRaw(`SELECT count(*) AS n, min(at) AS oldest FROM ? WHERE fanned_out = FALSE
			UNION ALL
			SELECT count(*), min(event_at) FROM ? WHERE delivered_at IS NULL AND subscriber IN (?)`,
			eventsTable(prefix), deliveriesTable(prefix), bun.List(d.names(prefix))).Scan(ctx, &rows)
		if err != nil {
			return 0, time.Time{}, fmt.Errorf("outbox: count what %s owes: %w", prefix, err)
		}
		for _, r := range rows {
			n += r.N
			if at := r.Oldest.Time(); r.N > 0 && (oldest.IsZero() || at.Before(oldest)) {
				oldest = at
			}
		}
	}
	return n, oldest, nil
}

// Failure is a delivery that was attempted MaxAttempts times or more; with an
// empty LastError, each ended with the worker. It goes on
// being tried every MaxRetry; DeliverSync of its aggregate tries it at once.
// Later events of the same aggregate wait behind it.
type Failure struct {
	Prefix, Subscriber   string
	EventID, AggregateID string
	Seq                  int
	Type                 string
	EventAt, NextAt      time.Time
	Attempts             int
	LastError            string
}

// Stuck lists the deliveries to registered subscribers that a person should
// look at, the oldest event first, at most 1000 per prefix.
func (d *Dispatcher) Stuck(ctx context.Context) ([]Failure, error) {
	var all []Failure
	for _, prefix := range d.prefixes() {
		var rows []struct {
			deliveryRow
			Type string `bun:"type"`
		}
		err := d.db.Read().NewRaw(`SELECT d.event_id, d.subscriber, d.aggregate_id, d.seq, d.event_at, d.next_at,
				d.attempts, d.last_error, e.type
			FROM ? AS d JOIN ? AS e ON e.id = d.event_id
			WHERE d.delivered_at IS NULL AND d.attempts >= ? AND d.subscriber IN (?)
			ORDER BY d.event_at, d.event_id, d.subscriber LIMIT ?`,
			deliveriesTable(prefix), eventsTable(prefix), d.cfg.MaxAttempts,
			bun.List(d.names(prefix)), maxStuck).Scan(ctx, &rows)
		if err != nil {
			return nil, fmt.Errorf("outbox: list what is stuck in %s: %w", prefix, err)
		}
		for _, r := range rows {
			all = append(all, Failure{
				Prefix: prefix, Subscriber: r.Subscriber, EventID: r.EventID, AggregateID: r.AggregateID,
				Seq: r.Seq, Type: r.Type, EventAt: r.EventAt.Time(), NextAt: r.NextAt.Time(),
				Attempts: r.Attempts, LastError: r.LastError,
			})
		}
	}
	slices.SortStableFunc(all, func(a, b Failure) int {
		if c := a.EventAt.Compare(b.EventAt); c != 0 {
			return c
		}
		return strings.Compare(a.EventID, b.EventID)
	})
	return all, nil
}

// names returns the names of the subscribers of prefix.
func (d *Dispatcher) names(prefix string) []string {
	var names []string
	for _, s := range d.subscribers(prefix) {
		names = append(names, s.name)
	}
	return names
}
