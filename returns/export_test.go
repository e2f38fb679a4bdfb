package returns

import "github.com/returnkit/returnkit/orders/event"

// What tests of the pure core look at, and callers need not.

func (r *Return) PendingEvents() []event.Event { return r.changes }

func (r *Return) ClaimedUnits() map[string]int { return r.claimedUnits() }

func (r *Return) AssignRMA(s event.Stamp, rma string) error { return r.assignRMA(s, rma) }
