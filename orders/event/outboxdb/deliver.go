package outboxdb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
)

// errLeaseLost is the cause of the context of a handler whose lease was lost.
var errLeaseLost = errors.New("outbox: another worker has taken the delivery over")

// settleTimeout limits the write of an outcome, which takes place also when
// the process is stopping.
const settleTimeout = 5 * time.Second

// delivery is a claimed row: one event for one subscriber.
type delivery struct {
	sub      *subscription
	event    event.Event
	attempts int // this one included
	token    string
}

// due returns the subscribers of prefix that have a row to claim, or one that
// waits for an earlier one. It only reads.
func (d *Dispatcher) due(ctx context.Context, prefix string) ([]*subscription, error) {
	var due []*subscription
	now := sqldb.At(d.cfg.Now())
	for _, s := range d.subscribers(prefix) {
		var some bool
		err := d.db.Read().NewRaw(`SELECT EXISTS (SELECT 1 FROM ? AS d WHERE d.delivered_at IS NULL
			AND d.subscriber = ? AND d.next_at <= ? AND (d.lease_until IS NULL OR d.lease_until <= ?))`,
			deliveriesTable(prefix), s.name, now, now).Scan(ctx, &some)
		if err != nil {
			return nil, fmt.Errorf("outbox: look for work of %s in %s: %w", s.name, prefix, err)
		}
		if some {
			due = append(due, s)
		}
	}
	return due, nil
}

// drain delivers what is due to s until nothing is.
func (d *Dispatcher) drain(ctx context.Context, s *subscription) error {
	for ctx.Err() == nil {
		claimed, err := d.claim(ctx, s, "")
		if err != nil || len(claimed) == 0 {
			return err
		}
		var wg sync.WaitGroup
		for _, c := range claimed {
			wg.Go(func() {
				// A failed handler is logged and stands in the row; an
				// outcome that couldn't be written shows when the lease ends.
				_ = d.deliver(ctx, c)
			})
		}
		wg.Wait()
	}
	return ctx.Err()
}

// claim takes rows of s that are due for one lease: at most Workers, and of
// each aggregate the first that is not delivered. With an aggregate named it
// takes the row of that one, however far its next try is.
func (d *Dispatcher) claim(ctx context.Context, s *subscription, aggregateID string) ([]delivery, error) {
	deliveries, events := deliveriesTable(s.prefix), eventsTable(s.prefix)
	var claimed []delivery
	op := fmt.Sprintf("outbox: claim %s for %s", s.prefix, s.name)
	err := d.db.Tx(ctx, op, func(ctx context.Context, tx bun.IDB) error {
		claimed = nil
		now := d.cfg.Now()
		which := tx.NewSelect().TableExpr("? AS d", deliveries).Column("d.event_id").
			Where("d.delivered_at IS NULL").
			Where("d.subscriber = ?", s.name).
			Where("(d.lease_until IS NULL OR d.lease_until <= ?)", sqldb.At(now)).
			// Its turn among those of its aggregate. Asked for as one value it is
			// looked up for each row, whatever the statistics are; as NOT EXISTS it
			// may become a join that reads all that is owed for each row.
			Where(`d.seq = (SELECT MIN(p.seq) FROM ? AS p WHERE p.aggregate_id = d.aggregate_id
				AND p.subscriber = d.subscriber AND p.delivered_at IS NULL)`, deliveries).
			Where(`NOT EXISTS (SELECT 1 FROM ? AS e WHERE e.aggregate_id = d.aggregate_id
				AND e.seq < d.seq AND e.fanned_out = FALSE)`, events).
			OrderExpr("d.next_at").Limit(int64(d.cfg.Workers))
		if aggregateID == "" {
			which.Where("d.next_at <= ?", sqldb.At(now))
		} else {
			which.Where("d.aggregate_id = ?", aggregateID)
		}
		token := rand.Text()
		var taken []struct {
			EventID  string `bun:"event_id"`
			Attempts int    `bun:"attempts"`
		}
		err := tx.NewRaw(`WITH due AS MATERIALIZED (?)
			UPDATE ? SET lease_until = ?, lease_token = ?, attempts = attempts + 1
			WHERE subscriber = ? AND event_id IN (SELECT event_id FROM due)
			RETURNING event_id, attempts`,
			sqldb.SkipLocked(which), deliveries, sqldb.At(now.Add(d.cfg.Lease)), token, s.name).
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
		err = tx.NewSelect().Model(&rows).ModelTableExpr("? AS e", events).
			Where("e.id IN (?)", bun.List(ids)).OrderExpr("e.at, e.aggregate_id, e.seq").Scan(ctx)
		if err != nil {
			return err
		}
		for _, r := range rows {
			claimed = append(claimed, delivery{sub: s, event: r.event(), attempts: attempts[r.ID], token: token})
		}
		return nil
	})
	return claimed, err
}

// deliver calls the handler, renewing the lease meanwhile, and writes the
// outcome. It returns the error of the handler or of the write.
func (d *Dispatcher) deliver(ctx context.Context, c delivery) error {
	hctx, cancel := context.WithCancelCause(context.WithValue(ctx, inside{}, &frame{c.sub, c.event.AggregateID, outer(ctx)}))
	hctx, stop := context.WithTimeout(hctx, d.cfg.HandlerTimeout)
	finished := make(chan struct{})
	var keeper sync.WaitGroup
	keeper.Go(func() { d.renewLease(ctx, c, finished, cancel) })
	err := call(hctx, c.sub.handler, c.event)
	close(finished)
	stop()
	keeper.Wait()
	cancel(nil)

	write, done := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer done()
	switch {
	case err == nil:
		return d.succeed(write, c)
	case ctx.Err() != nil:
		// The process stops, or the request went away: no fault of the handler.
		return errors.Join(err, d.release(write, c, d.cfg.Now(), c.attempts-1, ""))
	default:
		return errors.Join(err, d.fail(write, c, err))
	}
}

