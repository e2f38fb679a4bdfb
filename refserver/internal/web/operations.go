package web

import (
	"crypto/subtle"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/problem"
)

var notFound = problem.Problem{
	Status: http.StatusNotFound, Code: "NOT_FOUND", Message: "This page does not exist. Use the links above.",
}

func (s *server) operationRoutes() {
	s.staff("GET /admin/metrics", s.snapshot)
}

// snapshot answers the metrics as JSON.
func (s *server) snapshot(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, s.Metrics.Snapshot())
}

// metricsDoor lets through who shows the token, or, where none is set, who
// asks from this machine. A request that a proxy passed on is not from this
// machine, also where the proxy runs on it.
func (s *server) metricsDoor(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.MetricsToken != "" {
			token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if !ok || subtle.ConstantTimeCompare([]byte(token), []byte(s.MetricsToken)) != 1 {
				w.Header().Set("WWW-Authenticate", `Bearer realm="metrics"`)
				http.Error(w, "Send METRICS_TOKEN as a bearer token.", http.StatusUnauthorized)
				return
			}
		} else if ip := net.ParseIP(s.ClientAddress(r)); forwarded(r.Header) || ip == nil || !ip.IsLoopback() {
			const text = "Metrics are available from this machine only. Set METRICS_TOKEN to read them from elsewhere."
			http.Error(w, text, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// forwarded reports whether a proxy passed the request on, or somebody says so.
func forwarded(h http.Header) bool {
	for name := range h {
		switch {
		case strings.HasPrefix(name, "X-Forwarded"), strings.HasPrefix(name, "Cf-"):
			return true
		case slices.Contains(proxyHeaders, name):
			return true
		}
	}
	return false
}

// proxyHeaders are what proxies add, in canonical form, beside X-Forwarded-*.
var proxyHeaders = []string{
	"Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Original-Forwarded-For",
	"X-Original-Host", "True-Client-Ip", "Fastly-Client-Ip", "X-Envoy-External-Address",
}
