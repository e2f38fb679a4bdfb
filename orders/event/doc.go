// Package event holds what an order, a return and a refund have in common: who
// did something, when and from where, and the events that record it.
//
// An [Event] is one change of one aggregate. The store that saves the change
// writes its events in the same transaction, and folding the events of an
// aggregate in order gives its stored state.
//
// # Units
//
// Times are UTC in microseconds. Seq counts the events of one aggregate from 1.
//
// # Errors
//
// [Fold] returns [ErrNoHistory] for no events, and a *[HistoryError] that names the
// first event that does not belong where it stands.
//
// # Zero values
//
// The zero [Source] says that nothing is known of where a request came from, and is
// left out of the JSON. The zero [Actor] is nobody.
package event
