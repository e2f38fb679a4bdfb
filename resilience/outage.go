package resilience

import "time"

// Outage is the time from the opening of a closed breaker to its closing, with
// all failed recoveries between them.
type Outage struct {
	// Name is the breaker's.
	Name string
	// Started is when the breaker opened.
	Started time.Time
	// Ended is when it closed; zero while the outage lasts.
	Ended time.Time
	// Repaired is true if successful probes ended it, false if an operator's Reset
	// or Disable did.
	Repaired bool
	// Cause is why the breaker opened.
	Cause Reason
	// Openings counts how often it opened: one more than the failed recoveries.
	Openings int
	// Rejected counts the calls refused in that time.
	Rejected int64
}

// TimeToRepair returns the outage's length, zero while it lasts.
func (o Outage) TimeToRepair() time.Duration {
	if o.Ended.IsZero() {
		return 0
	}
	return o.Ended.Sub(o.Started)
}

// Outages returns the latest outages, at most 64, oldest first; the last one may
// not have ended. Subscribe to changes to record them all.
func (b *Breaker) Outages() []Outage {
	if !b.made() {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	list := append([]Outage(nil), b.history.past...)
	if o := b.history.ongoing(b); !o.Started.IsZero() {
		list = append(list, o)
	}
	return list
}

// maxOutages limits the memory of a breaker that flaps for years.
const maxOutages = 64

// history keeps the outages. The breaker's lock guards it.
type history struct {
	past          []Outage
	current       Outage
	rejected      int64 // Breaker.rejected when the current one started
	openings      int64
	repairs       int64
	timeRepairing time.Duration
}

// record records a change to the given state and returns the outage that it
// begins, continues or ends, if any.
func (h *history) record(b *Breaker, to State, now int64, reason Reason) Outage {
	if to == Open {
		h.openings++
		if h.current.Started.IsZero() {
			h.current = Outage{Name: b.cfg.Name, Started: b.time(now), Cause: reason}
			h.rejected = b.rejected.Load()
		}
		h.current.Openings++
	}
	o := h.ongoing(b)
	if o.Started.IsZero() || (to != Closed && to != Disabled) {
		return o
	}
	o.Ended = b.time(now)
	o.Repaired = reason == ReasonProbesSucceeded
	if o.Repaired {
		h.repairs++
		h.timeRepairing += o.TimeToRepair()
	}
	if len(h.past) == maxOutages {
		h.past = append(h.past[:0], h.past[1:]...)
	}
	h.past = append(h.past, o)
	h.current = Outage{}
	return o
}

func (h *history) ongoing(b *Breaker) Outage {
	o := h.current
	if !o.Started.IsZero() {
		o.Rejected = b.rejected.Load() - h.rejected
	}
	return o
}

func (h *history) mean() time.Duration {
	if h.repairs == 0 {
		return 0
	}
	return h.timeRepairing / time.Duration(h.repairs)
}
