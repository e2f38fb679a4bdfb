package outboxdb

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
)

// insertChunk is how many rows one INSERT carries.
const insertChunk = 100

// eventRow is a row of STREAM_events.
type eventRow struct {
	bun.BaseModel `bun:"alias:e"`

	ID          string     `bun:"id,pk"`
	AggregateID string     `bun:"aggregate_id"`
	Seq         int        `bun:"seq"`
	Type        string     `bun:"type"`
	At          sqldb.Time `bun:"at"`
	ActorID     string     `bun:"actor_id"`
	ActorKind   string     `bun:"actor_kind"`
	ActorName   string     `bun:"actor_name"`
	FromAddress string     `bun:"from_address"`
	FromRequest string     `bun:"from_request"`
	Data        string     `bun:"data"`
	FannedOut   bool       `bun:"fanned_out"`
}

func newEventRow(e event.Event) (eventRow, error) {
	if err := outbox.CheckEvent(e); err != nil {
		return eventRow{}, err
	}
	return eventRow{
		ID: e.ID, AggregateID: e.AggregateID, Seq: e.Seq, Type: e.Type, At: sqldb.At(e.At),
		ActorID: e.Actor.ID, ActorKind: string(e.Actor.Kind), ActorName: e.Actor.Name,
		FromAddress: e.Source.Address, FromRequest: e.Source.Request, Data: string(e.Data),
	}, nil
}

func (r eventRow) event() event.Event {
	return event.Event{
		ID: r.ID, AggregateID: r.AggregateID, Seq: r.Seq, Type: r.Type, At: r.At.Time(),
		Actor:  event.Actor{Kind: event.ActorKind(r.ActorKind), ID: r.ActorID, Name: r.ActorName},
		Source: event.Source{Address: r.FromAddress, Request: r.FromRequest},
		Data:   json.RawMessage(r.Data),
	}
}

func eventsOf(rows []eventRow) []event.Event {
	events := make([]event.Event, len(rows))
	for i, r := range rows {
		events[i] = r.event()
	}
	return events
}

// Append writes events of a stream through idb, the transaction of the change they
// report. It returns an error if [outbox.CheckEvent] does for one of them, and the
// error of the database's unique constraint if another transaction has used one of the
// numbers already; the caller's transaction must not commit then.
func Append(ctx context.Context, idb bun.IDB, stream string, events []event.Event) error {
	return AppendFollowed(ctx, idb, stream, events, nil)
}

// AppendFollowed is Append where nobody follows but the types named, nil meaning
// all: events of other types count as fanned out from the start, so that a
// dispatcher does not have to mark them. Reading and searching find them as any
// other, and so does a subscriber's Backfill.
func AppendFollowed(
	ctx context.Context, idb bun.IDB, stream string, events []event.Event, followed []string,
) error {
	if err := checkStream(stream); err != nil {
		return err
	}
	rows := make([]eventRow, len(events))
	for i, e := range events {
		row, err := newEventRow(e)
		if err != nil {
			return fmt.Errorf("outboxdb: append to %s: %w", stream, err)
		}
		row.FannedOut = followed != nil && !slices.Contains(followed, e.Type)
		rows[i] = row
	}
	for chunk := range slices.Chunk(rows, insertChunk) {
		_, err := idb.NewInsert().Model(&chunk).ModelTableExpr("?", eventsTable(stream)).Exec(ctx)
		if err != nil {
			return fmt.Errorf("outboxdb: append to %s: %w", stream, err)
		}
	}
	return nil
}

// Events returns all events of aggregates of a stream, one aggregate after the
// other by their ids, each in order of Seq; an unknown aggregate has none, and
// that is no error.
func Events(ctx context.Context, idb bun.IDB, stream string, aggregateIDs ...string) ([]event.Event, error) {
	if err := checkStream(stream); err != nil || len(aggregateIDs) == 0 {
		return nil, err
	}
	var rows []eventRow
	err := idb.NewSelect().Model(&rows).ModelTableExpr("? AS e", eventsTable(stream)).
		Where("e.aggregate_id IN (?)", bun.List(aggregateIDs)).Order("e.aggregate_id", "e.seq").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("outboxdb: events of %s %s: %w", stream, strings.Join(aggregateIDs, ", "), err)
	}
	return eventsOf(rows), nil
}
