package event

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrNoHistory is returned by [Fold] if there are no events.
var ErrNoHistory = errors.New("event: there are no events to fold")

// HistoryError says that events are not the history of one aggregate.
type HistoryError struct {
	Event  Event  // the first that does not belong where it stands
	Reason string // such as "it stands where o1:3 belongs"
}

// Error names the event and what is wrong with it.
func (e *HistoryError) Error() string { return fmt.Sprintf("event %s: %s", e.Event.ID, e.Reason) }

// Fold hands the events of one aggregate to apply, each with its data. They are
// the whole history, in order of Seq from 1. payload returns the empty data of
// events of a type, usually a pointer to a struct, and false for a type that the
// aggregate does not have.
//
// Fold returns ErrNoHistory without events, a [*HistoryError] if they are not a
// history of the aggregate, and the error of the decoder, with the event named,
// for data that does not fit.
func Fold[P any](events []Event, payload func(typ string) (P, bool), apply func(Event, P)) error {
	if len(events) == 0 {
		return ErrNoHistory
	}
	for i, e := range events {
		if id := events[0].AggregateID; e.AggregateID != id || e.Seq != i+1 {
			return &HistoryError{e, fmt.Sprintf("it stands where %s:%d belongs", id, i+1)}
		}
		data, ok := payload(e.Type)
		if !ok {
			return &HistoryError{e, fmt.Sprintf("the type %q does not belong here", e.Type)}
		}
		if err := json.Unmarshal(e.Data, data); err != nil {
			return fmt.Errorf("event %s (%s): %w", e.ID, e.Type, err)
		}
		apply(e, data)
	}
	return nil
}
