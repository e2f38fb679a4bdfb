package throttle

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// FairConfig says how a [Fair] limiter shares one limit.
type FairConfig struct {
	// Limit is the limit of all keys together. Required.
	Limit Limit
	// MaxKeys is how many keys can have a share of their own at a time, 1 to 2^30.
	// It takes some 33 bytes of memory for each. Required.
	MaxKeys int
	// ShareBurst is how many units of its share a key may take at once after a
	// pause, up to a million. Zero means Limit.Burst, and at least 4: people come
	// in no even pace.
	ShareBurst int64
	// MaxWait is how long a request within its share may wait for its turn, where
	// the next units are not there yet; up to a minute. Zero means the time of three
	// units, at least 20 ms and, where the burst is 2 or more, at most two seconds.
	// NoWait refuses it at once; then Limit.Burst must be 2 or more, or nothing
	// could be kept for such requests.
	MaxWait time.Duration
	// Window is how long a key counts as asking after it asked: 10 ms to a year.
	// Zero means the time to earn the burst or ten units, and at least a second.
	Window time.Duration
}

// NoWait is a [FairConfig.MaxWait] that has nobody wait.
const NoWait time.Duration = -1

// WithDefaults returns the configuration with what its zero values stand for, for
// limiters of the same kind that keep their state elsewhere. A MaxWait of NoWait
// stays.
func (c FairConfig) WithDefaults() FairConfig {
	if c.ShareBurst == 0 {
		c.ShareBurst = max(c.Limit.Burst, leastShare)
	}
	c.ShareBurst = max(1, min(c.ShareBurst, int64(maxTolerance/max(1, c.Limit.Interval()))))
	if c.MaxWait == 0 {
		c.MaxWait = c.wait()
	}
	if c.Window == 0 {
		c.Window = min(max(time.Second, c.Limit.Tolerance(), 10*c.Limit.Interval()), maxPer)
	}
	return c
}

// wait returns MaxWait with its default, 0 for NoWait.
func (c FairConfig) wait() time.Duration {
	switch {
	case c.MaxWait == NoWait:
		return 0
	case c.MaxWait != 0:
		return c.MaxWait
	case c.Limit.Burst < 2 && c.Limit.Interval() > time.Second/2:
		return min(3*c.Limit.Interval(), maxFairWait)
	}
	return min(max(3*c.Limit.Interval(), 20*time.Millisecond), 2*time.Second)
}

// Fair is one limit shared by many keys: no key can take it from the others.
// Make one with [NewFair]. The zero value refuses everything with
// [ErrZeroValue].
//
// Each key that asks has an equal share of the rate, and what is within its
// share is admitted first. A key that asks for more gets what the others leave:
// it must leave half of the burst to them, and never waits. A key that asks
// alone may use all of the limit at once. So no part of the limit is lost, and a
// share binds only while others ask.
//
// Choose the key so that a client cannot make up new ones: the account of a
// verified session, or the address (an IPv6 client's /64) for those not signed
// in.
//
// A Fair may be used by many goroutines at once. Its memory is taken when it is
// made; when more than MaxKeys keys are in use, further ones have no share and
// get what the others leave. It starts no goroutine.
//
// Shares follow virtual time, which runs at 1/n of the pace of the clock while n
// keys ask (Parekh and Gallager, 1993): a key's share is the limit itself,
// counted in that time. How many ask is counted by hashes in two bitmaps, of
// this window and the last (linear counting; Whang, Vander-Zanden and Taylor,
// 1990).
type Fair struct {
	rule   atomic.Pointer[fairRule] // nil: zero value
	base   time.Time
	shares table
	asking *askers
	_      [64]byte
	tat    atomic.Int64
	_      [56]byte
}

var _ Reserver = (*Fair)(nil)

// fairRule is a configuration in the form in which it is computed with.
type fairRule struct {
	cfg FairConfig
	all gcra
	// share is a key's part, in virtual time.
	share    gcra
	leftover int64 // the tolerance of what is beyond a share
	maxWait  int64
}

