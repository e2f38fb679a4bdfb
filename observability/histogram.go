package observability

import (
	"sync/atomic"
	"time"
)

// exemplarEvery is how long an exemplar stands before the next observation in
// its bucket replaces it. It bounds what recording allocates: at most one
// exemplar per bucket in this time.
const exemplarEvery = 10 * time.Second

// exemplar ties one observation to the request it came from.
type exemplar struct {
	requestID string
	value     time.Duration
	at        time.Time
}

// histogram counts durations twice: in the buckets that Prometheus adds up
// over time and replicas, and in the rolling window of the snapshot.
type histogram struct {
	bounds    []time.Duration // upper bounds, rising, inclusive
	counts    []atomic.Uint64 // one for each bound, and one for above
	sum       atomic.Int64    // ns; enough for 292 years
	exemplars []atomic.Pointer[exemplar]
	window    window
}

func newHistogram(bounds []time.Duration, start time.Time, span time.Duration) *histogram {
	return &histogram{
		bounds:    bounds,
		counts:    make([]atomic.Uint64, len(bounds)+1),
		exemplars: make([]atomic.Pointer[exemplar], len(bounds)+1),
		window:    window{start: start, slot: span / windowSlots},
	}
}

// observe records d at now; requestID is for the exemplar. One that is not
// well-formed makes none: Prometheus would refuse the whole scrape.
// A negative d (a clock that was set back) counts as 0.
func (h *histogram) observe(now time.Time, d time.Duration, requestID string) {
	d = max(d, 0)
	i := 0
	for i < len(h.bounds) && d > h.bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
	h.window.record(now, d)
	if requestID == "" {
		return
	}
	if e := h.exemplars[i].Load(); (e == nil || now.Sub(e.at) >= exemplarEvery) && wellFormedID(requestID) {
		h.exemplars[i].Store(&exemplar{requestID: requestID, value: d, at: now})
	}
}

// totals returns the number of observations, by bucket and altogether, and
// their sum. The number is added up from the buckets, so that the two agree
// while others record.
func (h *histogram) totals() (buckets []uint64, count uint64, sum time.Duration) {
	sum = time.Duration(h.sum.Load())
	buckets = make([]uint64, len(h.counts))
	for i := range h.counts {
		buckets[i] = h.counts[i].Load()
		count += buckets[i]
	}
	return buckets, count, sum
}

// count is the number of observations.
func (h *histogram) count() uint64 {
	var n uint64
	for i := range h.counts {
		n += h.counts[i].Load()
	}
	return n
}
