package outboxdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
)

// insertChunk is how many rows one INSERT carries.
const insertChunk = 100

// eventRow is a row of PREFIX_events.
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
	var problem error
	switch {
	case e.AggregateID == "":
		problem = errors.New("it has no aggregate id")
	case e.Seq < 1:
		problem = fmt.Errorf("seq is %d and must be at least 1", e.Seq)
	case e.ID != fmt.Sprintf("%s:%d", e.AggregateID, e.Seq):
		problem = errors.New("its id must be aggregate:seq")
	case e.Type == "":
		problem = errors.New("it has no type")
	case e.At.IsZero():
		problem = errors.New("it has no time")
	case !json.Valid(e.Data):
		problem = errors.New("its data is not JSON")
	}
	if problem != nil {
		return eventRow{}, fmt.Errorf("event %q: %w", e.ID, problem)
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

// Append writes events into PREFIX_events through idb, the transaction of the
// change they tell of. It refuses an event whose fields don't hold together.
// Where another transaction has used one of the numbers already, the error
// satisfies [sqldb.IsUnique].
func Append(ctx context.Context, idb bun.IDB, prefix string, events []event.Event) error {
	if err := checkPrefix(prefix); err != nil {
		return err
	}
	rows := make([]eventRow, len(events))
	for i, e := range events {
		row, err := newEventRow(e)
		if err != nil {
			return fmt.Errorf("outbox: append to %s: %w", prefix, err)
		}
		rows[i] = row
	}
	for chunk := range slices.Chunk(rows, insertChunk) {
		_, err := idb.NewInsert().Model(&chunk).ModelTableExpr("?", eventsTable(prefix)).Exec(ctx)
		if err != nil {
			return fmt.Errorf("outbox: append to %s: %w", prefix, err)
		}
	}
	return nil
}

// Events returns all events of an aggregate in order of Seq; none is an empty
// list and no error.
func Events(ctx context.Context, idb bun.IDB, prefix, aggregateID string) ([]event.Event, error) {
	if err := checkPrefix(prefix); err != nil {
		return nil, err
	}
	var rows []eventRow
	err := idb.NewSelect().Model(&rows).ModelTableExpr("? AS e", eventsTable(prefix)).
		Where("e.aggregate_id = ?", aggregateID).Order("e.seq").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("outbox: events of %s %s: %w", prefix, aggregateID, err)
	}
	return eventsOf(rows), nil
}