const maxFairWait = time.Minute

// Validate reports the first field that is out of its range.
func (c FairConfig) Validate() error {
	if err := c.Limit.Validate(); err != nil {
		return err
	}
	switch {
	case c.MaxKeys < 1 || c.MaxKeys > maxTableKeys:
		return fmt.Errorf("throttle: FairConfig.MaxKeys is %d, allowed is 1 to %d", c.MaxKeys, maxTableKeys)
	case c.ShareBurst < 0 || c.ShareBurst > maxShareBurst:
		return fmt.Errorf("throttle: FairConfig.ShareBurst is %d, allowed is 0 (by the limit) to %d",
			c.ShareBurst, maxShareBurst)
	case c.MaxWait < NoWait || c.MaxWait > maxFairWait:
		return fmt.Errorf("throttle: FairConfig.MaxWait is %v, allowed is 0 (by the limit), NoWait, or up to %v",
			c.MaxWait, maxFairWait)
	case c.wait() < c.Limit.Interval() && c.Limit.Burst < 2:
		return fmt.Errorf("throttle: FairConfig with Limit.Burst 1 and a MaxWait of %v keeps nothing for requests "+
			"within their share: raise Limit.Burst to 2, or MaxWait to %v", c.wait(), c.Limit.Interval())
	case c.Window != 0 && (c.Window < minWindow || c.Window > maxPer):
		return fmt.Errorf("throttle: FairConfig.Window is %v, allowed is 0 (by the limit) or %v to %v",
			c.Window, minWindow, maxPer)
	}
	return nil
}

const (
	minWindow     = 10 * time.Millisecond
	leastShare    = 4
	maxShareBurst = 1_000_000
)

func newFairRule(c FairConfig) *fairRule {
	r := &fairRule{cfg: c, all: c.Limit.gcra(), maxWait: int64(c.wait())}
	burst := c.WithDefaults().ShareBurst
	r.share = gcra{interval: r.all.interval, tolerance: burst * r.all.interval, burst: burst}
	r.leftover = r.all.tolerance - c.Limit.Burst/2*r.all.interval
	return r
}

// NewFair returns a limiter with its whole burst available, or an error that names the
// setting that is missing or out of range.
func NewFair(cfg FairConfig) (*Fair, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	f := &Fair{base: time.Now(), asking: newAskers(cfg.MaxKeys, cfg.WithDefaults().Window)}
	f.shares.init(cfg.MaxKeys)
	f.rule.Store(newFairRule(cfg))
	return f, nil
}

// Limit returns the limit of all keys together.
func (f *Fair) Limit() Limit {
	if r := f.rule.Load(); r != nil {
		return r.cfg.Limit
	}
	return Limit{}
}

// SetLimit changes the limit for decisions from now on, and returns the error of
// [FairConfig.Validate] if it is not valid. What was taken remains taken,
// measured in the time that it took under the old limit.
func (f *Fair) SetLimit(limit Limit) error {
	r := f.rule.Load()
	if r == nil {
		return errZeroFair
	}
	c := r.cfg
	c.Limit = limit
	if err := c.Validate(); err != nil {
		return err
	}
	f.rule.Store(newFairRule(c))
	return nil
}

// Asking returns how many keys asked in this window or the last, whichever is
// more. Above an eighth of MaxKeys it is an estimate.
func (f *Fair) Asking() int {
	if f.asking == nil {
		return 0
	}
	return int(f.asking.at(f.now()).n)
}

func (f *Fair) now() int64                { return int64(time.Since(f.base)) }
func (f *Fair) instant(t time.Time) int64 { return max(0, int64(t.Sub(f.base))) }

// Take satisfies [Limiter]. A request within its share may wait for up to
// MaxWait, and returns when its turn has come; if ctx would end before, it is
// refused at once. Its errors are *[CostError] and, if ctx ends during the wait,
// ctx.Err(); the units are given back then.
func (f *Fair) Take(ctx context.Context, key string, cost int64) (Decision, error) {
	d, wait, err := f.reserve(f.now(), key, cost)
	if err != nil || wait <= 0 {
		return d, err
	}
	return await(ctx, f, key, cost, d, wait)
}

