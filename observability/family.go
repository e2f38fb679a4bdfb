package observability

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// counters, gauges and latencies are vectors of client_golang whose children
// are bounded and found without a lock.
type (
	counters[K comparable]  struct{ *series[K, prometheus.Counter] }
	gauges[K comparable]    struct{ *series[K, prometheus.Gauge] }
	latencies[K comparable] struct{ *series[K, *latency] }
)

// declare registers a vector of m under its name, so that the snapshot shows
// the name also while there is no series.
func (m *Metrics) declare(kind prometheus.ValueType, name string, c prometheus.Collector) error {
	m.declared = append(m.declared, declared{kind, name})
	return m.registry.Register(c)
}

// declared is a metric that the snapshot always has.
type declared struct {
	kind prometheus.ValueType
	name string
}

// builder makes the vectors of a Metrics and remembers the first error.
type builder struct {
	m   *Metrics
	err error
}

func (b *builder) declare(kind prometheus.ValueType, name string, c prometheus.Collector) {
	if err := b.m.declare(kind, name, c); err != nil && b.err == nil {
		b.err = err
	}
}

// counter makes a counter without labels.
func (b *builder) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	b.declare(prometheus.CounterValue, name, c)
	return c
}

// counters makes counters for a closed list of words. They all exist from the
// start, so that a rate over the first event is right.
func (b *builder) counters(name, help, label string, w words) counters[string] {
	c := b.names(name, help, label, len(w.list))
	for _, word := range w.list {
		c.get(word)
	}
	return c
}

// names makes counters whose label values are chosen by the application.
func (b *builder) names(name, help, label string, limit int) counters[string] {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	b.declare(prometheus.CounterValue, name, vec)
	return counters[string]{newSeries(limit, otherWord, func(v string) prometheus.Counter {
		return vec.WithLabelValues(v)
	})}
}

// gauges makes gauges whose label values are chosen by the application.
func (b *builder) gauges(name, help, label string) gauges[string] {
	vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{label})
	b.declare(prometheus.GaugeValue, name, vec)
	return gauges[string]{newSeries(maxNames, otherWord, func(v string) prometheus.Gauge {
		return vec.WithLabelValues(v)
	})}
}

// histogram makes a vector of histograms of durations, in seconds on /metrics,
// and returns what makes its children. In the snapshot they are shown under
// shown, in unit. Label names are given in alphabetical order.
func (b *builder) histogram(
	name, help string, bounds []time.Duration, shown string, unit time.Duration, labels ...string,
) func(values ...string) *latency {
	vec := prometheus.NewHistogramVec(
		prometheus.HistogramOpts{Name: name, Help: help, Buckets: inSeconds(bounds)}, labels)
	if err := b.m.registry.Register(vec); err != nil && b.err == nil {
		b.err = err
	}
	d := &distribution{shown: shown, unit: unit}
	b.m.distributions[name] = d
	return func(values ...string) *latency {
		h := vec.WithLabelValues(values...).(prometheus.Histogram)
		l := newLatency(h, bounds, b.m.start, b.m.config.Window)
		d.children.Store(strings.Join(values, valueSeparator), l)
		return l
	}
}

// latencies makes latencies by one label: name_seconds on /metrics, name_ms in
// the snapshot.
func (b *builder) latencies(name, help, label string, limit int) latencies[string] {
	child := b.histogram(name+"_seconds", help+".", latencyBounds[:], name+"_ms", time.Millisecond, label)
	return latencies[string]{newSeries(limit, otherWord, func(v string) *latency { return child(v) })}
}
