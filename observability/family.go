package observability

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// family is one metric with all its series, told in two ways.
type family interface {
	describe(chan<- *prometheus.Desc)
	collect(chan<- prometheus.Metric)
	snapshot(*Snapshot)
}

// meaning is what a family's series are about.
type meaning[K comparable] struct {
	name   string // on /metrics
	labels []string
	values func(K) []string
	desc   *prometheus.Desc
}

func newMeaning[K comparable](name, help string, labels []string, values func(K) []string) meaning[K] {
	return meaning[K]{name: name, labels: labels, values: values,
		desc: prometheus.NewDesc(name, help, labels, nil)}
}

func (m meaning[K]) describe(ch chan<- *prometheus.Desc) { ch <- m.desc }

// labelled returns k as the snapshot shows it.
func (m meaning[K]) labelled(k K) map[string]string {
	out := make(map[string]string, len(m.labels))
	for i, v := range m.values(k) {
		out[m.labels[i]] = v
	}
	return out
}

// sendConst sends a counter or gauge of one series; a failure becomes a
// metric that makes the scrape say so.
func (m meaning[K]) sendConst(ch chan<- prometheus.Metric, t prometheus.ValueType, k K, v float64) {
	metric, err := prometheus.NewConstMetric(m.desc, t, v, m.values(k)...)
	if err != nil {
		metric = prometheus.NewInvalidMetric(m.desc, err)
	}
	ch <- metric
}

// keysInOrder returns the keys of series sorted by their label values, so
// that a snapshot reads the same every time.
func keysInOrder[K comparable, S any](m meaning[K], series map[K]*S) []K {
	keys := make([]K, 0, len(series))
	for k := range series {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b K) int { return slices.Compare(m.values(a), m.values(b)) })
	return keys
}

// counters is a family of counters.
type counters[K comparable] struct {
	meaning[K]
	*vec[K, counter]
}

func (f counters[K]) collect(ch chan<- prometheus.Metric) {
	for k, c := range f.all() {
		f.sendConst(ch, prometheus.CounterValue, k, float64(c.n.Load()))
	}
}

func (f counters[K]) snapshot(s *Snapshot) {
	series := f.all()
	out := []Sample{}
	for _, k := range keysInOrder(f.meaning, series) {
		out = append(out, Sample{Labels: f.labelled(k), Value: float64(series[k].n.Load())})
	}
	s.Counters[f.name] = out
}

// gauges is a family of gauges.
type gauges[K comparable] struct {
	meaning[K]
	*vec[K, gauge]
}

func (f gauges[K]) collect(ch chan<- prometheus.Metric) {
	for k, g := range f.all() {
		f.sendConst(ch, prometheus.GaugeValue, k, g.value())
	}
}

func (f gauges[K]) snapshot(s *Snapshot) {
	series := f.all()
	out := []Sample{}
	for _, k := range keysInOrder(f.meaning, series) {
		out = append(out, Sample{Labels: f.labelled(k), Value: series[k].value()})
	}
	s.Gauges[f.name] = out
}

// histograms is a family of histograms: in seconds on /metrics, in unit and
// under its own name in the snapshot.
type histograms[K comparable] struct {
	meaning[K]
	*vec[K, histogram]
	snapshotName string
	unit         time.Duration
}

func (f histograms[K]) collect(ch chan<- prometheus.Metric) {
	for k, h := range f.all() {
		metric, err := constHistogram(f.desc, h, f.values(k))
		if err != nil {
			metric = prometheus.NewInvalidMetric(f.desc, err)
		}
		ch <- metric
	}
}

func constHistogram(desc *prometheus.Desc, h *histogram, labels []string) (prometheus.Metric, error) {
	counts, total, sum := h.totals()
	below := make(map[float64]uint64, len(h.bounds))
	var running uint64
	for i, bound := range h.bounds {
		running += counts[i]
		below[bound.Seconds()] = running
	}
	metric, err := prometheus.NewConstHistogram(desc, total, sum.Seconds(), below, labels...)
	if err != nil {
		return nil, err
	}
	var exemplars []prometheus.Exemplar
	for i := range h.exemplars {
		if e := h.exemplars[i].Load(); e != nil {
			exemplars = append(exemplars, prometheus.Exemplar{
				Value:     e.value.Seconds(),
				Labels:    prometheus.Labels{"request_id": e.requestID},
				Timestamp: e.at,
			})
		}
	}
	if len(exemplars) == 0 {
		return metric, nil
	}
	return prometheus.NewMetricWithExemplars(metric, exemplars...)
}

func (f histograms[K]) snapshot(s *Snapshot) {
	series := f.all()
	out := []Distribution{}
	for _, k := range keysInOrder(f.meaning, series) {
		if stats, ok := f.stats(series[k]); ok {
			out = append(out, Distribution{Labels: f.labelled(k), Stats: stats})
		}
	}
	s.Histograms[f.snapshotName] = out
}

func (f histograms[K]) stats(h *histogram) (Stats, bool) {
	_, n, sum := h.totals()
	w := h.window.stats()
	if n == 0 || w.n == 0 {
		return Stats{}, false
	}
	return Stats{
		Count: n,
		Avg:   inUnit(sum/time.Duration(n), f.unit),
		Min:   inUnit(w.min, f.unit),
		Max:   inUnit(w.max, f.unit),
		P95:   inUnit(w.p95, f.unit),
	}, true
}

// inUnit returns d in units of unit, rounded to whole microseconds.
func inUnit(d, unit time.Duration) float64 {
	us := d.Round(time.Microsecond) / time.Microsecond
	return float64(us) / float64(unit/time.Microsecond)
}

// Values of the labels of families with no label, and with one.
func noValues(struct{}) []string    { return nil }
func oneValue(v string) []string    { return []string{v} }
func otherWord(string) string       { return other }
func sameKey(k struct{}) struct{}   { return k }
func newCounterSeries() *counter    { return &counter{} }
func newGaugeSeries() *gauge        { return &gauge{} }
func upperWord(list []string) words { return newWords(list, strings.ToUpper) }
func lowerWord(list []string) words { return newWords(list, strings.ToLower) }

// other stands for every label value beyond the known or the cap.
const other = "other"

// words maps each spelling of a label value to the one that is shown.
type words struct {
	shown map[string]string
	list  []string // as shown
}

func newWords(list []string, show func(string) string) words {
	w := words{shown: make(map[string]string, 3*len(list))}
	for _, word := range list {
		s := show(word)
		w.list = append(w.list, s)
		for _, spelling := range []string{word, strings.ToUpper(word), strings.ToLower(word)} {
			w.shown[spelling] = s
		}
	}
	return w
}

func (w words) of(s string) string {
	if shown, ok := w.shown[s]; ok {
		return shown
	}
	return other
}
