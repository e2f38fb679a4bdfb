package webhook

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/lease"
	"github.com/returnkit/returnkit/internal/sqldb"
)

// writeTimeout limits the write of a result, which takes place also when the process stops.
const writeTimeout = 5 * time.Second

// The results of an attempt, for Config.Sent.
const (
	resultDelivered = "delivered"
	resultFailed    = "failed" // to be retried
	resultDead      = "dead"   // given up
)

// Run sends what is due until ctx ends, and returns when its calls have.
func (s *Service) Run(ctx context.Context) {
	var calls sync.WaitGroup
	defer calls.Wait()
	tick := time.NewTicker(s.cfg.Poll)
	defer tick.Stop()
	for pulled := (time.Time{}); ; {
		var err error
		if time.Since(pulled) >= pullEvery {
			err = s.pullForward(ctx)
			pulled = time.Now()
		}
		err = errors.Join(err, s.round(ctx, &calls))
		if err != nil && ctx.Err() == nil {
			s.cfg.Log.ErrorContext(ctx, "webhooks are not sent, will try again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.wake:
		}
	}
}

// pullEvery is how often deliveries are looked for that a clock which was set back has left for later.
const pullEvery = time.Minute

// pullForward has such deliveries sent now.
func (s *Service) pullForward(ctx context.Context) error {
	return s.cfg.DB.Tx(ctx, "webhook: pull forward", func(ctx context.Context, tx bun.IDB) error {
		return lease.PullForward[deliveryRow](ctx, tx, "d", s.cfg.Now(), GiveUpAfter,
			func(q *bun.UpdateQuery) *bun.UpdateQuery {
				return q.Where("d.delivered_at IS NULL").Where("d.dead_at IS NULL")
			})
	})
}

// round starts a call for each delivery that is due and has a place.
func (s *Service) round(ctx context.Context, calls *sync.WaitGroup) error {
	endpoints, err := s.due(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, w := range endpoints {
		rows, err := s.claim(ctx, w.ID, s.free(w.ID))
		errs = append(errs, err)
		for _, row := range rows {
			s.count(w.ID, 1)
			calls.Go(func() {
				defer s.Wake() // a place is free
				defer s.count(w.ID, -1)
				if err := s.deliver(ctx, w, row); err != nil && ctx.Err() == nil {
					s.cfg.Log.ErrorContext(ctx, "the result of a webhook is not written; it will be sent again",
						"endpoint", w.ID, "event_id", row.EventID, "error", err)
				}
			})
		}
	}
	return errors.Join(errs...)
}

func (s *Service) free(endpointID string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return perEndpoint - s.calls[endpointID]
}

func (s *Service) count(endpointID string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls[endpointID] += n; s.calls[endpointID] == 0 {
		delete(s.calls, endpointID)
	}
}

// waiting limits a query of deliveries to those that are due at now.
func waiting(q *bun.SelectQuery, now time.Time) *bun.SelectQuery {
	return q.Where("d.delivered_at IS NULL").Where("d.dead_at IS NULL").Where("d.next_at <= ?", sqldb.At(now))
}

// due are the enabled endpoints that something is due for.
func (s *Service) due(ctx context.Context) (rows []endpointRow, err error) {
	read, now := s.cfg.DB.Read(), s.cfg.Now()
	some := waiting(read.NewSelect().Model((*deliveryRow)(nil)).ColumnExpr("1").Where("d.endpoint_id = w.id"), now)
	some = lease.WhereFree(some, "d", now, leaseFor)
	err = read.NewSelect().Model(&rows).Where("w.disabled_at IS NULL").Where("EXISTS (?)", some).Scan(ctx)
	return rows, err
}

// claim leases deliveries of an endpoint, at most limit.
func (s *Service) claim(ctx context.Context, endpointID string, limit int) (rows []deliveryRow, err error) {
	if limit <= 0 {
		return nil, nil
	}
	err = s.cfg.DB.Tx(ctx, "webhook: claim", func(ctx context.Context, tx bun.IDB) error {
		now := s.cfg.Now()
		rows, err = lease.ClaimDue[deliveryRow](ctx, tx, "d", now, leaseFor,
			func(q *bun.SelectQuery) *bun.SelectQuery {
				return waiting(q, now).Where("d.endpoint_id = ?", endpointID).
					Order("d.next_at", "d.event_id").Limit(int64(limit))
			})
		return err
	})
	return rows, err
}

// deliver makes one attempt and writes its result.
func (s *Service) deliver(ctx context.Context, w endpointRow, d deliveryRow) error {
	body, err := s.payload(ctx, d)
	var a answer
	if err == nil {
		a, err = s.send(ctx, w, d.EventID, body)
	}
	if err != nil && ctx.Err() != nil {
		return s.release(ctx, d)
	}
	now := s.cfg.Now()
	d.Attempts++
	d.LastAt, d.LastStatus, d.LastAnswer, d.LastError = sqldb.At(now), a.status, a.text, ""
	switch {
	case err == nil:
		d.DeliveredAt = sqldb.At(now)
		s.cfg.Sent(resultDelivered)
	default:
		d.LastError = sqldb.ErrorText(err)
		s.retry(ctx, &d, now, a.after)
	}
	if err := s.save(ctx, d); err != nil {
		return err
	}
	if a.gone {
		_, err := s.disable(ctx, w.ID, "The receiver answered 410 Gone.")
		return err
	}
	return nil
}

// retry says when a failed delivery is sent again, or gives it up.
func (s *Service) retry(ctx context.Context, d *deliveryRow, now time.Time, after time.Duration) {
	next := now.Add(max(s.cfg.Retry.Wait(d.Attempts-1), after))
	if d.Type == TypePing || next.After(d.CreatedAt.Time().Add(GiveUpAfter)) {
		d.DeadAt = sqldb.At(now)
		s.cfg.Sent(resultDead)
		s.cfg.Log.WarnContext(ctx, "gave up on a webhook", "endpoint", d.EndpointID, "event_id", d.EventID,
			"attempts", d.Attempts, "error", d.LastError)
		return
	}
	d.NextAt = sqldb.At(next)
	s.cfg.Sent(resultFailed)
}

// save writes the result of an attempt while the lease is still ours; where it is not, another
// process sends the event too.
func (s *Service) save(ctx context.Context, d deliveryRow) error {
	d.Release()
	return s.write(ctx, func(ctx context.Context, tx bun.IDB) (bool, error) {
		return lease.Save(ctx, tx, &d, "next_at", "attempts", "last_at", "last_status", "last_answer", "last_error",
			"delivered_at", "dead_at")
	})
}

// release gives a delivery back that was not sent to its end, because the process stops.
func (s *Service) release(ctx context.Context, d deliveryRow) error {
	return s.write(ctx, func(ctx context.Context, tx bun.IDB) (bool, error) { return lease.SaveRelease(ctx, tx, &d) })
}

func (s *Service) write(ctx context.Context, row func(ctx context.Context, tx bun.IDB) (bool, error)) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	return s.cfg.DB.Tx(ctx, "webhook: write result", func(ctx context.Context, tx bun.IDB) error {
		_, err := row(ctx, tx)
		return err
	})
}

// CleanUp removes deliveries that ended a month ago and returns how many.
func (s *Service) CleanUp(ctx context.Context) (n int, err error) {
	err = s.cfg.DB.Tx(ctx, "webhook: clean up", func(ctx context.Context, tx bun.IDB) (err error) {
		n, err = sqldb.Changed(tx.NewDelete().Model((*deliveryRow)(nil)).
			Where("created_at < ?", sqldb.At(s.cfg.Now().Add(-keepEnded))).
			Where("(delivered_at IS NOT NULL OR dead_at IS NOT NULL)").Exec(ctx))
		return err
	})
	return n, err
}

// Pending returns how many deliveries wait to be sent to enabled endpoints, and the time of the
// oldest; and how many are dead letters.
func (s *Service) Pending(ctx context.Context) (n int, oldest time.Time, dead int, err error) {
	var found struct {
		N      int
		Oldest sqldb.Time
	}
	read := s.cfg.DB.Read()
	err = read.NewSelect().Model((*deliveryRow)(nil)).ColumnExpr("COUNT(*) AS n").
		ColumnExpr("MIN(d.created_at) AS oldest").Join("JOIN ?(rk)webhook_endpoints AS w ON w.id = d.endpoint_id").
		Where("w.disabled_at IS NULL").Where("d.delivered_at IS NULL").Where("d.dead_at IS NULL").Scan(ctx, &found)
	if err != nil {
		return 0, time.Time{}, 0, fmt.Errorf("webhook: count: %w", err)
	}
	count, err := read.NewSelect().Model((*deliveryRow)(nil)).Where("d.dead_at IS NOT NULL").Count(ctx)
	return found.N, found.Oldest.Time(), int(count), err
}
