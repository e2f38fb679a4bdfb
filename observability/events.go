package observability

import (
	"slices"
	"sync"
	"time"
)

// eventRingSize is how many events a Metrics remembers.
const eventRingSize = 100

// Event is something worth telling people about: a refund failed, the payment
// circuit opened. Payload is a private copy, without secrets.
type Event struct {
	Name      string         `json:"name"`
	Timestamp time.Time      `json:"timestamp"` // UTC, whole milliseconds
	Payload   map[string]any `json:"payload"`
}

// eventRing keeps the last eventRingSize events.
type eventRing struct {
	mu     sync.Mutex
	events [eventRingSize]Event
	next   int
	full   bool
}

func (r *eventRing) add(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events[r.next] = e
	r.next++
	if r.next == len(r.events) {
		r.next, r.full = 0, true
	}
}

// list returns the events, oldest first.
func (r *eventRing) list() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.full {
		return append([]Event{}, r.events[:r.next]...)
	}
	return slices.Concat(r.events[r.next:], r.events[:r.next])
}
