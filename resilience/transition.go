package resilience

import (
	"slices"
	"time"
)

// State returns the breaker's state now. Like a call, it first leaves a state
// whose time is over, and calls the listeners. A Breaker that was not made by New
// is ForcedOpen.
func (b *Breaker) State() State {
	if !b.made() {
		return ForcedOpen
	}
	return b.settle(b.now()).state
}

// StateAt is State at the given instant.
func (b *Breaker) StateAt(now time.Time) State {
	if !b.made() {
		return ForcedOpen
	}
	return b.settle(b.instant(now)).state
}

// ForceOpen makes the breaker refuse all calls until the given instant, or, if it
// is zero, until Reset or Disable. Afterwards the breaker is half-open: what was
// switched off is probed first.
func (b *Breaker) ForceOpen(until time.Time) { b.ForceOpenAt(time.Now(), until) }

// ForceOpenAt is ForceOpen at the given instant.
func (b *Breaker) ForceOpenAt(now, until time.Time) { b.operate(now, ForcedOpen, until) }

// Disable makes the breaker pass all calls, uncounted, until the given instant,
// or, if it is zero, until Reset or ForceOpen. Afterwards the breaker is closed.
func (b *Breaker) Disable(until time.Time) { b.DisableAt(time.Now(), until) }

// DisableAt is Disable at the given instant.
func (b *Breaker) DisableAt(now, until time.Time) { b.operate(now, Disabled, until) }

// Reset closes the breaker with empty counts, whatever its state. An outage that
// ends so does not count as repaired.
func (b *Breaker) Reset() { b.ResetAt(time.Now()) }

// ResetAt is Reset at the given instant.
func (b *Breaker) ResetAt(now time.Time) { b.operate(now, Closed, time.Time{}) }

func (b *Breaker) operate(now time.Time, to State, until time.Time) {
	if !b.made() {
		return
	}
	var end int64
	if !until.IsZero() {
		end = max(1, b.instant(until))
	}
	b.mu.Lock()
	b.change(b.instant(now), to, end, ReasonOperator)
	b.mu.Unlock()
	b.deliver()
}

// trip opens a closed breaker, unless another goroutine has changed it already.
func (b *Breaker) trip(g *generation, now int64, reason Reason) {
	b.mu.Lock()
	if b.cur.Load() == g {
		b.open(now, reason)
	}
	b.mu.Unlock()
	b.deliver()
}

// expire leaves a state whose time is over.
func (b *Breaker) expire(g *generation, now int64) {
	b.mu.Lock()
	if b.cur.Load() == g {
		to := HalfOpen
		if g.state == Disabled {
			to = Closed
		}
		b.change(now, to, 0, ReasonTimeOver)
	}
	b.mu.Unlock()
	b.deliver()
}

// settle makes the changes that are due and returns the generation.
func (b *Breaker) settle(now int64) *generation {
	for {
		g := b.cur.Load()
		switch {
		case g.over(now):
			b.expire(g, now)
		case g.flight != nil && b.hanging(g, now):
		case g.state == HalfOpen && b.probeHangs(g, now):
		default:
			return g
		}
	}
}

// probe gives a call its place while half-open: it returns its token, or the
// refusal, or neither when the generation has ended meanwhile.
func (b *Breaker) probe(g *generation, now int64) (token uint64, refused *OpenError) {
	if b.probeHangs(g, now) {
		return 0, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cur.Load() != g {
		return 0, nil
	}
	g.probes = slices.DeleteFunc(g.probes, func(p probe) bool { return now >= p.ends })
	if len(g.probes) < b.cfg.Probes-g.succeeded {
		g.token++
		g.probes = append(g.probes, probe{g.token, now, now + int64(b.cfg.ProbeLease)})
		return g.token, nil
	}
	first := g.probes[0].ends
	for _, p := range g.probes[1:] {
		first = min(first, p.ends)
	}
	return 0, g.refusals.after(first - now)
}

// probeHangs opens the breaker again if a probe in flight has become slow, and
// reports whether it did.
func (b *Breaker) probeHangs(g *generation, now int64) bool {
	if b.slow == 0 {
		return false
	}
	b.mu.Lock()
	hangs := b.cur.Load() == g && slices.ContainsFunc(g.probes, func(p probe) bool {
		return now-p.start >= b.slow
	})
	if hangs {
		b.open(now, ReasonProbeSlow)
	}
	b.mu.Unlock()
	if hangs {
		b.deliver()
	}
	return hangs
}

// probed records the end of a probe.
func (b *Breaker) probed(g *generation, token uint64, now int64, o Outcome, slow bool) {
	b.mu.Lock()
	if b.cur.Load() == g {
		g.probes = slices.DeleteFunc(g.probes, func(p probe) bool { return p.token == token })
		switch {
		case o == Failure:
			b.open(now, ReasonProbeFailed)
		case slow:
			b.open(now, ReasonProbeSlow)
		case o == Success:
			g.succeeded++
			if g.succeeded >= b.cfg.Probes {
				b.change(now, Closed, 0, ReasonProbesSucceeded)
			}
		}
	}
	b.mu.Unlock()
	b.deliver()
}

// open starts an open generation. The lock is held.
func (b *Breaker) open(now int64, reason Reason) {
	d := int64(Backoff{Initial: b.cfg.OpenFor, Factor: 2, Max: b.cfg.MaxOpenFor}.exact(b.openings))
	b.openings++
	if j := int64(b.cfg.JitterPercent); j > 0 {
		if limit := d / 100 * j; limit > 0 {
			d -= min(max(0, b.cfg.Rand(limit+1)), limit)
		}
	}
	b.change(now, Open, now+max(1, d), reason)
}

// change starts the next generation and queues the change for the listeners. The
// lock is held.
func (b *Breaker) change(now int64, to State, until int64, reason Reason) {
	old := b.cur.Load()
	if to == Closed || to == Disabled {
		b.openings = 0
	}
	next := b.newGeneration(old.number+1, to, now, until)
	c := Change{
		Name:       b.cfg.Name,
		Generation: next.number,
		From:       old.state,
		To:         to,
		At:         b.time(now),
		Reason:     reason,
		Counts:     b.counts(old, now),
		Outage:     b.history.record(b, to, now, reason),
	}
	if until != 0 {
		c.Until = b.time(until)
	}
	b.cur.Store(next)
	b.notices.queue(c)
}
