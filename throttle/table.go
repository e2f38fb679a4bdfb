package throttle

import (
	"hash/maphash"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
)

// maxTableKeys bounds the room that a table may be asked for.
const maxTableKeys = 1 << 30

const bucketSlots = 8

// table holds the arrival times of many keys in memory that never grows: 16
// bytes for each of two slots per key. A key is kept as a 64-bit hash under a
// secret seed.
type table struct {
	seed    maphash.Seed
	buckets []bucket
	stripes [64]stripe
}

// bucket is a cache line of hashes and one of arrival times. A slot with the
// hash 0 was never used. A slot whose tat is claimed is passing to another key,
// and is left alone for that moment.
//
// A compare-and-swap of a tat that was read under the right hash can hit another
// key only if that key came to the same tat in the meantime. So after a swap
// the hash is looked at again, and a swap that hit another key is undone.
type bucket struct {
	hash [bucketSlots]atomic.Uint64
	tat  [bucketSlots]atomic.Int64
}

const claimed = -1

// stripe serializes the arrival of new keys with like hashes, so that no key
// gets two slots.
type stripe struct {
	mu sync.Mutex
	// forgotten is the latest tat of a key that lost its slot. A decision on a new
	// key starts from there: it may be that key, asked about by a goroutine that
	// read the clock before the one that took the slot did.
	forgotten atomic.Int64
	_         [48]byte
}

// init makes twice the slots: with two buckets to choose from, at half load, the
// chance that a key finds both full is negligible.
func (t *table) init(maxKeys int) {
	t.seed = maphash.MakeSeed()
	t.buckets = make([]bucket, max(2, (2*maxKeys+bucketSlots-1)/bucketSlots))
}

func (t *table) hash(key string) uint64 { return max(1, maphash.String(t.seed, key)) }

// take decides on a cost, and returns ErrFull if the key is new and has no room.
//
// This is the path of every decision: what a key that is known does not need is in arrive.
func (t *table) take(g *gcra, h uint64, now, cost int64) (Decision, error) {
	for tries := 1; ; tries++ {
		b, i := t.find(h)
		if i < 0 {
			if d, done, err := t.arrive(g, h, now, cost); done {
				return d, err
			}
			continue
		}
		tat := b.tat[i].Load()
		if tat != claimed && b.hash[i].Load() == h {
			next, ok := g.next(tat, now, cost)
			if !ok {
				return g.refused(tat, next, now), nil
			}
			if cost == 0 || b.swap(i, h, tat, next) {
				return g.admitted(next, now), nil
			}
		}
		if tries%16 == 0 {
			runtime.Gosched()
		}
	}
}

// arrive decides on a key that has no slot. It is not done where the key came in the meantime.
func (t *table) arrive(g *gcra, h uint64, now, cost int64) (d Decision, done bool, err error) {
	s := t.stripe(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, i := t.find(h); i >= 0 {
		return Decision{}, false, nil
	}
	tat := s.forgotten.Load()
	next, ok := g.next(tat, now, cost)
	switch {
	case !ok:
		return g.refused(tat, next, now), true, nil
	case cost > 0 && !t.place(h, now, next):
		return Decision{Limit: g.burst}, true, ErrFull
	}
	return g.admitted(next, now), true, nil
}

// restore gives back what a key took. A key without a slot has its whole burst.
func (t *table) restore(g *gcra, h uint64, now, cost int64) {
	for {
		b, i := t.find(h)
		if i < 0 {
			return
		}
		tat := b.tat[i].Load()
		if tat == claimed || b.hash[i].Load() != h {
			runtime.Gosched()
			continue
		}
		if next := g.restored(tat, now, cost); b.swap(i, h, tat, next) {
			return
		}
	}
}

func (t *table) stripe(h uint64) *stripe { return &t.stripes[h%uint64(len(t.stripes))] }

// first returns the bucket in which h is if that has room for it.
func (t *table) first(h uint64) *bucket {
	i, _ := bits.Mul64(h, uint64(len(t.buckets)))
	return &t.buckets[i]
}

// second returns the other bucket in which h can be.
func (t *table) second(h uint64) *bucket {
	n := uint64(len(t.buckets))
	i, _ := bits.Mul64(h, n)
	j, _ := bits.Mul64(bits.RotateLeft64(h, 32)*0x9e3779b97f4a7c15, n)
	if i == j {
		j = (j + 1) % n
	}
	return &t.buckets[j]
}

// find returns the slot of h, or a negative one.
func (t *table) find(h uint64) (b *bucket, slot int) {
	b = t.first(h)
	if slot = b.find(h); slot < 0 {
		b = t.second(h)
		slot = b.find(h)
	}
	return b, slot
}

// swap moves the tat of h from old to next, and reports whether it did. A slot
// that passed to another key, and came to the same tat, gets back what it lost.
func (b *bucket) swap(i int, h uint64, old, next int64) bool {
	if !b.tat[i].CompareAndSwap(old, next) {
		return false
	}
	if b.hash[i].Load() == h {
		return true
	}
	b.tat[i].CompareAndSwap(next, old)
	return false
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
func (t *table) place(h uint64, now, tat int64) bool {
	first, second := t.first(h), t.second(h)
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
			raise(&t.stripe(old).forgotten, was)
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

// active counts the slots in use at now.
func (t *table) active(now int64) (n int) {
	for i := range t.buckets {
		for j := range t.buckets[i].tat {
			if t.buckets[i].tat[j].Load() > now {
				n++
			}
		}
	}
	return n
}
