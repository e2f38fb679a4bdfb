package throttle

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Keyed is a limiter for many keys, each with the same limit, in the memory of
// this process. Make one with [NewKeyed]. It may be used by many goroutines at
// once. A decision on a key that is known takes no lock, and none allocates.
//
// Memory is taken once, when it is made: 32 bytes for each key of MaxKeys. A key
// is kept as a 64-bit hash under a secret seed, and not as text; that two keys
// share a hash, and so a limit, has a chance of 1 in 37 million among a million
// keys, and nobody outside can bring it about.
//
// A key whose whole burst is at hand again is forgotten when its place is
// needed; that loses nothing, since it is as if it had never come. No goroutine
// cleans up. When all places are taken by keys that are in use, a new key gets
// [ErrFull].
type Keyed struct {
	limit   Limit
	gcra    gcra
	base    time.Time
	seed    maphash.Seed
	maxKeys int
	buckets []bucket
	stripes [64]stripe
}

var _ Limiter = (*Keyed)(nil)

const bucketSlots = 8

// bucket is a cache line of hashes and one of arrival times. A slot with the
// hash 0 was never used. A slot whose tat is claimed is passing to another key,
// and is left alone for that moment. Apart from that moment the tat of a slot
// only grows, whatever keys it passes to, so that a compare-and-swap of one that
// was read under the right hash cannot hit another key.
type bucket struct {
	hash [bucketSlots]atomic.Uint64
	tat  [bucketSlots]atomic.Int64
}

const claimed = -1

// stripe serialises the arrival of new keys with like hashes, so that no key
// gets two slots.
type stripe struct {
	mu sync.Mutex
	// forgotten is the latest tat of a key that lost its slot. A decision on a new
	// key starts from there: it may be that key, asked about by a goroutine whose
	// reading of the clock is older than that of the one that took the slot.
	forgotten atomic.Int64
	_         [48]byte
}

// NewKeyed returns a limiter with room for maxKeys keys in use at a time (1 to
// 2^30), or the error of [Limit.Validate].
func NewKeyed(limit Limit, maxKeys int) (*Keyed, error) {
	if err := limit.Validate(); err != nil {
		return nil, err
	}
	if maxKeys < 1 || maxKeys > 1<<30 {
		return nil, fmt.Errorf("throttle: room for %d keys, allowed is 1 to %d", maxKeys, 1<<30)
	}
	// Twice the slots: with two buckets to choose from, at half load, the chance
	// that a key finds both full is beyond counting.
	return &Keyed{
		limit:   limit,
		gcra:    limit.gcra(),
		base:    time.Now(),
		seed:    maphash.MakeSeed(),
		maxKeys: maxKeys,
		buckets: make([]bucket, max(2, (2*maxKeys+bucketSlots-1)/bucketSlots)),
	}, nil
}

// Limit returns the limit of each key.
func (k *Keyed) Limit() Limit { return k.limit }

// MaxKeys returns how many keys in use there is room for.
func (k *Keyed) MaxKeys() int { return k.maxKeys }

func (k *Keyed) instant(t time.Time) int64 { return max(0, int64(t.Sub(k.base))) }

// Take satisfies [Limiter]. Its errors are *[CostError] and [ErrFull]. It does
// not wait, and does not look at ctx.
func (k *Keyed) Take(_ context.Context, key string, cost int64) (Decision, error) {
	return k.take(key, int64(time.Since(k.base)), cost)
}

// TakeAt is Take at the given instant. Instants should come from one clock and
// not run backwards by more than goroutines differ.
func (k *Keyed) TakeAt(now time.Time, key string, cost int64) (Decision, error) {
	return k.take(key, k.instant(now), cost)
}

