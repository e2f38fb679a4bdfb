package resilience

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Breaker is a circuit breaker; the package comment explains how it works. Make
// one with [New] for each dependency and share it. It may be used by many
// goroutines at once. The zero Breaker refuses every call.
//
// Each method that needs the time has a twin, ending in At, that takes it.
// Instants given to twins should come from one clock and not run backwards.
type Breaker struct {
	cfg      Config
	base     time.Time // all instants inside are ns since this
	windowed bool      // a rate is looked at, so the end of a call needs the time
	slow     int64     // SlowCall in ns, 0 when slow calls are not judged

	cur atomic.Pointer[generation]

	_        [64]byte // keep refusals from slowing the reading of cur
	rejected atomic.Int64
	_        [56]byte

	mu       sync.Mutex
	openings int // since the breaker was last closed, for the growing open time
	history  history
	notices  notices
}

// generation is the time from one change of state to the next. Only the counts
// and, under the breaker's lock, the probes change; everything else is fixed.
// Permits point to theirs, so a late result is counted in a generation that is no
// longer read.
type generation struct {
	b        *Breaker
	number   uint64
	state    State
	since    int64
	until    int64 // of open, forced open and disabled; 0: no end
	refusals *refusals
	rejected int64 // Breaker.rejected when it began

	window      *window
	flight      *flight
	consecutive atomic.Int64

	probes    []probe // guarded by Breaker.mu, like the next two
	succeeded int
	token     uint64
}

// probe is a place taken while half-open.
type probe struct {
	token       uint64
	start, ends int64
}

// Permit is the permission to make one call. Report the call's end with Done, once;
// the permit of a panicking call is best released by a deferred Done. A Permit
// must not be copied after use, and is used by one goroutine at a time.
type Permit struct {
	_     noCopy
	gen   *generation // nil: refused, or done
	start int64
	token uint64
}

// noCopy makes go vet report copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// New returns a closed breaker, or the error of [Config.Validate].
func New(cfg Config) (*Breaker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	if cfg.Rand == nil {
		cfg.Rand = rand.Int64N
	}
	b := &Breaker{
		cfg:      cfg,
		base:     time.Now(),
		windowed: cfg.FailurePercent > 0 || cfg.SlowPercent > 0,
		slow:     int64(cfg.SlowCall),
	}
	b.cur.Store(b.newGeneration(1, Closed, 0, 0))
	return b, nil
}

// made reports whether b was made by New. One that was not has no generation.
func (b *Breaker) made() bool { return b != nil && b.cur.Load() != nil }

// Name returns the configured name.
func (b *Breaker) Name() string {
	if !b.made() {
		return ""
	}
	return b.cfg.Name
}

func (b *Breaker) now() int64 { return int64(time.Since(b.base)) }

// instant converts t; what lies before the breaker was made counts as then.
func (b *Breaker) instant(t time.Time) int64 { return max(0, int64(t.Sub(b.base))) }

func (b *Breaker) time(ns int64) time.Time { return b.base.Add(time.Duration(ns)) }

func (b *Breaker) newGeneration(number uint64, s State, now, until int64) *generation {
	g := &generation{b: b, number: number, state: s, since: now, until: until, rejected: b.rejected.Load()}
	switch s {
	case Closed:
		if b.windowed {
			g.window = newWindow(int64(b.cfg.Window), b.cfg.Buckets)
		}
		if b.slow > 0 {
			g.flight = newFlight(b.slow)
		}
	case Open, ForcedOpen:
		g.refusals = newRefusals(b.cfg.Name, max(0, until-now))
	case HalfOpen:
		g.refusals = newRefusals(b.cfg.Name, int64(b.cfg.ProbeLease))
	}
	return g
}

// Allow asks for permission to make a call now. If the error is nil, Done must be
// called on the permit when the call has ended. Otherwise the call must not be
// made and there is nothing to report: the error is an *[OpenError], or
// [ErrZeroValue] if b was not made by New.
func (b *Breaker) Allow() (Permit, error) {
	if !b.made() {
		return Permit{}, errZeroBreaker
	}
	g := b.cur.Load()
	if g.state == Closed && b.slow == 0 {
		return Permit{gen: g}, nil
	}
	return b.allow(b.now())
}

// AllowAt is Allow at the given instant.
func (b *Breaker) AllowAt(now time.Time) (Permit, error) {
	if !b.made() {
		return Permit{}, errZeroBreaker
	}
	return b.allow(b.instant(now))
}

