package outboxdb

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
)

// deliveryRow is a row of PREFIX_deliveries.
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

// fanOutAll fans out every event of prefix that is not yet.
func (d *Dispatcher) fanOutAll(ctx context.Context, prefix string) error {
	for {
		n, err := d.fanOut(ctx, prefix, "")
		if err != nil || n < d.cfg.Batch {
			return err
		}
	}
}

// fanOut gives up to Batch events of prefix, of one aggregate if one is named,
// a delivery row per subscriber, and marks them. It returns how many it did.
//
// Two dispatchers skip each other's events, so that a later event of an
// aggregate may be fanned out before an earlier one: claiming waits for that.
func (d *Dispatcher) fanOut(ctx context.Context, prefix, aggregateID string) (int, error) {
	waiting := func(idb bun.IDB, rows *[]eventRow) *bun.SelectQuery {
		q := idb.NewSelect().Model(rows).ModelTableExpr("? AS e", eventsTable(prefix)).
			Where("e.fanned_out = FALSE").OrderExpr("e.at, e.aggregate_id, e.seq").Limit(int64(d.cfg.Batch))
		if aggregateID != "" {
			q.Where("e.aggregate_id = ?", aggregateID)
		}
		return q
	}
	op := "outbox: fan out " + prefix

	// A look without a lock first: mostly there is nothing, and on SQLite a
	// transaction would hold up whoever writes.
	var seen []eventRow
	if err := waiting(d.db.Read(), &seen).Column("id").Limit(1).Scan(ctx); err != nil {
		return 0, fmt.Errorf("%s: %w", op, err)
	}
	if len(seen) == 0 {
		return 0, nil
	}

	subs := d.subscribers(prefix)
	var n int
	err := d.db.Tx(ctx, op, func(ctx context.Context, tx bun.IDB) error {
		var events []eventRow
		q := waiting(tx, &events)
		if aggregateID == "" {
			q = sqldb.SkipLocked(q)
		} else {
			q = sqldb.ForUpdate(q) // the caller wants these, so wait for them
		}
		if err := q.Scan(ctx); err != nil {
			return err
		}
		if n = len(events); n == 0 {
			return nil
		}
		if err := d.insertDeliveries(ctx, tx, prefix, subs, events); err != nil {
			return err
		}
		if err := d.watched(ctx, tx, prefix, events); err != nil {
			return err
		}
		ids := make([]string, n)
		for i, e := range events {
			ids[i] = e.ID
		}
		_, err := tx.NewRaw("UPDATE ? SET fanned_out = TRUE WHERE id IN (?)",
			eventsTable(prefix), bun.List(ids)).Exec(ctx)
		return err
	})
	return n, err
}

func (d *Dispatcher) insertDeliveries(ctx context.Context, tx bun.IDB, prefix string, subs []*subscription, events []eventRow) error {
	now := sqldb.At(d.cfg.Now())
	var rows []deliveryRow
	for _, e := range events {
		for _, s := range subs {
			if s.wants(e.Type) {
				rows = append(rows, deliveryRow{
					EventID: e.ID, Subscriber: s.name, AggregateID: e.AggregateID, Seq: e.Seq,
					EventAt: e.At, NextAt: now,
				})
			}
		}
	}
	for chunk := range slices.Chunk(rows, insertChunk) {
		_, err := tx.NewInsert().Model(&chunk).ModelTableExpr("?", deliveriesTable(prefix)).
			On("CONFLICT (event_id, subscriber) DO NOTHING").Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

// backfill makes the delivery rows that subscribers with Backfill miss, in
// pieces of Batch events, so that no transaction is long.
func (d *Dispatcher) backfill(ctx context.Context) error {
	for _, prefix := range d.prefixes() {
		for _, s := range d.subscribers(prefix) {
			if s.backfill == nil {
				continue
			}
			for {
				n, err := d.backfillSome(ctx, s)
				if err != nil {
					return err
				}
				if n < d.cfg.Batch {
					break
				}
			}
		}
	}
	return nil
}

func (d *Dispatcher) backfillSome(ctx context.Context, s *subscription) (int, error) {
	var n int
	err := d.db.Tx(ctx, fmt.Sprintf("outbox: backfill %s for %s", s.prefix, s.name), func(ctx context.Context, tx bun.IDB) error {
		var events []eventRow
		q := tx.NewSelect().Model(&events).ModelTableExpr("? AS e", eventsTable(s.prefix)).
			Where("e.fanned_out = TRUE").
			Where("NOT EXISTS (SELECT 1 FROM ? AS d WHERE d.event_id = e.id AND d.subscriber = ?)",
				deliveriesTable(s.prefix), s.name).
			OrderExpr("e.at, e.aggregate_id, e.seq").Limit(int64(d.cfg.Batch))
		if s.types != nil {
			q.Where("e.type IN (?)", bun.List(s.types))
		}
		if !s.backfill.IsZero() {
			q.Where("e.at >= ?", sqldb.At(*s.backfill))
		}
		if err := q.Scan(ctx); err != nil {
			return err
		}
		n = len(events)
		return d.insertDeliveries(ctx, tx, s.prefix, []*subscription{s}, events)
	})
	return n, err
}