func (k *Keyed) take(key string, now, cost int64) (Decision, error) {
	if err := k.gcra.check(cost); err != nil {
		return Decision{Limit: k.gcra.burst}, err
	}
	h := max(1, maphash.String(k.seed, key))
	first, second := k.pair(h)
	if d, found := k.known(h, first, second, now, cost); found {
		return d, nil
	}
	s := k.stripe(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, found := k.known(h, first, second, now, cost); found {
		return d, nil // it came in the meantime
	}
	tat := s.forgotten.Load()
	next, ok := k.gcra.next(tat, now, cost)
	switch {
	case !ok:
		return k.gcra.refused(tat, next, now), nil
	case cost > 0 && !k.place(h, first, second, now, next):
		return Decision{Limit: k.gcra.burst}, ErrFull
	}
	return k.gcra.admitted(next, now), nil
}

func (k *Keyed) stripe(h uint64) *stripe { return &k.stripes[h%uint64(len(k.stripes))] }

// pair returns the two buckets in which h can be.
func (k *Keyed) pair(h uint64) (first, second *bucket) {
	n := uint64(len(k.buckets))
	i, _ := bits.Mul64(h, n)
	j, _ := bits.Mul64(bits.RotateLeft64(h, 32)*0x9e3779b97f4a7c15, n)
	if i == j {
		j = (j + 1) % n
	}
	return &k.buckets[i], &k.buckets[j]
}

// known decides on a key that has a slot, or reports that it has none.
func (k *Keyed) known(h uint64, first, second *bucket, now, cost int64) (Decision, bool) {
	for tries := 1; ; tries++ {
		b, i := first, first.find(h)
		if i < 0 {
			b, i = second, second.find(h)
		}
		if i < 0 {
			return Decision{}, false
		}
		tat := b.tat[i].Load()
		if tat != claimed && b.hash[i].Load() == h {
			next, ok := k.gcra.next(tat, now, cost)
			if !ok {
				return k.gcra.refused(tat, next, now), true
			}
			if cost == 0 || b.tat[i].CompareAndSwap(tat, next) {
				return k.gcra.admitted(next, now), true
			}
		}
		if tries%16 == 0 {
			runtime.Gosched()
		}
	}
}

func (b *bucket) find(h uint64) int {
	for i := range b.hash {
		if b.hash[i].Load() == h {
			return i
		}
	}
	return -1
}

// oldest returns the slot that has been idle longest at now (-1: none is), its
// tat, and how many slots are idle. Slots never used come first.
func (b *bucket) oldest(now int64) (slot int, oldest int64, idle int) {
	slot = -1
	for i := range b.tat {
		tat := b.tat[i].Load()
		if tat == claimed || tat > now {
			continue
		}
		idle++
		if slot < 0 || tat < oldest {
			slot, oldest = i, tat
		}
	}
	return slot, oldest, idle
}

// place gives h, whose stripe is locked, the slot that has been idle longest, in
// the emptier of its buckets where they are alike. It reports whether there was
// one.
func (k *Keyed) place(h uint64, first, second *bucket, now, tat int64) bool {
	for {
		b := first
		i, was, idle := first.oldest(now)
		if j, other, more := second.oldest(now); j >= 0 && (i < 0 || other < was || other == was && more > idle) {
			b, i, was = second, j, other
		}
		if i < 0 {
			return false
		}
		if !b.tat[i].CompareAndSwap(was, claimed) {
			continue
		}
		// Whoever looks for the old key now finds it claimed until its hash is
		// gone, and by then its arrival time is noted.
		if old := b.hash[i].Load(); old != 0 {
			raise(&k.stripe(old).forgotten, was)
		}
		b.hash[i].Store(h)
		b.tat[i].Store(tat)
		return true
	}
}

func raise(v *atomic.Int64, to int64) {
	for {
		have := v.Load()
		if have >= to || v.CompareAndSwap(have, to) {
			return
		}
	}
}

// Active counts the keys in use: those whose burst is not wholly at hand. It
// reads all slots, which takes about a millisecond for a million keys.
func (k *Keyed) Active() int { return k.active(int64(time.Since(k.base))) }

// ActiveAt is Active at the given instant.
func (k *Keyed) ActiveAt(now time.Time) int { return k.active(k.instant(now)) }

func (k *Keyed) active(now int64) (n int) {
	for i := range k.buckets {
		for j := range k.buckets[i].tat {
			if k.buckets[i].tat[j].Load() > now {
				n++
			}
		}
	}
	return n
}
