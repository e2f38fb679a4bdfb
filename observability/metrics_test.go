package observability

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/resilience"
	"github.com/returnkit/returnkit/returns"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// testTime is when tests of this package happen.
var testTime = time.Date(2026, 10, 4, 18, 22, 33, 456_000_000, time.UTC)

func testMetrics(t testing.TB, c MetricsConfig) *Metrics {
	t.Helper()
	if c.Now == nil {
		c.Now = func() time.Time { return testTime }
	}
	m, err := NewMetrics(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// testPool returns a pool that allows three connections and has none.
func testPool(t *testing.T) *sql.DB {
	t.Helper()
	db := sql.OpenDB(noConnector{})
	db.SetMaxOpenConns(3)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// noConnector is a database that can't be reached.
type noConnector struct{ driver.Connector }

// scrape returns what Prometheus would read.
func scrape(t *testing.T, m *Metrics, accept string) string {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(m); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.Header.Set("Accept", accept)
	PrometheusHandler(reg).ServeHTTP(w, r)
	if w.Code != 200 {
		t.Fatalf("scrape: %d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// oneOfEach records every fact there is.
func oneOfEach(m *Metrics) {
	ctx := WithRequest(context.Background(), RequestInfo{ID: "req-1"})
	m.answer(ctx, "/checkout", "POST", 200, 20*time.Millisecond)
	m.answer(ctx, "/checkout", "POST", 200, 30*time.Millisecond)
	m.answer(ctx, "/checkout", "POST", 429, 1500*time.Microsecond)
	m.answer(ctx, "", "BREW", 500, time.Second)
	m.orderSubmitted("web")
	m.orderSubmitted("web")
	m.orderAccepted("completed")
	m.orderAccepted("queued")
	m.orderFailed()
	m.orderProcessed("completed", 12*time.Millisecond)
	onReturn, onRefund := ReturnObserver(m), RefundObserver(m)
	onReturn.Created(ctx, returns.Return{})
	onReturn.StatusChanged(ctx, returns.Return{}, returns.StatusPendingAuthorization, returns.StatusAuthorized)
	onReturn.StatusChanged(ctx, returns.Return{}, returns.StatusApproved, returns.StatusRefunded)
	onRefund.Completed(ctx, refunds.Refund{Method: payment.Card})
	onRefund.Failed(ctx, refunds.Refund{})
	m.RefundUnavailable()
	m.setCircuitState(resilience.Open)
	m.circuitOpened.Inc()
	m.circuitRecovered.Inc()
	m.circuitMTTR.observe(testTime, 3500*time.Millisecond, "")
	m.ThrottleDecision("denied")
	m.WorkerJob("charge", 40*time.Millisecond, nil)
	m.WorkerJob("charge", 60*time.Millisecond, errors.New("no"))
	m.Queue("refunds_unknown", 2, 90*time.Second)
	m.Outbox("returns", 3, 250*time.Millisecond)
	m.countEvent(
		"refund_failed",
		map[string]any{"refund_id": "r1", "amount": 1110.5, "card_number": "4111111111111111"},
	)
	m.countEvent("order_completed", nil)
}

func TestSnapshotGolden(t *testing.T) {
	m := testMetrics(t, MetricsConfig{})
	oneOfEach(m)
	if err := m.WatchPool("main", testPool(t)); err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(m.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Indent(&got, append(body, '\n'), "", "  "); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/snapshot.json"
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("snapshot differs from %s (run with -args -update to accept):\n%s", golden, got.String())
	}
}

func TestSnapshotHasTheNamesOfTheContract(t *testing.T) {
	m := testMetrics(t, MetricsConfig{})
	s := m.Snapshot()
	for _, name := range []string{"http_requests_total", "http_errors_total", "orders_submitted_total",
		"orders_accepted_total", "payment_circuit_open_events_total", "payment_circuit_recoveries_total",
		"returns_created_total", "return_status_transition_total", "refunds_completed_total", "refunds_failed_total"} {
		if s.Counters[name] == nil {
			t.Errorf("counter %s is missing or null", name)
		}
	}
	for _, name := range []string{"http_request_latency_ms", "order_processing_latency_ms",
		"payment_circuit_mttr_seconds"} {
		if s.Histograms[name] == nil {
			t.Errorf("histogram %s is missing or null", name)
		}
	}
	if s.Events == nil {
		t.Error("events are null, want an empty list")
	}
}

func TestPrometheusText(t *testing.T) {
	m := testMetrics(t, MetricsConfig{})
	oneOfEach(m)
	text := scrape(t, m, "text/plain")
	for _, want := range []string{
		`http_requests_total{endpoint="/checkout",method="POST",status="200"} 2`,
		`http_requests_total{endpoint="other",method="other",status="500"} 1`,
		`http_errors_total 1`,
		`http_request_latency_seconds_sum{endpoint="/checkout",method="POST",status="200"} 0.05`,
		`http_request_latency_seconds_bucket{endpoint="/checkout",method="POST",status="200",le="0.025"} 1`,
		`http_request_latency_seconds_bucket{endpoint="/checkout",method="POST",status="200",le="+Inf"} 2`,
		`orders_submitted_total{source="web"} 2`,
		`orders_accepted_total{mode="completed"} 1`,
		`order_processing_latency_seconds_count{mode="completed"} 1`,
		`return_status_transition_total{status="REFUNDED"} 1`,
		`return_status_transition_total{status="REJECTED"} 0`,
		`refunds_completed_total{method="CARD"} 1`,
		`payment_circuit_mttr_seconds_sum 3.5`,
		`payment_circuit_state{state="open"} 1`,
		`payment_circuit_state{state="closed"} 0`,
		`worker_jobs_total{result="error",worker="charge"} 1`,
		`queue_oldest_age_seconds{queue="refunds_unknown"} 90`,
		`outbox_lag_seconds{subscriber="returns"} 0.25`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("scrape lacks %s", want)
		}
	}
	if strings.Contains(text, "_ms") {
		t.Error("scrape has a metric in milliseconds")
	}
}

func TestPrometheusConventions(t *testing.T) {
	m := testMetrics(t, MetricsConfig{})
	oneOfEach(m)
	_ = m.WatchPool("main", testPool(t))
	problems, err := promlint.New(strings.NewReader(scrape(t, m, "text/plain"))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestExemplarNamesTheRequest(t *testing.T) {
	now := testTime
	m := testMetrics(t, MetricsConfig{Now: func() time.Time { return now }})
	record := func(id string) {
		m.answer(WithRequest(context.Background(), RequestInfo{ID: id}), "/", "GET", 200, 20*time.Millisecond)
	}
	read := func() string { return scrape(t, m, "application/openmetrics-text;version=1.0.0") }
	record("first")
	record("second") // within ten seconds the first stays
	if text := read(); !strings.Contains(text, `# {request_id="first"} 0.02`) || !strings.HasSuffix(text, "# EOF\n") {
		t.Errorf("no exemplar of the first request in\n%s", text)
	}
	now = now.Add(exemplarEvery)
	record("third")
	if text := read(); !strings.Contains(text, `request_id="third"`) {
		t.Error("an old exemplar was not replaced")
	}
}

func TestLabelsAreBounded(t *testing.T) {
	m := testMetrics(t, MetricsConfig{MaxSeries: 10})
	for i := range 200 {
		m.answer(context.Background(), fmt.Sprintf("/p/%d", i), "GET", 200, time.Millisecond)
		m.answer(context.Background(), "/", fmt.Sprintf("M%d", i), 1000+i, time.Millisecond)
		m.orderSubmitted(fmt.Sprint("source", i))
		m.orderAccepted(fmt.Sprint("mode", i))
		ReturnObserver(m).StatusChanged(
			context.Background(), returns.Return{}, "", returns.Status(fmt.Sprint("status", i)))
		RefundObserver(m).Completed(
			context.Background(), refunds.Refund{Method: payment.Method(fmt.Sprint("method", i))})
		m.ThrottleDecision(fmt.Sprint("decision", i))
		m.WorkerJob(fmt.Sprint("worker", i), 0, nil)
		m.Queue(fmt.Sprint("queue", i), i, 0)
	}
	s := m.Snapshot()
	limits := map[string]int{"http_requests_total": 12, "orders_submitted_total": 65, "orders_accepted_total": 3,
		"return_status_transition_total": 11, "refunds_completed_total": 65, "throttle_decisions_total": 5,
		"worker_jobs_total": 130}
	total := 0.0
	for name, limit := range limits {
		if n := len(s.Counters[name]); n > limit {
			t.Errorf("%s has %d series, want at most %d", name, n, limit)
		}
	}
	for _, sample := range s.Counters["http_requests_total"] {
		total += sample.Value
	}
	if total != 400 {
		t.Errorf("requests over all series = %v, want 400: the cap must lose none", total)
	}
	if n := len(s.Gauges["queue_depth"]); n > 65 {
		t.Errorf("queue_depth has %d series", n)
	}
}

func TestNothingBreaksAScrape(t *testing.T) {
	m := testMetrics(t, MetricsConfig{})
	for _, id := range []string{strings.Repeat("x", 500), "\xff", "ä"} {
		m.answer(WithRequest(context.Background(), RequestInfo{ID: id}), "/\xff", "\xff", -1, -1)
	}
	m.orderSubmitted("\xff")
	m.orderProcessed("\xff", 1<<62)
	m.orderProcessed("\xff", 1<<62)
	m.WorkerJob("\xff", 0, nil)
	m.Queue("\xfe", -1, -1)
	m.circuitMTTR.observe(testTime, -1, "")
	if text := scrape(t, m, "application/openmetrics-text"); !strings.Contains(
		text,
		`orders_submitted_total{source="other"} 1`,
	) {
		t.Error("a source that is no text does not count as other")
	}
	asJSON(t, m.Snapshot())
}

func TestEventRingKeepsTheLastHundred(t *testing.T) {
	m := testMetrics(t, MetricsConfig{})
	for i := range 250 {
		m.countEvent("e", map[string]any{"n": i})
	}
	events := m.events()
	if len(events) != 100 {
		t.Fatalf("%d events, want 100", len(events))
	}
	for i, e := range events {
		if e.Payload["n"] != int64(150+i) {
			t.Fatalf("event %d is number %v, want %d", i, e.Payload["n"], 150+i)
		}
	}
}

func TestEventPayloadIsACopyThatJSONCanShow(t *testing.T) {
	m := testMetrics(t, MetricsConfig{})
	nested := map[string]any{"note": "before"}
	m.countEvent("e", map[string]any{"nested": nested, "f": func() {}, "inf": math.Inf(1),
		"late": time.Date(10001, 1, 1, 0, 0, 0, 0, time.UTC), "err": errors.New("password=hunter2 refused"),
		"nil": nil, "ch": []any{make(chan int)}})
	nested["note"] = "after"
	raw, err := json.Marshal(m.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	if s := string(raw); strings.Contains(s, "after") || strings.Contains(s, "hunter2") ||
		!strings.Contains(s, "before") {
		t.Errorf("payload = %s", s)
	}
}

func TestConcurrentRecordingLosesNothing(t *testing.T) {
	m := testMetrics(t, MetricsConfig{Now: time.Now})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 500 {
				m.answer(context.Background(), fmt.Sprint("/", i%7), "GET", 200, time.Duration(i)*time.Microsecond)
				m.orderSubmitted("web")
				if i%100 == 0 {
					m.Snapshot()
				}
			}
		})
	}
	wg.Wait()
	s := m.Snapshot()
	requests := 0.0
	for _, sample := range s.Counters["http_requests_total"] {
		requests += sample.Value
	}
	if requests != 4000 || s.Counters["orders_submitted_total"][0].Value != 4000 {
		t.Errorf("requests %v, orders %v, want 4000 each", requests, s.Counters["orders_submitted_total"])
	}
}

func TestMetricsConfigErrorsNameTheField(t *testing.T) {
	for want, c := range map[string]MetricsConfig{
		"Window":    {Window: time.Second},
		"MaxSeries": {MaxSeries: -1},
	} {
		if _, err := NewMetrics(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one that names %s", c, err, want)
		}
	}
	m := testMetrics(t, MetricsConfig{})
	if err := m.WatchPool("a", testPool(t)); err != nil {
		t.Error(err)
	}
	if m.WatchPool("a", testPool(t)) == nil || m.WatchPool("b", nil) == nil {
		t.Error("a pool watched twice, or none at all, is no error")
	}
}

func TestRegistryRefusesASecondOfTheSame(t *testing.T) {
	if _, err := NewRegistry(testMetrics(t, MetricsConfig{})); err != nil {
		t.Error(err)
	}
	if _, err := NewRegistry(testMetrics(t, MetricsConfig{}), testMetrics(t, MetricsConfig{})); err == nil {
		t.Error("two Metrics in one registry are no error")
	}
}

// hotFacts are recorded for each order or request.
func hotFacts(m *Metrics) map[string]func() {
	ctx := WithRequest(context.Background(), RequestInfo{ID: "0b8f3c52-9d6e-4f7a-8c1b-2a3d4e5f6071"})
	onReturn, onRefund := ReturnObserver(m), RefundObserver(m)
	return map[string]func(){
		"HTTPRequest":      func() { m.answer(ctx, "/checkout", "POST", 200, 3*time.Millisecond) },
		"OrderSubmitted":   func() { m.orderSubmitted("web") },
		"OrderAccepted":    func() { m.orderAccepted("completed") },
		"OrderProcessed":   func() { m.orderProcessed("completed", 3*time.Millisecond) },
		"ReturnTransition": func() { onReturn.StatusChanged(ctx, returns.Return{}, "", returns.StatusRefunded) },
		"RefundCompleted":  func() { onRefund.Completed(ctx, refunds.Refund{Method: payment.Card}) },
		"ThrottleDecision": func() { m.ThrottleDecision("allowed") },
		"WorkerJob":        func() { m.WorkerJob("charge", time.Millisecond, nil) },
	}
}

func TestRecordingDoesNotAllocate(t *testing.T) {
	for name, fact := range hotFacts(testMetrics(t, MetricsConfig{})) {
		if n := testing.AllocsPerRun(1000, fact); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
}

func BenchmarkMiddleware(b *testing.B) {
	m := testMetrics(b, MetricsConfig{Now: time.Now})
	h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }),
		func(*http.Request) string { return "/" })
	r := httptest.NewRequest("GET", "/", nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(discard{}, r)
	}
}

// discard is a ResponseWriter that costs nothing.
type discard struct{}

func (discard) Header() http.Header         { return nil }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
