// Package event holds what an order, a return and a refund have in common: who
// did something, when and from where, and the events that tell it.
//
// An [Event] is one change of one aggregate. The store that saves the change
// writes its events in the same transaction, and folding the events of an
// aggregate in order gives its stored state.
package event
