package observability

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// exemplarEvery is how long an exemplar stands before the next observation in
// its bucket replaces it. It bounds what recording allocates: at most one
// exemplar per bucket in this time.
const exemplarEvery = 10 * time.Second

// latency is one series of durations: the histogram that Prometheus adds up over
// time and replicas, and the rolling window of the snapshot.
type latency struct {
	prometheus.Histogram
	bounds []time.Duration
	fresh  []atomic.Int64 // until when the exemplar of a bucket stands, in ns since start
	window window
}

// newLatency returns a series that counts into h, whose buckets are bounds.
func newLatency(h prometheus.Histogram, bounds []time.Duration, start time.Time, span time.Duration) *latency {
	return &latency{
		Histogram: h,
		bounds:    bounds,
		fresh:     make([]atomic.Int64, len(bounds)+1),
		window:    window{start: start, slot: span / windowSlots},
	}
}

// observe records d at now; requestID is for the exemplar. One that is not
// well-formed makes none: client_golang would panic.
// A negative d (a clock that was set back) counts as 0.
func (l *latency) observe(now time.Time, d time.Duration, requestID string) {
	d = max(d, 0)
	l.window.record(now, d)
	if requestID == "" || !l.exemplarDue(now, d) || !wellFormedID(requestID) {
		l.Observe(d.Seconds())
		return
	}
	l.Histogram.(prometheus.ExemplarObserver).ObserveWithExemplar(
		d.Seconds(), prometheus.Labels{"request_id": requestID},
	)
}

// exemplarDue reports whether the bucket of d may take a new exemplar, and if
// so claims it for the caller.
func (l *latency) exemplarDue(now time.Time, d time.Duration) bool {
	i := 0
	for i < len(l.bounds) && d > l.bounds[i] {
		i++
	}
	at := int64(now.Sub(l.window.start))
	until := l.fresh[i].Load()
	return (until == 0 || at >= until) && l.fresh[i].CompareAndSwap(until, at+int64(exemplarEvery))
}

// stats returns what the snapshot shows of count durations of sum seconds
// altogether; false when there is none yet.
func (l *latency) stats(count uint64, sum float64, unit time.Duration) (Stats, bool) {
	w := l.window.stats()
	if count == 0 || w.n == 0 {
		return Stats{}, false
	}
	return Stats{
		Count: count,
		Avg:   math.Round(sum/float64(count)*1e6) / float64(unit/time.Microsecond),
		Min:   inUnit(w.min, unit),
		Max:   inUnit(w.max, unit),
		P95:   inUnit(w.p95, unit),
	}, true
}

// inUnit returns d in units of unit, rounded to whole microseconds.
func inUnit(d, unit time.Duration) float64 {
	us := d.Round(time.Microsecond) / time.Microsecond
	return float64(us) / float64(unit/time.Microsecond)
}

// inSeconds returns bounds as client_golang takes them.
func inSeconds(bounds []time.Duration) []float64 {
	out := make([]float64, len(bounds))
	for i, b := range bounds {
		out[i] = b.Seconds()
	}
	return out
}
