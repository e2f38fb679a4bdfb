package web

import (
	"crypto/subtle"
	"net"
	"net/http"
	"strings"

	"github.com/returnkit/returnkit/refserver/internal/problem"
)

var notFound = problem.Problem{
	Status: http.StatusNotFound, Code: "NOT_FOUND", Message: "There is no such page. The links at the top lead to all there are.",
}

func (s *server) operationRoutes() {
	s.staff("GET /admin/metrics", s.snapshot)
}

// snapshot answers the metrics as JSON.
func (s *server) snapshot(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, s.Metrics.Snapshot())
}

// metricsDoor lets through who shows the token, or, where none is set, who
// asks from this machine.
func (s *server) metricsDoor(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.MetricsToken != "" {
			token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if !ok || subtle.ConstantTimeCompare([]byte(token), []byte(s.MetricsToken)) != 1 {
				w.Header().Set("WWW-Authenticate", `Bearer realm="metrics"`)
				http.Error(w, "Show the METRICS_TOKEN as a bearer token.", http.StatusUnauthorized)
				return
			}
		} else if ip := net.ParseIP(s.ClientAddress(r)); ip == nil || !ip.IsLoopback() {
			http.Error(w, "Metrics are open to this machine only; set METRICS_TOKEN to ask from elsewhere.", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
