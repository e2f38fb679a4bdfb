package observability

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestMiddlewareCountsByPattern(t *testing.T) {
	now := testTime
	m := testMetrics(t, MetricsConfig{Now: func() time.Time { return now }})
	mux := http.NewServeMux()
	answer := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			now = now.Add(10 * time.Millisecond)
			if status != 0 {
				w.WriteHeader(status)
			}
		}
	}
	mux.Handle("GET /{$}", answer(0))
	mux.Handle("GET /orders/{id}", answer(200))
	mux.Handle("POST /checkout", answer(429))
	mux.Handle("example.org/hosted/", answer(200))
	mux.Handle("GET /broken", answer(500))
	mux.HandleFunc("GET /panic", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half an ans")
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("GET /hints", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusAccepted)
		w.WriteHeader(http.StatusOK) // too late
	})
	// A middleware inside that copies the request hides the mux's pattern.
	copying := RequestID(mux)
	for name, h := range map[string]http.Handler{"direct": mux, "copied": copying} {
		h = m.Middleware(h, RouteOf(mux))
		for _, req := range []string{"GET /", "GET /orders/1", "GET /orders/2", "POST /checkout",
			"GET http://example.org/hosted/a/b",
			"GET /broken", "GET /panic", "GET /hints", "GET /wp-admin.php", "PUT /checkout", "BREW /orders/1"} {
			method, target, _ := strings.Cut(req, " ")
			func() {
				defer func() {
					if v := recover(); (v != nil) != (target == "/panic") {
						t.Errorf("%s: %s: panic %v", name, req, v)
					}
				}()
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, target, nil))
			}()
		}
	}
	got := map[string]float64{}
	s := m.Snapshot()
	for _, sample := range s.Counters["http_requests_total"] {
		l := sample.Labels
		got[l["method"]+" "+l["endpoint"]+" "+l["status"]] = sample.Value
	}
	want := map[string]float64{
		"GET / 200": 2, "GET /orders/{id} 200": 4, "POST /checkout 429": 2, "GET /hosted/ 200": 2, "GET /broken 500": 2,
		"GET /panic 500": 2, "GET /hints 202": 2, "GET other 404": 2, "PUT other 405": 2, "other other 405": 2,
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %v requests, want %v", k, got[k], v)
		}
		delete(got, k)
	}
	if len(got) > 0 {
		t.Errorf("unexpected: %v", got)
	}
	if v := s.Counters["http_errors_total"][0].Value; v != 4 {
		t.Errorf("http_errors_total = %v, want 4", v)
	}
	if v := s.Gauges["http_requests_in_flight"][0].Value; v != 0 {
		t.Errorf("in flight = %v, want 0", v)
	}
	for _, d := range s.Histograms["http_request_latency_ms"] {
		if d.Labels["endpoint"] == "/orders/{id}" && (d.Stats.Avg != 10 || d.Stats.Count != 4) {
			t.Errorf("latency of /orders/{id} = %+v", d.Stats)
		}
	}
}

func TestRecorderPassesOnWhatTheConnectionCanDo(t *testing.T) {
	m := testMetrics(t, MetricsConfig{})
	server := httptest.NewServer(m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Errorf("SetWriteDeadline: %v", err)
		}
		_, _ = io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done() // the client has read the event
	}), func(*http.Request) string { return "/events" }))
	defer server.Close()
	resp, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 9)
	if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != "data: 1\n\n" {
		t.Errorf("read %q, %v before the handler returned", buf, err)
	}
	_ = resp.Body.Close()

	w := httptest.NewRecorder()
	rec := newRecorder(w)
	if n, err := io.Copy(rec, strings.NewReader("hello")); n != 5 || err != nil || rec.bytes != 5 || rec.status != 200 {
		t.Errorf("copied %d, %v; recorded %d bytes, status %d", n, err, rec.bytes, rec.status)
	}
	if newRecorder(rec) != rec {
		t.Error("a recorder was wrapped again")
	}
}

// TestARouteIsThatOfTheMuxAsked: a request that went through an outer mux, with
// its own pattern, and on as a copy, is still counted by the inner one's.
func TestARouteIsThatOfTheMuxAsked(t *testing.T) {
	inner, outer := http.NewServeMux(), http.NewServeMux()
	inner.HandleFunc("GET /orders/{id}", func(http.ResponseWriter, *http.Request) {})
	outer.Handle(
		"/",
		http.HandlerFunc(
			func(w http.ResponseWriter, r *http.Request) { inner.ServeHTTP(w, r.WithContext(r.Context())) },
		),
	)
	r := httptest.NewRequest(http.MethodGet, "/orders/7", nil)
	outer.ServeHTTP(httptest.NewRecorder(), r)
	if got := RouteOf(inner)(r); got != "/orders/{id}" {
		t.Errorf("the route is %q", got)
	}
}
