package observability

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// httpKey names a series of requests.
type httpKey struct {
	endpoint, method string
	status           int
}

// httpFamily tells three metrics from one histogram per series: its number of
// observations is the number of requests, so the two can't disagree.
type httpFamily struct {
	latency  histograms[httpKey]
	requests meaning[httpKey]
	errors   counters[struct{}]
	flying   meaning[struct{}]
	m        *Metrics
}

func newHTTPFamily(m *Metrics, c MetricsConfig) httpFamily {
	labels := []string{"endpoint", "method", "status"}
	values := func(k httpKey) []string { return []string{k.endpoint, k.method, strconv.Itoa(k.status)} }
	overflow := func(k httpKey) httpKey { return httpKey{other, other, k.status} }
	f := httpFamily{
		latency: histograms[httpKey]{
			meaning: newMeaning(
				"http_request_latency_seconds",
				"Time to answer HTTP requests, by route.",
				labels,
				values,
			),
			vec:          newVec(c.MaxSeries, overflow, m.newLatency),
			snapshotName: "http_request_latency_ms",
			unit:         time.Millisecond,
		},
		requests: newMeaning("http_requests_total", "HTTP requests answered, by route.", labels, values),
		errors: counters[struct{}]{
			newMeaning("http_errors_total", "HTTP requests answered with a 5xx status.", nil, noValues),
			newVec(1, sameKey, newCounterSeries),
		},
		flying: newMeaning("http_requests_in_flight", "HTTP requests being served.", nil, noValues),
		m:      m,
	}
	f.errors.get(struct{}{})
	m.families = append(m.families, f)
	return f
}

func (f httpFamily) describe(ch chan<- *prometheus.Desc) {
	f.latency.describe(ch)
	f.requests.describe(ch)
	f.errors.describe(ch)
	f.flying.describe(ch)
}

func (f httpFamily) collect(ch chan<- prometheus.Metric) {
	f.latency.collect(ch)
	for k, h := range f.latency.all() {
		f.requests.sendConst(ch, prometheus.CounterValue, k, float64(h.count()))
	}
	f.errors.collect(ch)
	f.flying.sendConst(ch, prometheus.GaugeValue, struct{}{}, float64(f.m.inFlight.Load()))
}

func (f httpFamily) snapshot(s *Snapshot) {
	f.latency.snapshot(s)
	series := f.latency.all()
	requests := []Sample{}
	for _, k := range keysInOrder(f.requests, series) {
		requests = append(requests, Sample{Labels: f.requests.labelled(k), Value: float64(series[k].count())})
	}
	s.Counters[f.requests.name] = requests
	f.errors.snapshot(s)
	s.Gauges[f.flying.name] = []Sample{{Labels: map[string]string{}, Value: float64(f.m.inFlight.Load())}}
}

// HTTPRequest records one answered request. endpoint is a route's pattern,
// "" for none; [Metrics.Middleware] calls it. ctx gives the request id of the
// exemplar.
func (m *Metrics) HTTPRequest(ctx context.Context, endpoint, method string, status int, d time.Duration) {
	m.httpRequest(m.config.Now(), requestID(ctx), endpoint, method, status, d)
}

func (m *Metrics) httpRequest(now time.Time, id, endpoint, method string, status int, d time.Duration) {
	if endpoint == "" {
		endpoint = other
	}
	if status < 100 || status > 599 {
		status = http.StatusInternalServerError
	}
	k := httpKey{endpoint, knownMethod(method), status}
	m.http.latency.get(k).observe(now, d, id)
	if status >= 500 {
		m.http.errors.get(struct{}{}).inc()
	}
}

// knownMethod keeps what clients can invent out of the labels.
func knownMethod(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE":
		return method
	case "":
		return "GET"
	}
	return other
}

// Middleware counts and times the requests that next answers. routeOf names
// the route of a request by its pattern (see [RouteOf]) and is called after
// next has returned; "" counts as "other". A handler that panics counts as
// 500, and the panic goes on. Put it inside [RequestID], so that exemplars can
// name the request.
func (m *Metrics) Middleware(next http.Handler, routeOf func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := m.config.Now()
		m.inFlight.Add(1)
		rec := newRecorder(w)
		returned := false
		defer func() {
			m.inFlight.Add(-1)
			now := m.config.Now()
			m.httpRequest(now, requestID(r.Context()), routeOf(r), r.Method, rec.final(returned), now.Sub(start))
		}()
		next.ServeHTTP(rec, r)
		returned = true
	})
}

// RouteOf returns a function that names the route of a request in mux: its
// pattern without method and host, "/orders/{id}" for "GET /orders/{id}", and
// "/" for "/{$}"; "" when no pattern matches. It asks the mux and not
// r.Pattern, which is that of whatever mux the request went through last.
func RouteOf(mux *http.ServeMux) func(*http.Request) string {
	return func(r *http.Request) string {
		_, pattern := mux.Handler(r)
		slash := strings.IndexByte(pattern, '/')
		if slash < 0 {
			return ""
		}
		return strings.TrimSuffix(pattern[slash:], "{$}")
	}
}
