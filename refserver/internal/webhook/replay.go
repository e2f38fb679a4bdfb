package webhook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
)

// begin starts a replay.
func (r *endpointRow) begin(since, now time.Time) {
	r.ReplaySince, r.ReplayBegan = sqldb.At(since), sqldb.At(now)
	r.ReplayPlaces = sqldb.AsJSON(map[string]place{})
	for _, stream := range Streams() {
		// Before the first aggregate of the instant.
		r.ReplayPlaces.V[stream] = place{After: outbox.Cursor{At: since, Seq: 1}.String()}
	}
}

// Replay has all events from an instant on sent again to an endpoint, those that it has
// already seen too. One that is in progress begins anew.
func (s *Service) Replay(ctx context.Context, id string, since time.Time) (Endpoint, error) {
	now := s.cfg.Now()
	if since.IsZero() || since.After(now) {
		return Endpoint{}, &Invalid{"since", "The day must be given and must not be in the future."}
	}
	return s.change(ctx, "replay", id, func(r *endpointRow) error {
		if !r.DisabledAt.IsZero() {
			return &Invalid{"since", "The webhook is disabled. Enable it, then replay."}
		}
		r.begin(since, now)
		return nil
	})
}

// ReplayDue sends a page of the replay of each enabled endpoint; more reports whether there was
// one. A replay that fails keeps no other from its turn, and the replay of a disabled endpoint
// waits until it is enabled.
func (s *Service) ReplayDue(ctx context.Context) (more bool, err error) {
	var rows []endpointRow
	err = s.cfg.DB.Read().NewSelect().Model(&rows).Where("replay_since IS NOT NULL").
		Where("disabled_at IS NULL").Order("replay_began", "id").Scan(ctx)
	if err != nil {
		return false, err
	}
	var failed error
	for _, row := range rows {
		if err := s.replayPageOf(ctx, row); err != nil {
			failed = errors.Join(failed, fmt.Errorf("webhook: replay of %s: %w", row.ID, err))
		} else {
			more = true
		}
	}
	if more && failed != nil && ctx.Err() == nil {
		s.cfg.Log.ErrorContext(ctx, "a replay failed, will try again", "error", failed)
		failed = nil
	}
	return more, failed
}

// replayPageOf carries the next page of a replay out.
func (s *Service) replayPageOf(ctx context.Context, row endpointRow) error {
	for _, stream := range Streams() {
		at := row.ReplayPlaces.V[stream]
		if at.Done {
			continue
		}
		page, err := s.read(ctx, row, stream, at)
		if err != nil {
			return err
		}
		next := place{After: page.Next, Done: len(page.Events) < replayPage}
		return s.repeat(ctx, row, stream, page.Events, next)
	}
	return s.repeat(ctx, row, "", nil, place{})
}

// read returns the next events of a replay. What is committed later is fanned out later, and
// the endpoint is there since before the replay began: Note sees to it.
func (s *Service) read(ctx context.Context, row endpointRow, stream string, at place) (outbox.Page, error) {
	stored := storedAs(stream, row.Types.V)
	if len(stored) == 0 {
		return outbox.Page{Next: at.After}, nil
	}
	return s.logs[stream].Read(ctx, outbox.ReadQuery{
		After: at.After, Before: s.cfg.Now().Add(24 * time.Hour), Types: stored, Limit: replayPage,
	})
}

// repeat makes the deliveries of a page due, and notes how far the replay is. No stream means
// that all are done.
func (s *Service) repeat(
	ctx context.Context, was endpointRow, stream string, events []event.Event, next place,
) error {
	err := s.cfg.DB.Tx(ctx, "webhook: replay", func(ctx context.Context, tx bun.IDB) error {
		row := endpointRow{ID: was.ID}
		err := sqldb.ForUpdate(tx.NewSelect().Model(&row).WherePK()).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // deleted in the meantime
		}
		if err != nil {
			return err
		}
		if !row.ReplayBegan.Time().Equal(was.ReplayBegan.Time()) ||
			row.ReplayPlaces.V[stream] != was.ReplayPlaces.V[stream] {
			return nil // another process was here, or it begins anew
		}
		if stream == "" {
			row.ReplaySince, row.ReplayBegan = sqldb.Time{}, sqldb.Time{}
			row.ReplayPlaces = sqldb.AsJSON(map[string]place{})
		} else {
			row.ReplayPlaces.V[stream] = next
		}
		var rows []deliveryRow
		for _, e := range events {
			rows = append(rows, newDelivery(row.ID, stream, e, s.cfg.Now()))
		}
		for chunk := range slices.Chunk(rows, insertChunk) {
			// What was made since the replay began is sent anyway.
			_, err := tx.NewInsert().Model(&chunk).
				On("CONFLICT (endpoint_id, event_id) DO UPDATE").
				Set("created_at = EXCLUDED.created_at").Set("next_at = EXCLUDED.next_at").Set("attempts = 0").
				Set("lease_until = NULL").Set("lease_token = ''").Set("delivered_at = NULL").Set("dead_at = NULL").
				Where("d.created_at < ?", row.ReplayBegan).Returning("NULL").Exec(ctx)
			if err != nil {
				return err
			}
		}
		_, err = tx.NewUpdate().Model(&row).WherePK().
			Column("replay_since", "replay_began", "replay_places").Exec(ctx)
		return err
	})
	s.Wake()
	return err
}
