package throttle

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Keyed is a limiter for many keys, each with a limit of its own, in the memory
// of this process. Make one with [NewKeyed]. The zero value refuses everything
// with [ErrZeroValue]. Where many share one limit and none may take it all, use
// [Fair].
//
// A Keyed may be used by many goroutines at once. A decision on a key that is
// known takes no lock, and none allocates.
//
// Memory is taken once, when it is made: 32 bytes for each of maxKeys. A key is kept
// as a 64-bit hash under a secret seed, and not as text; two keys share a hash, and so
// a limit, with a chance of 1 in 37 million among a million keys, and nobody outside
// can provoke it.
//
// A key whose whole burst is available again is forgotten when its place is needed;
// that loses nothing, since it is as if it had never come. No goroutine cleans up.
// When all places are taken by keys that are in use, a new key gets [ErrFull].
type Keyed struct {
	rule    atomic.Pointer[rule] // nil: zero value
	special atomic.Pointer[map[string]*rule]
	base    time.Time
	table   table

	change sync.Mutex // of special
}

var _ Restorer = (*Keyed)(nil)

// NewKeyed returns a limiter with room for at least maxKeys keys in use at a time (1 to
// 2^30), or an error that says what is allowed. In front of HTTP handlers it is the
// Limiter of a [Guard], which is the Guard of throttlehttp.Config.
func NewKeyed(limit Limit, maxKeys int) (*Keyed, error) {
	r, err := newRule(limit)
	if err != nil {
		return nil, err
	}
	if maxKeys < 1 || maxKeys > maxTableKeys {
		return nil, fmt.Errorf("throttle: maxKeys is %d, allowed is 1 to %d", maxKeys, maxTableKeys)
	}
	k := &Keyed{base: time.Now()}
	k.table.init(maxKeys)
	k.rule.Store(r)
	return k, nil
}

// Limit returns the limit of each key that has none of its own.
func (k *Keyed) Limit() Limit {
	if r := k.rule.Load(); r != nil {
		return r.limit
	}
	return Limit{}
}

// SetLimit changes the limit of each key that has none of its own, for decisions
// from now on, and returns the error of [Limit.Validate] if it is not valid.
// What was taken remains taken, measured in the time that it took under the old
// limit.
func (k *Keyed) SetLimit(limit Limit) error {
	if k.rule.Load() == nil {
		return errZeroKeyed
	}
	r, err := newRule(limit)
	if err != nil {
		return err
	}
	k.rule.Store(r)
	return nil
}

// SetKeyLimit gives one key a limit of its own, for decisions from now on, or
// takes it away again with the zero Limit. It returns the error of
// [Limit.Validate] if another limit is not valid. It copies all limits of single
// keys, and is meant for some hundreds of them.
func (k *Keyed) SetKeyLimit(key string, limit Limit) error {
	if k.rule.Load() == nil {
		return errZeroKeyed
	}
	k.change.Lock()
	defer k.change.Unlock()
	rules := map[string]*rule{}
	if now := k.special.Load(); now != nil {
		rules = maps.Clone(*now)
	}
	delete(rules, key)
	if limit != (Limit{}) {
		r, err := newRule(limit)
		if err != nil {
			return err
		}
		rules[key] = r
	}
	if len(rules) == 0 {
		k.special.Store(nil)
		return nil
	}
	k.special.Store(&rules)
	return nil
}

// ruleOf returns the rule of a key, nil for a zero value.
func (k *Keyed) ruleOf(key string) *rule {
	if special := k.special.Load(); special != nil {
		if r := (*special)[key]; r != nil {
			return r
		}
	}
	return k.rule.Load()
}

func (k *Keyed) now() int64                { return int64(time.Since(k.base)) }
func (k *Keyed) instant(t time.Time) int64 { return max(0, int64(t.Sub(k.base))) }

// Take satisfies [Limiter]. Its errors are *[CostError] and [ErrFull]. It does
// not wait, and does not look at ctx.
func (k *Keyed) Take(_ context.Context, key string, cost int64) (Decision, error) {
	return k.take(key, k.now(), cost)
}

// TakeAt is Take at the given instant. Instants should come from one clock and
// not run backwards by more than goroutines differ.
func (k *Keyed) TakeAt(now time.Time, key string, cost int64) (Decision, error) {
	return k.take(key, k.instant(now), cost)
}

func (k *Keyed) take(key string, now, cost int64) (Decision, error) {
	r := k.ruleOf(key)
	if r == nil {
		return Decision{}, errZeroKeyed
	}
	if cost < 0 || cost > r.burst {
		return Decision{Limit: r.burst}, r.check(cost)
	}
	return k.table.take(&r.gcra, k.table.hash(key), now, cost)
}

// Restore satisfies [Restorer].
func (k *Keyed) Restore(_ context.Context, key string, cost int64) error {
	return k.restore(key, k.now(), cost)
}

// RestoreAt is Restore at the given instant.
func (k *Keyed) RestoreAt(now time.Time, key string, cost int64) error {
	return k.restore(key, k.instant(now), cost)
}

func (k *Keyed) restore(key string, now, cost int64) error {
	r := k.ruleOf(key)
	if r == nil {
		return errZeroKeyed
	}
	if err := r.check(cost); err != nil {
		return err
	}
	k.table.restore(&r.gcra, k.table.hash(key), now, cost)
	return nil
}

// Active counts the keys in use: those whose burst is not wholly available. It reads
// all slots, which takes about a millisecond for a million keys.
func (k *Keyed) Active() int { return k.active(k.now()) }

func (k *Keyed) active(now int64) int { return k.table.active(now) }
