package observability

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Snapshot is all of a [Metrics] at one moment, by metric name. Series are
// sorted by their labels. Numbers come from the counters that /metrics shows;
// what is recorded while the snapshot is taken may or may not be in it.
type Snapshot struct {
	Counters   map[string][]Sample       `json:"counters"`
	Gauges     map[string][]Sample       `json:"gauges"`
	Histograms map[string][]Distribution `json:"histograms"`
	Events     []Event                   `json:"events"` // oldest first, at most 100
}

// Sample is the value of one series.
type Sample struct {
	Labels map[string]string `json:"labels"`
	Value  float64           `json:"value"`
}

// Distribution describes the observations of one series.
type Distribution struct {
	Labels map[string]string `json:"labels"`
	Stats  Stats             `json:"stats"`
}

// Stats are in the unit of the metric's name: milliseconds for _ms, seconds
// for _seconds. Count and Avg are over all time since the start; Min, Max and
// P95 over the window that ends with the latest observation (five minutes by
// default). P95 is by nearest rank and off by at most 3.2 % or half a
// microsecond, whichever is more; the others are exact to the microsecond.
type Stats struct {
	Count uint64  `json:"count"`
	Avg   float64 `json:"avg"`
	Min   float64 `json:"min"`
	Max   float64 `json:"max"`
	P95   float64 `json:"p95"`
}

// valueSeparator joins the label values of a series to one key; no valid text
// has it.
const valueSeparator = "\xff"

// distribution is how the snapshot shows a vector of histograms.
type distribution struct {
	shown    string // its name
	unit     time.Duration
	children sync.Map // of *latency, by the joined values of the labels
}

// Snapshot returns the numbers of this moment.
func (m *Metrics) Snapshot() Snapshot {
	s := Snapshot{
		Counters:   map[string][]Sample{},
		Gauges:     map[string][]Sample{},
		Histograms: map[string][]Distribution{},
		Events:     m.events(),
	}
	for _, d := range m.declared {
		if d.kind == prometheus.CounterValue {
			s.Counters[d.name] = []Sample{}
		} else {
			s.Gauges[d.name] = []Sample{}
		}
	}
	for _, d := range m.distributions {
		s.Histograms[d.shown] = []Distribution{}
	}
	// Its error names a metric that is wrong, and what is right is returned with it: the
	// scrape of /metrics reports it.
	families, _ := m.registry.Gather()
	for _, family := range families {
		name := family.GetName()
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			values := make([]string, len(metric.GetLabel()))
			for i, l := range metric.GetLabel() {
				labels[l.GetName()], values[i] = l.GetValue(), l.GetValue()
			}
			switch {
			case metric.Counter != nil:
				s.Counters[name] = append(s.Counters[name], Sample{labels, metric.GetCounter().GetValue()})
			case metric.Gauge != nil:
				s.Gauges[name] = append(s.Gauges[name], Sample{labels, metric.GetGauge().GetValue()})
			case metric.Histogram != nil:
				h := metric.GetHistogram()
				m.distributions[name].show(&s, labels, values, h.GetSampleCount(), h.GetSampleSum())
			}
		}
	}
	return s
}

// show adds the series of the given labels to s.
func (d *distribution) show(s *Snapshot, labels map[string]string, values []string, count uint64, sum float64) {
	child, ok := d.children.Load(strings.Join(values, valueSeparator))
	if !ok {
		return // it is being made at this moment
	}
	if stats, ok := child.(*latency).stats(count, sum, d.unit); ok {
		s.Histograms[d.shown] = append(s.Histograms[d.shown], Distribution{labels, stats})
	}
}

// NewRegistry returns a registry with the Go runtime, the process, and the
// given collectors. It fails when two of them use one name.
func NewRegistry(cs ...prometheus.Collector) (*prometheus.Registry, error) {
	reg := prometheus.NewRegistry()
	cs = append([]prometheus.Collector{
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}, cs...)
	for _, c := range cs {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return reg, nil
}

// PrometheusHandler serves what g gathers, as text or, for those who ask for
// it, as OpenMetrics with exemplars. Five scrapes run at a time, more get 503.
// Who may see it is up to the caller.
func PrometheusHandler(g prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(g, promhttp.HandlerOpts{
		EnableOpenMetrics:   true,
		MaxRequestsInFlight: 5,
	})
}
