package observability_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/payment"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/resilience"
	"github.com/returnkit/returnkit/returns"
)

// value is the value of the only series of a counter or gauge that has the label value.
func value(t *testing.T, m *observability.Metrics, name, label string) float64 {
	t.Helper()
	s := m.Snapshot()
	for _, sample := range append(s.Counters[name], s.Gauges[name]...) {
		if label == "" || fmt.Sprint(sample.Labels) == "map["+label+"]" {
			return sample.Value
		}
	}
	t.Fatalf("there is no %s with %s", name, label)
	return 0
}

func newMetrics(t *testing.T) *observability.Metrics {
	t.Helper()
	m, err := observability.NewMetrics(observability.MetricsConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestObserversCount(t *testing.T) {
	m, ctx := newMetrics(t), context.Background()
	onOrder, onRefund, onReturn := observability.OrderObserver(m), observability.RefundObserver(m),
		observability.ReturnObserver(m)

	order := orders.Order{Source: "partner"}
	onOrder.Submitted(ctx, "partner")
	onOrder.Accepted(ctx, order, orders.StatusQueued, 20*time.Millisecond)
	onOrder.Settled(ctx, order, time.Minute)
	onOrder.Submitted(ctx, "web")
	onOrder.Failed(ctx, "web", errors.New("the disk is full"))
	onOrder.Submitted(ctx, "web")
	onOrder.Declined(ctx, order)
	onRefund.Completed(ctx, refunds.Refund{Method: payment.StoreCredit})
	onRefund.Completed(ctx, refunds.Refund{Method: "ideal"})
	onRefund.Failed(ctx, refunds.Refund{})
	onRefund.ReviewRequired(ctx, refunds.Refund{})
	onRefund.Reversed(ctx, refunds.Refund{})
	onReturn.Created(ctx, returns.Return{})
	onReturn.StatusChanged(ctx, returns.Return{}, returns.StatusReceived, returns.StatusUnderInspection)

	for _, want := range []struct {
		name, label string
		value       float64
	}{
		{"orders_submitted_total", "source:partner", 1},
		{"orders_submitted_total", "source:web", 1},
		{"orders_accepted_total", "mode:queued", 1},
		{"orders_accepted_total", "mode:completed", 0},
		{"orders_failed_total", "", 1},
		{"refunds_completed_total", "method:STORE_CREDIT", 1},
		{"refunds_completed_total", "method:IDEAL", 1},
		{"refunds_completed_total", "method:CARD", 0},
		{"refunds_failed_total", "reason:declined", 1},
		{"refunds_failed_total", "reason:unavailable", 0},
		{"returns_created_total", "", 1},
		{"return_status_transition_total", "status:UNDER_INSPECTION", 1},
	} {
		if got := value(t, m, want.name, want.label); got != want.value {
			t.Errorf("%s{%s} = %v, want %v", want.name, want.label, got, want.value)
		}
	}
	if h := m.Snapshot().Histograms["order_processing_latency_ms"]; len(h) != 1 || h[0].Stats.Max != 20 {
		t.Errorf("order_processing_latency_ms = %v, want one of 20", h)
	}
}

func TestWatchBreakerCountsOutages(t *testing.T) {
	synctest.Test(t, testWatchBreaker) // outages last for a minute and more
}

func testWatchBreaker(t *testing.T) {
	m := newMetrics(t)
	b, err := resilience.New(
		resilience.Config{
			Name:                "payments",
			ConsecutiveFailures: 1,
			OpenFor:             time.Minute,
			JitterPercent:       resilience.NoJitter,
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	stop := m.WatchBreaker(b)
	call := func(outcome resilience.Outcome) {
		t.Helper()
		p, err := b.Allow()
		if err != nil {
			t.Fatal(err)
		}
		p.Done(outcome)
	}
	expect := func(opened, recovered float64, state string) {
		t.Helper()
		o, r := value(t, m, "payment_circuit_open_events_total", ""), value(t, m,
			"payment_circuit_recoveries_total", "")
		if o != opened || r != recovered {
			t.Errorf("opened %v, recovered %v, want %v and %v", o, r, opened, recovered)
		}
		if value(t, m, "payment_circuit_state", "state:"+state) != 1 {
			t.Errorf("the state shown is not %s", state)
		}
	}
	expect(0, 0, "closed")
	call(resilience.Failure)
	expect(1, 0, "open")
	time.Sleep(time.Minute + time.Second)
	call(resilience.Failure) // the probe of the same outage
	expect(1, 0, "open")
	time.Sleep(time.Hour)
	call(resilience.Success)
	expect(1, 1, "closed")
	if h := m.Snapshot().Histograms["payment_circuit_mttr_seconds"]; len(h) != 1 || h[0].Stats.Max != 3661 {
		t.Errorf("payment_circuit_mttr_seconds = %v, want one of 3661", h)
	}
	b.ForceOpen(time.Time{})
	expect(1, 1, "forced_open")
	stop()
	b.Reset()
	expect(1, 1, "forced_open")
}

// Metrics of all that the services do, in a line each.
func ExampleOrderObserver() {
	m, err := observability.NewMetrics(observability.MetricsConfig{})
	if err != nil {
		panic(err)
	}
	config := orders.Config{ // and its store, its gateway, ...
		Observer: observability.OrderObserver(m),
	}
	// The service calls it, as here.
	config.Observer.Accepted(
		context.Background(),
		orders.Order{Source: "web"},
		orders.StatusCompleted,
		12*time.Millisecond,
	)

	fmt.Println(m.Snapshot().Counters["orders_submitted_total"])
	fmt.Println(m.Snapshot().Counters["orders_accepted_total"])
	// Output:
	// [{map[source:web] 1}]
	// [{map[mode:completed] 1} {map[mode:queued] 0}]
}

// loggedRefunds counts refunds and logs those that failed.
type loggedRefunds struct {
	refunds.Observer // counts
	log              *slog.Logger
}

func (o loggedRefunds) Failed(ctx context.Context, r refunds.Refund) {
	o.Observer.Failed(ctx, r)
	o.log.WarnContext(ctx, "refund failed", "refund_id", r.ID)
}

// An observer that logs as well. The context is that of the request that made
// the change, so the line carries its id, its path and its user.
func ExampleRefundObserver() {
	m, err := observability.NewMetrics(observability.MetricsConfig{})
	if err != nil {
		panic(err)
	}
	h, err := observability.NewLogHandler(observability.LogConfig{Writer: withoutTime{}})
	if err != nil {
		panic(err)
	}
	config := refunds.Config{
		Observer: loggedRefunds{observability.RefundObserver(m), observability.Named(slog.New(h), "refunds")},
	}

	ctx := observability.WithRequest(context.Background(), observability.RequestInfo{
		ID: "r-1", Path: "/admin/returns/7/refund", Method: "POST"})
	observability.SetUserID(ctx, "1")
	config.Observer.Failed(ctx, refunds.Refund{ID: "re-1"})
	fmt.Println(m.Snapshot().Counters["refunds_failed_total"])
	// Output:
	// {"level":"WARNING",
	//  "message":"refund failed",
	//  "logger":"refunds",
	//  "request_id":"r-1",
	//  "path":"/admin/returns/7/refund",
	//  "method":"POST",
	//  "user_id":"1",
	//  "refund_id":"re-1"}
	// [{map[reason:declined] 1} {map[reason:unavailable] 0}]
}

// Return cases that were filed, and how they ended.
func ExampleReturnObserver() {
	m, err := observability.NewMetrics(observability.MetricsConfig{})
	if err != nil {
		panic(err)
	}
	config := returns.Config{Observer: observability.ReturnObserver(m)}
	config.Observer.Created(context.Background(), returns.Return{})
	fmt.Println(m.Snapshot().Counters["returns_created_total"])
	// Output: [{map[] 1}]
}

// Outages of the payment provider, and how long they lasted.
func ExampleMetrics_WatchBreaker() {
	m, err := observability.NewMetrics(observability.MetricsConfig{})
	if err != nil {
		panic(err)
	}
	b, err := resilience.New(resilience.Config{Name: "payments", ConsecutiveFailures: 1})
	if err != nil {
		panic(err)
	}
	defer m.WatchBreaker(b)()

	_, _ = resilience.Do(context.Background(), b, func(context.Context) (string, error) {
		return "", errors.New("no answer")
	})
	fmt.Println(m.Snapshot().Counters["payment_circuit_open_events_total"])
	// Output: [{map[] 1}]
}
