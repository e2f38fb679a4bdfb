package outboxdb

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/lease"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event/outbox"
)

// Due reports whether the subscriber has work. It only reads.
func (l *Log) Due(ctx context.Context, subscriber, aggregateID string, now time.Time) (bool, error) {
	q := l.db.Read().NewSelect().TableExpr("? AS d", l.deliveries()).ColumnExpr("1").
		Where("d.delivered_at IS NULL").Where("d.subscriber = ?", subscriber)
	if aggregateID != "" {
		q.Where("d.aggregate_id = ?", aggregateID)
	} else {
		q = lease.WhereFree(lease.WhereDue(q, "d", now, outbox.MaxWait), "d", now, outbox.MaxLease)
	}
	var due bool
	if err := l.db.Read().NewRaw("SELECT EXISTS (?)", q).Scan(ctx, &due); err != nil {
		return false, fmt.Errorf("outboxdb: look for work of %s in %s: %w", subscriber, l.stream, err)
	}
	return due, nil
}

// Claim leases deliveries, in one transaction.
func (l *Log) Claim(ctx context.Context, c outbox.Claim) ([]outbox.Delivery, error) {
	var claimed []outbox.Delivery
	op := fmt.Sprintf("outboxdb: claim %s for %s", l.stream, c.Subscriber)
	err := l.db.Tx(ctx, op, func(ctx context.Context, tx bun.IDB) error {
		claimed = nil
		token := rand.Text()
		var taken []struct {
			EventID  string `bun:"event_id"`
			Attempts int    `bun:"attempts"`
		}
		err := tx.NewRaw(`WITH due AS MATERIALIZED (?)
			UPDATE ? SET lease_until = ?, lease_token = ?, attempts = attempts + 1
			WHERE subscriber = ? AND event_id IN (SELECT event_id FROM due)
			RETURNING event_id, attempts`,
			sqldb.SkipLocked(l.claimable(tx, c)), l.deliveries(), sqldb.At(c.Until), token, c.Subscriber).
			Scan(ctx, &taken)
		if err != nil || len(taken) == 0 {
			return err
		}
		attempts := make(map[string]int, len(taken))
		ids := make([]string, 0, len(taken))
		for _, t := range taken {
			attempts[t.EventID] = t.Attempts
			ids = append(ids, t.EventID)
		}
		var rows []eventRow
		err = tx.NewSelect().Model(&rows).ModelTableExpr("? AS e", l.events()).
			Where("e.id IN (?)", bun.List(ids)).OrderExpr("e.at, e.aggregate_id, e.seq").Scan(ctx)
		if err != nil {
			return err
		}
		for _, r := range rows {
			claimed = append(claimed, outbox.Delivery{
				Event: r.event(), Subscriber: c.Subscriber, Attempts: attempts[r.ID], Token: token,
			})
		}
		return nil
	})
	return claimed, err
}

// claimable selects the rows that c may take.
func (l *Log) claimable(tx bun.IDB, c outbox.Claim) *bun.SelectQuery {
	q := tx.NewSelect().TableExpr("? AS d", l.deliveries()).Column("d.event_id").
		Where("d.delivered_at IS NULL").
		Where("d.subscriber = ?", c.Subscriber).
		// Its turn among the deliveries of its aggregate. Asked for as one value it is
		// looked up for each row, whatever the statistics are; as NOT EXISTS it
		// may become a join that reads all that is pending for each row.
		Where(`d.seq = (SELECT MIN(p.seq) FROM ? AS p WHERE p.aggregate_id = d.aggregate_id
			AND p.subscriber = d.subscriber AND p.delivered_at IS NULL)`, l.deliveries()).
		Where(`NOT EXISTS (SELECT 1 FROM ? AS e WHERE e.aggregate_id = d.aggregate_id
			AND e.seq < d.seq AND e.fanned_out = FALSE)`, l.events()).
		OrderExpr("d.next_at").Limit(int64(c.Limit))
	q = lease.WhereFree(q, "d", c.Now, outbox.MaxLease)
	if c.AggregateID == "" {
		q = lease.WhereDue(q, "d", c.Now, outbox.MaxWait)
	} else {
		q.Where("d.aggregate_id = ?", c.AggregateID)
	}
	return q
}

// Renew extends the lease of d.
func (l *Log) Renew(ctx context.Context, d outbox.Delivery, until time.Time) (bool, error) {
	return l.update(ctx, "renew", d, "lease_until = ?", sqldb.At(until))
}

// Release ends the lease of d without a delivery.
func (l *Log) Release(ctx context.Context, d outbox.Delivery, r outbox.Retry) (bool, error) {
	return l.update(ctx, "release", d,
		"next_at = ?, attempts = ?, last_error = ?, lease_until = NULL, lease_token = ''",
		sqldb.At(r.At), r.Attempts, r.LastError)
}

// update sets columns of d's row while its lease token matches, and reports
// whether it did.
func (l *Log) update(
	ctx context.Context, verb string, d outbox.Delivery, set string, args ...any,
) (held bool, err error) {
	op := fmt.Sprintf("outboxdb: %s %s for %s", verb, d.Event.ID, d.Subscriber)
	query := "UPDATE ? SET " + set + ` WHERE event_id = ? AND subscriber = ? AND lease_token = ?
		AND delivered_at IS NULL`
	args = append([]any{l.deliveries()}, args...)
	args = append(args, d.Event.ID, d.Subscriber, d.Token)
	err = l.db.Tx(ctx, op, func(ctx context.Context, tx bun.IDB) error {
		held, err = sqldb.ChangedOne(tx.NewRaw(query, args...).Exec(ctx))
		return err
	})
	return held, err
}

// completion is a call of Complete.
type completion struct {
	delivery outbox.Delivery
	now      time.Time

	held bool
	err  error
}

// Complete marks d as delivered. Calls that overlap share a transaction.
func (l *Log) Complete(ctx context.Context, d outbox.Delivery, now time.Time) (bool, error) {
	c := &completion{delivery: d, now: now}
	if err := l.completed.Do(ctx, c); err != nil {
		return false, err
	}
	return c.held, c.err
}

// completeAll marks the rows of deliveries, where the lease tokens still match,
// with the instant of the last.
func (l *Log) completeAll(ctx context.Context, calls []*completion) {
	op := "outboxdb: complete deliveries of " + l.stream
	err := l.db.Tx(ctx, op, func(ctx context.Context, tx bun.IDB) error {
		rows := strings.TrimSuffix(strings.Repeat("(?, ?, ?), ", len(calls)), ", ")
		var now time.Time
		var keys []any
		for _, c := range calls {
			c.held = false
			if c.now.After(now) {
				now = c.now
			}
			keys = append(keys, c.delivery.Event.ID, c.delivery.Subscriber, c.delivery.Token)
		}
		var done []struct{ EventID, Subscriber string }
		err := tx.NewRaw(`UPDATE ? SET delivered_at = ?, lease_until = NULL, lease_token = '', last_error = ''
			WHERE delivered_at IS NULL AND (event_id, subscriber, lease_token) IN (VALUES `+rows+`)
			RETURNING event_id, subscriber`, append([]any{l.deliveries(), sqldb.At(now)}, keys...)...).Scan(ctx, &done)
		if err != nil {
			return err
		}
		for _, r := range done {
			for _, c := range calls {
				c.held = c.held || c.delivery.Event.ID == r.EventID && c.delivery.Subscriber == r.Subscriber
			}
		}
		return nil
	})
	for _, c := range calls {
		c.err = err
	}
}
