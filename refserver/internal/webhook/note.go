package webhook

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/lease"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
)

// insertChunk is how many rows one INSERT carries.
const insertChunk = 100

type deliveryRow struct {
	bun.BaseModel `bun:"table:?(rk)webhook_deliveries,alias:d"`

	EndpointID  string `bun:",pk"`
	EventID     string `bun:",pk"`
	Stream      string
	AggregateID string
	Seq         int
	Type        string
	EventAt     sqldb.Time
	CreatedAt   sqldb.Time
	NextAt      sqldb.Time
	Attempts    int
	LastAt      sqldb.Time
	LastStatus  int
	LastAnswer  string
	LastError   string
	DeliveredAt sqldb.Time
	DeadAt      sqldb.Time
	lease.Lease
}

func newDelivery(endpointID, stream string, e event.Event, now time.Time) deliveryRow {
	return deliveryRow{
		EndpointID: endpointID, EventID: e.ID, Stream: stream, AggregateID: e.AggregateID, Seq: e.Seq,
		Type: publicType(e.Type), EventAt: sqldb.At(e.At), CreatedAt: sqldb.At(now), NextAt: sqldb.At(now),
	}
}

// Note makes the deliveries of events of a stream, in the transaction that fans them out. A
// dispatcher calls it for the StoredTypes of each of Streams.
func (s *Service) Note(ctx context.Context, tx bun.IDB, stream string, events []event.Event) error {
	if err := s.advisory(ctx, tx, "pg_advisory_xact_lock_shared"); err != nil {
		return err
	}
	var endpoints []endpointRow
	err := tx.NewSelect().Model(&endpoints).Column("id", "types").Where("disabled_at IS NULL").Scan(ctx)
	if err != nil {
		return err
	}
	var rows []deliveryRow
	for _, w := range endpoints {
		for _, e := range events {
			if slices.Contains(w.Types.V, publicType(e.Type)) {
				rows = append(rows, newDelivery(w.ID, stream, e, s.cfg.Now()))
			}
		}
	}
	for chunk := range slices.Chunk(rows, insertChunk) {
		_, err := tx.NewInsert().Model(&chunk).On("CONFLICT (endpoint_id, event_id) DO NOTHING").
			Returning("NULL").Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

// Ping sends a test to an endpoint, once, whatever types it wants. It returns the id of the
// message, under which Deliveries has its result.
func (s *Service) Ping(ctx context.Context, id string) (string, error) {
	w, err := s.Endpoint(ctx, id)
	if err != nil {
		return "", err
	}
	if !w.Enabled() {
		return "", &Invalid{"id", "The webhook is disabled. Enable it, then send a test."}
	}
	number, err := uuid.NewV7()
	if err != nil {
		return "", err
	}
	now := sqldb.At(s.cfg.Now())
	row := deliveryRow{
		EndpointID: id, EventID: "ping_" + number.String(), Type: TypePing, EventAt: now, CreatedAt: now, NextAt: now,
	}
	err = s.cfg.DB.Tx(ctx, "webhook: ping", func(ctx context.Context, tx bun.IDB) error {
		_, err := tx.NewInsert().Model(&row).Returning("NULL").Exec(ctx)
		return err
	})
	s.Wake()
	return row.EventID, err
}
