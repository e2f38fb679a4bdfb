package observability_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	slogmulti "github.com/samber/slog-multi"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders"
)

// Count facts, and read them as a snapshot or let Prometheus scrape them.
func ExampleMetrics() {
	m, err := observability.NewMetrics(observability.MetricsConfig{})
	if err != nil {
		panic(err)
	}
	reg, err := observability.NewRegistry(m)
	if err != nil {
		panic(err)
	}
	http.NewServeMux().Handle("GET /metrics", observability.PrometheusHandler(reg))

	shop := observability.OrderObserver(m) // the Observer of an orders.Config
	shop.Accepted(context.Background(), orders.Order{Source: "web"}, orders.StatusCompleted, 12*time.Millisecond)

	s := m.Snapshot()
	fmt.Println(s.Counters["orders_submitted_total"])
	fmt.Printf("%+v\n", s.Histograms["order_processing_latency_ms"])
	// Output:
	// [{map[source:web] 1}]
	// [{Labels:map[mode:completed] Stats:{Count:1 Avg:12 Min:12 Max:12 P95:12}}]
}

// Requests count under the pattern of their route.
func ExampleMetrics_Middleware() {
	m, err := observability.NewMetrics(observability.MetricsConfig{})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "order", r.PathValue("id"))
	})
	h := observability.RequestID(m.Middleware(mux, observability.RouteOf(mux)))

	for _, path := range []string{"/orders/1", "/orders/2"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	fmt.Println(m.Snapshot().Counters["http_requests_total"])
	// Output: [{map[endpoint:/orders/{id} method:GET status:200] 2}]
}

// A log whose lines name their request and hide secrets.
func ExampleNewLogHandler() {
	h, err := observability.NewLogHandler(observability.LogConfig{Writer: withoutTime{}})
	if err != nil {
		panic(err)
	}
	log := observability.Named(slog.New(h), "refunds")

	ctx := observability.WithRequest(context.Background(), observability.RequestInfo{
		ID: "r-1", Path: "/admin/returns/7/refund", Method: "POST"})
	observability.SetUserID(ctx, "1") // once they have signed in
	log.WarnContext(ctx, "refund failed", "err", errors.New("card 4111 1111 1111 1111 refused"))
	// Output:
	// {"level":"WARNING",
	//  "message":"refund failed",
	//  "logger":"refunds",
	//  "request_id":"r-1",
	//  "path":"/admin/returns/7/refund",
	//  "method":"POST",
	//  "user_id":"1",
	//  "err":"card [REDACTED] refused"}
}

// withoutTime prints a field a line, without the time, which is never the same.
type withoutTime struct{}

func (withoutTime) Write(line []byte) (int, error) {
	const stamp = `"timestamp":"2026-10-04T18:22:33.456Z",`
	return fmt.Print("{", strings.ReplaceAll(string(line[1+len(stamp):]), `,"`, ",\n \""))
}

// The redaction works with any handler, here as a stage of a slog-multi pipe.
func ExampleNewRedactHandler() {
	r := observability.NewRedactor(observability.RedactConfig{Keys: []string{"tax_id"}})
	log := slog.New(slogmulti.Pipe(func(next slog.Handler) slog.Handler {
		return observability.NewRedactHandler(next, r)
	}).Handler(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})))
	log.Info("sign-in", "user", "ada", "password", "hunter2", "tax_id", 123, "query", "a=1&token=abc")
	// Output: level=INFO msg=sign-in user=ada password=[REDACTED] tax_id=[REDACTED] query="a=1&token=[REDACTED]"
}

func ExampleRedactor() {
	r := observability.NewRedactor(observability.RedactConfig{})
	fmt.Println(r.String("postgres://shop:hunter2@db/shop refused, paid with 5555-5555-5555-4444"))
	// Output: postgres://shop:[REDACTED]@db/shop refused, paid with [REDACTED]
}

// Health of a database that counts, and of a provider the shop can do without.
func ExampleChecker() {
	c, err := observability.NewChecker(
		observability.CheckerConfig{},
		observability.Component{Name: "database", Critical: true, Check: func(context.Context) error { return nil }},
		observability.Component{
			Name:  "payments",
			Check: func(context.Context) error { return errors.New("breaker is open") },
		},
	)
	if err != nil {
		panic(err)
	}
	c.SetStarted()
	report := c.Report(context.Background())
	fmt.Println(report.Status, report.Usable, report.Components["payments"].Status)
	// Output: DEGRADED true DOWN
}

// A client whose calls carry the trace of the request they are made for.
func ExampleTraceTransport() {
	client := &http.Client{Transport: observability.TraceTransport(http.DefaultTransport), Timeout: time.Second}
	fmt.Println(client.Timeout)
	// Output: 1s
}
