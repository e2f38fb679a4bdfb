package event

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// ActorKind says in which role an actor acted.
type ActorKind string

// The roles an Actor can have.
const (
	ActorCustomer ActorKind = "customer" // a signed-in customer, for themselves
	ActorStaff    ActorKind = "staff"    // a member of staff
	ActorSystem   ActorKind = "system"   // a worker, a nightly job, a start-up step
	ActorProvider ActorKind = "provider" // the payment provider, by webhook
)

// Actor is who did something, in the role Kind: ActorCustomer, ActorStaff, ActorSystem or
// ActorProvider. ID is the shop's id of the person, empty for the system; Name is what an
// audit trail shows.
type Actor struct {
	Kind ActorKind `json:"kind"`
	ID   string    `json:"id,omitempty"`
	Name string    `json:"name,omitempty"`
}

// System returns the actor of work that no person requested, such as a worker.
func System(name string) Actor { return Actor{Kind: ActorSystem, Name: name} }

// Stamp says when something happens, who does it and from where. Every pure function
// that changes an aggregate takes one; At is stored as UTC, in microseconds.
type Stamp struct {
	At     time.Time
	By     Actor
	Source Source
}

// Event is one change of one aggregate (an order, a return, a refund). The
// store that saves the change writes its events in the same transaction.
// Folding all events of an aggregate, in order of Seq, gives its stored state.
//
// ID is "<AggregateID>:<Seq>", so an event has one id however often it is
// delivered; subscribers use it to be idempotent.
type Event struct {
	ID          string          `json:"id"`
	AggregateID string          `json:"aggregate_id"`
	Seq         int             `json:"seq"` // 1 for the first event of the aggregate
	Type        string          `json:"type"`
	At          time.Time       `json:"at"`
	Actor       Actor           `json:"actor"`
	Source      Source          `json:"from,omitzero"`
	Data        json.RawMessage `json:"data"`
}

// Clone returns a copy of the events that shares no memory with them.
func Clone(events []Event) []Event {
	all := slices.Clone(events)
	for i := range all {
		all[i].Data = slices.Clone(all[i].Data)
	}
	return all
}

// NewEvent returns the event number seq of an aggregate, with data encoded as
// JSON. It fails only when data can't be encoded.
func NewEvent(aggregateID string, seq int, typ string, s Stamp, data any) (Event, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return Event{}, fmt.Errorf("event %s %d of %s: %w", typ, seq, aggregateID, err)
	}
	return Event{
		ID:          fmt.Sprintf("%s:%d", aggregateID, seq),
		AggregateID: aggregateID,
		Seq:         seq,
		Type:        typ,
		At:          s.At.UTC().Truncate(time.Microsecond),
		Actor:       s.By,
		Source:      s.Source,
		Data:        raw,
	}, nil
}
