package resilience

import "time"

// Counts counts the calls of one generation.
type Counts struct {
	// Calls counts the successes and failures of the window, Failures and Slow
	// the failed and the slow ones among them. They are zero while the breaker is
	// not closed, or has no rule on rates.
	Calls, Failures, Slow int64
	// SlowInFlight counts calls that have not returned and are slow already.
	SlowInFlight int64
	// SlowNeutral counts slow calls of the window with a neutral outcome.
	SlowNeutral int64
	// ConsecutiveFailures counts the failures since the last success.
	ConsecutiveFailures int64
	// Rejected counts the calls refused in this generation.
	Rejected int64
}

// Snapshot describes a breaker at one instant.
type Snapshot struct {
	// Name is the breaker's.
	Name string
	// State is its state, and Generation the state's number.
	State      State
	Generation uint64
	// Since is when the state began; Until when it ends, zero if no end is set.
	Since, Until time.Time
	// RetryAfter is the time left until then.
	RetryAfter time.Duration
	// Counts are of this generation.
	Counts Counts
	// Rejected counts the calls refused since the breaker was made.
	Rejected int64
	// Openings counts the changes to open since then, repeated ones included.
	Openings int64
	// Repairs counts the outages that ended by successful probes, and
	// MeanTimeToRepair is the mean of their lengths (MTTR), zero without any.
	Repairs          int64
	MeanTimeToRepair time.Duration
	// Outage is the current one; its Started is zero when there is none.
	Outage Outage
}

// Snapshot describes the breaker now. Like State, it makes a change that is due
// first.
func (b *Breaker) Snapshot() Snapshot { return b.SnapshotAt(time.Now()) }

// SnapshotAt is Snapshot at the given instant.
func (b *Breaker) SnapshotAt(now time.Time) Snapshot {
	if !b.made() {
		return Snapshot{State: ForcedOpen}
	}
	return b.snapshot(b.instant(now))
}

func (b *Breaker) snapshot(now int64) Snapshot {
	b.settle(now)
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.cur.Load()
	s := Snapshot{
		Name:             b.cfg.Name,
		State:            g.state,
		Generation:       g.number,
		Since:            b.time(g.since),
		RetryAfter:       time.Duration(g.remaining(now)),
		Counts:           b.counts(g, now),
		Rejected:         b.rejected.Load(),
		Openings:         b.history.openings,
		Repairs:          b.history.repairs,
		MeanTimeToRepair: b.history.mean(),
		Outage:           b.history.ongoing(b),
	}
	if g.until != 0 {
		s.Until = b.time(g.until)
	}
	return s
}

func (b *Breaker) counts(g *generation, now int64) Counts {
	c := Counts{
		ConsecutiveFailures: g.consecutive.Load(),
		Rejected:            b.rejected.Load() - g.rejected,
	}
	if g.window != nil {
		s := g.window.sum(now)
		c.Calls, c.Failures, c.Slow, c.SlowNeutral = s.total, s.failed, s.slow, s.neutralSlow
	}
	if g.flight != nil {
		c.SlowInFlight = g.flight.slowAt(now)
	}
	return c
}
