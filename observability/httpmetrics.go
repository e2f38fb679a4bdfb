package observability

import (
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

// httpSeries are the two facts of one series of requests.
type httpSeries struct {
	requests prometheus.Counter
	latency  *latency
}

func (b *builder) addHTTP() {
	labels := []string{"endpoint", "method", "status"}
	child := b.histogram(
		"http_request_latency_seconds",
		"Time to answer HTTP requests, by route.",
		latencyBounds[:],
		"http_request_latency_ms",
		time.Millisecond,
		labels...,
	)
	requests := prometheus.NewCounterVec(
		prometheus.CounterOpts{Name: "http_requests_total", Help: "HTTP requests answered, by route."}, labels)
	b.declare(prometheus.CounterValue, "http_requests_total", requests)
	b.m.http = newSeries(
		b.m.config.MaxSeries,
		func(k httpKey) httpKey { return httpKey{other, other, k.status} },
		func(k httpKey) httpSeries {
			values := []string{k.endpoint, k.method, strconv.Itoa(k.status)}
			return httpSeries{requests.WithLabelValues(values...), child(values...)}
		},
	)
	b.m.httpErrors = b.counter("http_errors_total", "HTTP requests answered with a 5xx status.")
	b.m.inFlight = prometheus.NewGauge(
		prometheus.GaugeOpts{Name: "http_requests_in_flight", Help: "HTTP requests being served."})
	b.declare(prometheus.GaugeValue, "http_requests_in_flight", b.m.inFlight)
}

// httpRequest records one answered request. endpoint is a route's pattern, "" for
// none; id is the id of the request, for the exemplar.
func (m *Metrics) httpRequest(now time.Time, id, endpoint, method string, status int, d time.Duration) {
	if endpoint == "" {
		endpoint = other
	}
	if status < 100 || status > 599 {
		status = http.StatusInternalServerError
	}
	k := httpKey{endpoint, knownMethod(method), status}
	s := m.http.get(k)
	s.requests.Inc()
	s.latency.observe(now, d, id)
	if status >= 500 {
		m.httpErrors.Inc()
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
// 500, and the panic continues. Put it inside [RequestID], so that exemplars can
// name the request.
func (m *Metrics) Middleware(next http.Handler, routeOf func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := m.config.Now()
		m.inFlight.Inc()
		rec := newRecorder(w)
		returned := false
		defer func() {
			m.inFlight.Dec()
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
// r.Pattern, which the last mux on the way set.
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