// Reserve satisfies [Reserver]. It does not look at ctx.
func (f *Fair) Reserve(_ context.Context, key string, cost int64) (Decision, time.Duration, error) {
	return f.reserve(f.now(), key, cost)
}

// ReserveAt is Reserve at the given instant. Instants should come from one clock
// and not run backwards by more than goroutines differ.
func (f *Fair) ReserveAt(now time.Time, key string, cost int64) (Decision, time.Duration, error) {
	return f.reserve(f.instant(now), key, cost)
}

func (f *Fair) reserve(now int64, key string, cost int64) (Decision, time.Duration, error) {
	r := f.rule.Load()
	if r == nil {
		return Decision{}, 0, errZeroFair
	}
	if cost < 0 || cost > r.all.burst {
		return Decision{Limit: r.all.burst}, 0, r.all.check(cost)
	}
	if cost == 0 {
		tat := f.tat.Load()
		return r.all.admitted(max(tat, now), now), 0, nil
	}
	h := f.shares.hash(key)
	pace := f.asking.note(now, h)
	if pace.n == 1 {
		d, wait := f.take(r, now, cost, r.all.tolerance, 0)
		if int64(d.ResetAfter) > r.all.tolerance-r.leftover {
			// It may be about to meet others: then its share is used up already.
			_, _ = f.shares.take(&r.share, h, pace.virtual(now), min(cost, r.share.burst))
		}
		return d, wait, nil
	}
	virtual := pace.virtual(now)
	// ErrFull: no room for the key, which then has no share.
	share, err := f.shares.take(&r.share, h, virtual, min(cost, r.share.burst))
	if err != nil || !share.Allowed {
		d, wait := f.take(r, now, cost, r.leftover, 0)
		d.OverShare = true
		return d, wait, nil
	}
	d, wait := f.take(r, now, cost, r.all.tolerance, r.maxWait)
	if !d.Allowed {
		f.shares.restore(&r.share, h, virtual, min(cost, r.share.burst))
	}
	return d, wait, nil
}

// take takes the cost from the limit of all, as far as the tolerance goes and,
// with the patience to wait for it, beyond.
func (f *Fair) take(r *fairRule, now, cost, tolerance, patience int64) (Decision, time.Duration) {
	for {
		tat := f.tat.Load()
		next := max(tat, now) + cost*r.all.interval
		// A cost above the tolerance is admitted when nothing else was taken.
		if over := next - now - max(tolerance, cost*r.all.interval); over > patience {
			d := r.all.refused(tat, next, now)
			d.RetryAfter = time.Duration(over)
			return d, 0
		}
		if f.tat.CompareAndSwap(tat, next) {
			return r.all.admitted(next, now), max(0, time.Duration(next-now-r.all.tolerance))
		}
	}
}

// Restore satisfies [Restorer]: it gives units back to all. They still count in
// the key's share, so that requests for nothing cost their sender its share and
// nobody else anything.
func (f *Fair) Restore(_ context.Context, _ string, cost int64) error {
	return f.restore(f.now(), cost)
}

// RestoreAt is Restore at the given instant.
func (f *Fair) RestoreAt(now time.Time, cost int64) error { return f.restore(f.instant(now), cost) }

func (f *Fair) restore(now, cost int64) error {
	r := f.rule.Load()
	if r == nil {
		return errZeroFair
	}
	if err := r.all.check(cost); err != nil {
		return err
	}
	for {
		tat := f.tat.Load()
		if f.tat.CompareAndSwap(tat, r.all.restored(tat, now, cost)) {
			return nil
		}
	}
}

// active counts the keys whose share is not wholly available.
func (f *Fair) active(now int64) int { return f.shares.active(f.asking.at(now).virtual(now)) }