func (b *Breaker) allow(now int64) (Permit, error) {
	for {
		g := b.cur.Load()
		switch g.state {
		case Closed:
			if g.flight != nil {
				if b.hanging(g, now) {
					continue
				}
				g.flight.begin(now)
			}
			return Permit{gen: g, start: now}, nil
		case HalfOpen:
			token, refused := b.probe(g, now)
			if refused != nil {
				b.rejected.Add(1)
				return Permit{}, refused
			}
			if token != 0 {
				return Permit{gen: g, start: now, token: token}, nil
			}
		case Disabled:
			if !g.over(now) {
				return Permit{gen: g}, nil
			}
			b.expire(g, now)
		default:
			if !g.over(now) {
				b.rejected.Add(1)
				return Permit{}, g.refusals.after(g.remaining(now))
			}
			b.expire(g, now)
		}
	}
}

func (g *generation) over(now int64) bool { return g.until != 0 && now >= g.until }

func (g *generation) remaining(now int64) int64 {
	if g.until == 0 {
		return 0
	}
	return max(0, g.until-now)
}

// hanging opens the breaker if calls in flight have become slow and with them
// the slow ones are too many. It reports whether the generation has ended.
func (b *Breaker) hanging(g *generation, now int64) bool {
	if !g.flight.due(now) || g.flight.slowAt(now) == 0 {
		return false
	}
	reason := b.verdict(g, now)
	if reason == 0 {
		return false
	}
	b.trip(g, now, reason)
	return true
}

// Done reports how the call ended. A second Done of the same permit, and the
// Done of a refused one, do nothing. A call whose permit is from an earlier
// generation is not counted. An unknown outcome counts as Failure.
func (p *Permit) Done(o Outcome) {
	g := p.gen
	if g == nil || g.b.cur.Load() != g || g.state == Disabled {
		p.gen = nil
		return
	}
	if o > Neutral {
		o = Failure
	}
	if g.state == Closed && !g.b.windowed && o != Failure {
		if o == Success && g.consecutive.Load() != 0 {
			g.consecutive.Store(0)
		}
		p.gen = nil
		return
	}
	p.done(o, g.b.now())
}

// DoneAt is Done at the given instant.
func (p *Permit) DoneAt(o Outcome, now time.Time) {
	if p.gen != nil {
		p.done(o, p.gen.b.instant(now))
	}
}

func (p *Permit) done(o Outcome, now int64) {
	g := p.gen
	p.gen = nil
	b := g.b
	if b.cur.Load() != g {
		return
	}
	if o > Neutral {
		o = Failure
	}
	slow := b.slow > 0 && now-p.start >= b.slow
	switch g.state {
	case Closed:
		if g.flight != nil {
			g.flight.end(p.start)
		}
		if reason := b.count(g, now, o, slow); reason != 0 {
			b.trip(g, now, reason)
		}
	case HalfOpen:
		b.probed(g, p.token, now, o, slow)
	}
}

// count records a finished call and returns the reason to open, if it gives
// one.
func (b *Breaker) count(g *generation, now int64, o Outcome, slow bool) Reason {
	if g.window != nil && (o != Neutral || slow) {
		g.window.add(now, o, slow)
	}
	switch {
	case o == Failure:
		n := g.consecutive.Add(1)
		if limit := int64(b.cfg.ConsecutiveFailures); limit > 0 && n >= limit {
			return ReasonConsecutiveFailures
		}
	case o == Success && g.consecutive.Load() != 0:
		g.consecutive.Store(0)
	}
	if o == Failure || slow {
		return b.verdict(g, now)
	}
	return 0
}

// verdict applies the rules on rates. Each rate has its own total: failures are a
// share of the calls with an outcome, slow calls a share of those and of the ones
// known to be slow without an outcome.
func (b *Breaker) verdict(g *generation, now int64) Reason {
	if g.window == nil {
		return 0
	}
	s := g.window.sum(now)
	minimum := int64(b.cfg.MinCalls)
	if p := int64(b.cfg.FailurePercent); p > 0 && s.total >= minimum && s.failed*100 >= p*s.total {
		return ReasonFailureRate
	}
	if p := int64(b.cfg.SlowPercent); p > 0 {
		extra := s.neutralSlow + g.flight.slowAt(now)
		if slow, total := s.slow+extra, s.total+extra; total >= minimum && slow*100 >= p*total {
			return ReasonSlowRate
		}
	}
	return 0
}
