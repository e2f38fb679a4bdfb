package outboxdb

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/batch"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

// maxCombined is how many deliveries that end at about the same time one
// transaction marks.
const maxCombined = 100

// Log is an [outbox.Log] in two tables, STREAM_events and STREAM_deliveries. It
// is safe for concurrent use, by any number of processes.
type Log struct {
	db        *sqlstore.DB
	stream    string
	completed *batch.Batcher[*completion]
}

var _ outbox.Log = (*Log)(nil)

// New returns the log of a stream: the stores of this module have "orders", "refunds"
// and "returns". It returns an error unless the name is lower-case
// letters and underscores. The tables are made by a migration (see [DDL]).
func New(db *sqlstore.DB, stream string) (*Log, error) {
	if err := checkStream(stream); err != nil {
		return nil, err
	}
	l := &Log{db: db, stream: stream}
	l.completed = batch.New(nil, maxCombined, l.completeAll)
	return l, nil
}

// Stream returns the name of the stream.
func (l *Log) Stream() string { return l.stream }

// Append is the function [Append] for the stream of l.
func (l *Log) Append(ctx context.Context, idb bun.IDB, events []event.Event) error {
	return Append(ctx, idb, l.stream, events)
}

// Events returns the events of an aggregate in order of Seq.
func (l *Log) Events(ctx context.Context, aggregateID string) ([]event.Event, error) {
	return Events(ctx, l.db.Read(), l.stream, aggregateID)
}

func (l *Log) events() sqldb.Table     { return eventsTable(l.stream) }
func (l *Log) deliveries() sqldb.Table { return deliveriesTable(l.stream) }

// Watcher returns an [outbox.Watcher] that writes through the transaction in
// which a Log fans out. With another kind of log it returns an error.
func Watcher(note func(ctx context.Context, tx bun.IDB, events []event.Event) error) outbox.Watcher {
	if note == nil {
		return nil
	}
	return func(ctx context.Context, tx any, events []event.Event) error {
		idb, ok := tx.(bun.IDB)
		if !ok {
			return fmt.Errorf("outboxdb: the watcher writes through a bun.IDB and this log has a %T", tx)
		}
		return note(ctx, idb, events)
	}
}

// deliveryRow is a row of STREAM_deliveries.
type deliveryRow struct {
	bun.BaseModel `bun:"alias:d"`

	EventID     string     `bun:"event_id,pk"`
	Subscriber  string     `bun:"subscriber,pk"`
	AggregateID string     `bun:"aggregate_id"`
	Seq         int        `bun:"seq"`
	EventAt     sqldb.Time `bun:"event_at"`
	NextAt      sqldb.Time `bun:"next_at"`
	Attempts    int        `bun:"attempts"`
	LeaseUntil  sqldb.Time `bun:"lease_until"`
	LeaseToken  string     `bun:"lease_token"`
	LastError   string     `bun:"last_error"`
	DeliveredAt sqldb.Time `bun:"delivered_at"`
}

// FanOut makes the deliveries of events that have none yet, in one transaction.
//
// Two dispatchers skip each other's events, so that a later event of an
// aggregate may be fanned out before an earlier one: Claim waits for that.
func (l *Log) FanOut(ctx context.Context, f outbox.FanOut) (int, error) {
	waiting := func(idb bun.IDB, rows *[]eventRow) *bun.SelectQuery {
		q := idb.NewSelect().Model(rows).ModelTableExpr("? AS e", l.events()).
			Where("e.fanned_out = FALSE").OrderExpr("e.at, e.aggregate_id, e.seq").Limit(int64(f.Limit))
		if f.AggregateID != "" {
			q.Where("e.aggregate_id = ?", f.AggregateID)
		}
		return q
	}
	op := "outboxdb: fan out " + l.stream

	// A look without a lock first: mostly there is nothing, and on SQLite a
	// transaction would hold up all writers.
	var seen []eventRow
	if err := waiting(l.db.Read(), &seen).Column("id").Limit(1).Scan(ctx); err != nil {
		return 0, fmt.Errorf("%s: %w", op, err)
	}
	if len(seen) == 0 {
		return 0, nil
	}

	var n int
	err := l.db.Tx(ctx, op, func(ctx context.Context, tx bun.IDB) error {
		var rows []eventRow
		q := waiting(tx, &rows)
		if f.AggregateID == "" {
			q = sqldb.SkipLocked(q)
		} else {
			q = sqldb.ForUpdate(q) // the caller wants these, so wait for them
		}
		if err := q.Scan(ctx); err != nil {
			return err
		}
		if n = len(rows); n == 0 {
			return nil
		}
		if err := l.insertDeliveries(ctx, tx, f.Subscribers, rows, f.Now); err != nil {
			return err
		}
		if f.Watch != nil {
			if err := f.Watch(ctx, tx, eventsOf(rows)); err != nil {
				return err
			}
		}
		ids := make([]string, n)
		for i, r := range rows {
			ids[i] = r.ID
		}
		_, err := tx.NewRaw("UPDATE ? SET fanned_out = TRUE WHERE id IN (?)", l.events(), bun.List(ids)).Exec(ctx)
		return err
	})
	return n, err
}

func (l *Log) insertDeliveries(
	ctx context.Context, tx bun.IDB, subs []outbox.Subscriber, events []eventRow, now time.Time,
) error {
	var rows []deliveryRow
	for _, e := range events {
		for _, s := range subs {
			if s.Wants(e.Type) {
				rows = append(rows, deliveryRow{
					EventID: e.ID, Subscriber: s.Name, AggregateID: e.AggregateID, Seq: e.Seq,
					EventAt: e.At, NextAt: sqldb.At(now),
				})
			}
		}
	}
	for chunk := range slices.Chunk(rows, insertChunk) {
		_, err := tx.NewInsert().Model(&chunk).ModelTableExpr("?", l.deliveries()).
			On("CONFLICT (event_id, subscriber) DO NOTHING").Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

// Backfill makes the deliveries that s misses, in one transaction.
func (l *Log) Backfill(ctx context.Context, s outbox.Subscriber, since, now time.Time, limit int) (int, error) {
	var n int
	op := fmt.Sprintf("outboxdb: backfill %s for %s", l.stream, s.Name)
	err := l.db.Tx(ctx, op, func(ctx context.Context, tx bun.IDB) error {
		var events []eventRow
		q := tx.NewSelect().Model(&events).ModelTableExpr("? AS e", l.events()).
			Where("e.fanned_out = TRUE").
			Where("NOT EXISTS (SELECT 1 FROM ? AS d WHERE d.event_id = e.id AND d.subscriber = ?)",
				l.deliveries(), s.Name).
			OrderExpr("e.at, e.aggregate_id, e.seq").Limit(int64(limit))
		if s.Types != nil {
			q.Where("e.type IN (?)", bun.List(s.Types))
		}
		if !since.IsZero() {
			q.Where("e.at >= ?", sqldb.At(since))
		}
		if err := q.Scan(ctx); err != nil {
			return err
		}
		n = len(events)
		return l.insertDeliveries(ctx, tx, []outbox.Subscriber{s}, events, now)
	})
	return n, err
}
