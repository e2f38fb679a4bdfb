package observability

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// plainHistogram is the least a histogram can do: the bench mark of what
// client_golang's costs.
type plainHistogram struct {
	counts [len(latencyBounds) + 1]atomic.Uint64
	sum    atomic.Int64
}

func (h *plainHistogram) observe(d time.Duration) {
	i := 0
	for i < len(latencyBounds) && d > latencyBounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

// BenchmarkRecording sets vectors of client_golang, their children looked up by
// the vector or kept in a series, beside counters and histograms that are
// nothing but atomic numbers, and the rolling window beside a summary of
// client_golang, which knows percentiles as well.
func BenchmarkRecording(b *testing.B) {
	labels := []string{"mode"}
	counterVec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "c_total"}, labels)
	histogramVec := prometheus.NewHistogramVec(
		prometheus.HistogramOpts{Name: "h_seconds", Buckets: inSeconds(latencyBounds[:])}, labels)
	summary := prometheus.NewSummary(prometheus.SummaryOpts{
		Name: "s_seconds", Objectives: map[float64]float64{0.95: 0.01}, MaxAge: 5 * time.Minute})

	plainCounters := newSeries(8, otherWord, func(string) *atomic.Uint64 { return &atomic.Uint64{} })
	plainHistograms := newSeries(8, otherWord, func(string) *plainHistogram { return &plainHistogram{} })
	counters := newSeries(8, otherWord, func(v string) prometheus.Counter { return counterVec.WithLabelValues(v) })
	histograms := newSeries(8, otherWord, func(v string) prometheus.Observer { return histogramVec.WithLabelValues(v) })
	rolling := &window{start: testTime, slot: time.Minute}

	const d = 3 * time.Millisecond
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"counter/plain", func() { plainCounters.get("completed").Add(1) }},
		{"counter/WithLabelValues", func() { counterVec.WithLabelValues("completed").Inc() }},
		{"counter/series", func() { counters.get("completed").Inc() }},
		{"histogram/plain", func() { plainHistograms.get("completed").observe(d) }},
		{"histogram/WithLabelValues", func() { histogramVec.WithLabelValues("completed").Observe(d.Seconds()) }},
		{"histogram/series", func() { histograms.get("completed").Observe(d.Seconds()) }},
		{"percentile/window", func() { rolling.record(testTime, d) }},
		{"percentile/summary", func() { summary.Observe(d.Seconds()) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					c.run()
				}
			})
		})
	}
}
