package observability

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// A window keeps the distribution of the most recent durations in log-scaled
// buckets: each power of two is cut into 16 parts, so a value read back as the
// middle of its bucket is off by at most 1/32 (3.2 %), or half a microsecond
// for durations under 16 µs. The unit is 1024 ns. Durations of more than 2^36
// units (19 h) count as that for percentiles; minimum and maximum are exact.
//
// Time is cut into slots. Whoever records first in a new slot's time puts a
// fresh slot in the place of the one that is windowSlots old; a recorder that
// still holds the old one adds to what is leaving the window anyway. So there
// is no lock and nothing is ever cleared under a reader. Time is measured from
// start by the monotonic clock, so that setting the clock changes nothing.
const (
	windowSlots   = 5
	subBits       = 4
	subBuckets    = 1 << subBits
	unitBits      = 10 // 1024 ns
	maxUnits      = 1<<36 - 1
	windowBuckets = (36-subBits-1)*subBuckets + 2*subBuckets
)

type slot struct {
	epoch    int64 // number of the slot's time since start
	min, max atomic.Int64
	counts   [windowBuckets]atomic.Uint32
}

type window struct {
	start time.Time
	slot  time.Duration // length of a slot
	slots [windowSlots]atomic.Pointer[slot]
}

func (w *window) record(now time.Time, d time.Duration) {
	s := w.at(int64(now.Sub(w.start) / w.slot))
	n := int64(max(d, 0))
	s.counts[bucketOf(n)].Add(1)
	for old := s.min.Load(); n < old; old = s.min.Load() {
		if s.min.CompareAndSwap(old, n) {
			break
		}
	}
	for old := s.max.Load(); n > old; old = s.max.Load() {
		if s.max.CompareAndSwap(old, n) {
			break
		}
	}
}

// at returns the slot of a time. One that is already behind (a recorder was
// held up, or a test turned its clock back) counts as now.
func (w *window) at(epoch int64) *slot {
	epoch = max(epoch, 0)
	place := &w.slots[epoch%windowSlots]
	old := place.Load()
	if old != nil && old.epoch >= epoch {
		return old
	}
	fresh := &slot{epoch: epoch}
	fresh.min.Store(math.MaxInt64)
	fresh.max.Store(-1)
	if place.CompareAndSwap(old, fresh) {
		return fresh
	}
	return place.Load() // another goroutine was first
}

// windowStats describes the durations of a window; n is 0 for none.
type windowStats struct {
	n             uint64
	min, max, p95 time.Duration
}

// stats covers the window that ends with the newest slot, so it covers the last
// activity when nothing has happened since.
func (w *window) stats() windowStats {
	var live []*slot
	newest := int64(math.MinInt64)
	for i := range w.slots {
		if s := w.slots[i].Load(); s != nil {
			live = append(live, s)
			newest = max(newest, s.epoch)
		}
	}
	var counts [windowBuckets]uint64
	out := windowStats{min: math.MaxInt64, max: -1}
	for _, s := range live {
		if s.epoch <= newest-windowSlots {
			continue
		}
		for i := range s.counts {
			n := uint64(s.counts[i].Load())
			counts[i] += n
			out.n += n
		}
		out.min = min(out.min, time.Duration(s.min.Load()))
		out.max = max(out.max, time.Duration(s.max.Load()))
	}
	if out.n == 0 || out.max < 0 {
		return windowStats{}
	}
	rank := out.n - out.n/20 // nearest rank: ceil(0.95 n)
	var seen uint64
	for i, n := range counts {
		if seen += n; seen >= rank {
			out.p95 = min(max(bucketMiddle(i), out.min), out.max)
			break
		}
	}
	return out
}

func bucketOf(nanos int64) int {
	u := min(uint64(nanos)>>unitBits, maxUnits)
	if u < subBuckets {
		return int(u)
	}
	shift := bits.Len64(u) - 1 - subBits
	return shift*subBuckets + int(u>>shift)
}

func bucketMiddle(i int) time.Duration {
	low, width := uint64(i), uint64(1)
	if i >= 2*subBuckets {
		shift := i/subBuckets - 1
		low = uint64(i-shift*subBuckets) << shift
		width = 1 << shift
	}
	return time.Duration(low<<unitBits + width<<unitBits/2)
}