// call runs the handler and turns a panic into an error, so that one event
// can't take the process down again at each start.
func call(ctx context.Context, h Handler, e event.Event) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return h(ctx, e)
}

// renewLease renews the lease of c three times per lease until finished, and cancels
// the handler when the lease is no longer c's.
func (d *Dispatcher) renewLease(ctx context.Context, c delivery, finished <-chan struct{}, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(max(d.cfg.Lease/3, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-finished:
			return
		case <-tick.C:
		}
		held, err := d.finish(ctx, c, "lease_until = ?", sqldb.At(d.cfg.Now().Add(d.cfg.Lease)))
		if err != nil {
			if ctx.Err() == nil {
				d.log(ctx, slog.LevelWarn, "outbox: the lease was not renewed", c, err)
			}
			continue
		}
		if !held {
			cancel(errLeaseLost)
			return
		}
	}
}

func (d *Dispatcher) succeed(ctx context.Context, c delivery) error {
	s := &success{delivery: c}
	err := d.successes.Do(ctx, s)
	if err == nil {
		err = s.err
	}
	if err == nil && !s.held {
		d.log(ctx, slog.LevelWarn, "outbox: delivered, but the lease had run out; it may be delivered twice", c, nil)
	}
	return err
}

func (d *Dispatcher) fail(ctx context.Context, c delivery, cause error) error {
	level, msg := slog.LevelWarn, "outbox: delivery failed"
	if c.attempts >= d.cfg.MaxAttempts {
		level, msg = slog.LevelError, "outbox: delivery is stuck"
	}
	d.log(ctx, level, msg, c, cause)
	return d.release(ctx, c, d.cfg.Now().Add(d.backoff(c.attempts)), c.attempts, errorText(cause))
}

// success is a call of succeed on its way.
type success struct {
	delivery

	held bool
	err  error
}

// releaseAll marks the rows of deliveries that ended at about the same time as
// delivered, in one transaction, where the lease tokens still match.
func (d *Dispatcher) releaseAll(ctx context.Context, calls []*success) {
	err := d.db.Tx(ctx, "outbox: settle", func(ctx context.Context, tx bun.IDB) error {
		byPrefix := map[string][]*success{}
		for _, c := range calls {
			c.held = false
			byPrefix[c.sub.prefix] = append(byPrefix[c.sub.prefix], c)
		}
		for _, prefix := range slices.Sorted(maps.Keys(byPrefix)) {
			all := byPrefix[prefix]
			rows := strings.TrimSuffix(strings.Repeat("(?, ?, ?), ", len(all)), ", ")
			args := []any{deliveriesTable(prefix), sqldb.At(d.cfg.Now())}
			for _, c := range all {
				args = append(args, c.event.ID, c.sub.name, c.token)
			}
			var settled []struct{ EventID, Subscriber string }
			err := tx.NewRaw(`UPDATE ? SET delivered_at = ?, lease_until = NULL, lease_token = '', last_error = ''
				WHERE delivered_at IS NULL AND (event_id, subscriber, lease_token) IN (VALUES `+rows+`)
				RETURNING event_id, subscriber`, args...).Scan(ctx, &settled)
			if err != nil {
				return err
			}
			for _, s := range settled {
				for _, c := range all {
					c.held = c.held || c.event.ID == s.EventID && c.sub.name == s.Subscriber
				}
			}
		}
		return nil
	})
	for _, c := range calls {
		c.err = err
	}
}

// release gives an undelivered row back.
func (d *Dispatcher) release(ctx context.Context, c delivery, next time.Time, attempts int, lastError string) error {
	_, err := d.finish(ctx, c, "next_at = ?, attempts = ?, last_error = ?, lease_until = NULL, lease_token = ''",
		sqldb.At(next), attempts, lastError)
	return err
}

// backoff returns the wait after the given number of failed attempts.
func (d *Dispatcher) backoff(attempts int) time.Duration {
	wait := d.cfg.MinRetry
	for range attempts - 1 {
		if wait >= d.cfg.MaxRetry/2 {
			return d.cfg.MaxRetry
		}
		wait *= 2
	}
	return wait
}

// finish sets columns of c's row while its lease token matches, and reports
// whether it did.
func (d *Dispatcher) finish(ctx context.Context, c delivery, set string, args ...any) (held bool, err error) {
	op := fmt.Sprintf("outbox: settle %s for %s", c.event.ID, c.sub.name)
	query := "UPDATE ? SET " + set + " WHERE event_id = ? AND subscriber = ? AND lease_token = ? AND delivered_at IS NULL"
	args = append([]any{deliveriesTable(c.sub.prefix)}, args...)
	args = append(args, c.event.ID, c.sub.name, c.token)
	err = d.db.Tx(ctx, op, func(ctx context.Context, tx bun.IDB) error {
		res, err := tx.NewRaw(query, args...).Exec(ctx)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		held = n == 1
		return err
	})
	return held, err
}

func (d *Dispatcher) log(ctx context.Context, level slog.Level, msg string, c delivery, err error) {
	attrs := []slog.Attr{
		slog.String("subscriber", c.sub.name), slog.String("event_id", c.event.ID),
		slog.String("event_type", c.event.Type), slog.Int("attempt", c.attempts),
	}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	d.cfg.Log.LogAttrs(ctx, level, msg, attrs...)
}

// errorText returns what is stored of an error: its beginning, as text that
// both databases take.
func errorText(err error) string {
	const most = 500
	text := strings.ReplaceAll(strings.ToValidUTF8(err.Error(), "\uFFFD"), "\x00", "\uFFFD")
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "..."
	}
	return text
}
