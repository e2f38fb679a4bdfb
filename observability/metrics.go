package observability

import (
	"database/sql"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/returnkit/returnkit/resilience"
)

// MetricsConfig says how a [Metrics] behaves. The zero value is good.
type MetricsConfig struct {
	// Window is how far the minimum, maximum and 95th percentile of the
	// snapshot look back from the latest observation. 0 means 5 minutes;
	// at least 5 seconds. It moves in fifths, so between 4/5 and all of it
	// is covered.
	Window time.Duration
	// MaxSeries caps the HTTP series (endpoint, method, status). Beyond it,
	// requests count under endpoint and method "other". 0 means 1,000; a
	// series that is recorded all the time takes 11 KB.
	MaxSeries int
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Redactor removes secrets from event payloads; nil means
	// NewRedactor(RedactConfig{}).
	Redactor *Redactor
}

func (c *MetricsConfig) setDefaults() error {
	if c.Window == 0 {
		c.Window = 5 * time.Minute
	}
	if c.Window < 5*time.Second {
		return fmt.Errorf("metrics: Window is %v, allowed is 5s or more, or 0 for 5m", c.Window)
	}
	if c.MaxSeries == 0 {
		c.MaxSeries = 1000
	}
	if c.MaxSeries < 0 {
		return fmt.Errorf("metrics: MaxSeries is %d, allowed is 1 or more, or 0 for 1000", c.MaxSeries)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Redactor == nil {
		c.Redactor = NewRedactor(RedactConfig{})
	}
	return nil
}

// Metrics counts what happens in a shop. It is a prometheus.Collector; the
// caller registers it. All methods are safe for concurrent use; those that
// record take no lock and do not allocate once their series exists (but for
// exemplars, at most one per histogram bucket in ten seconds).
type Metrics struct {
	config        MetricsConfig
	start         time.Time
	registry      *prometheus.Registry
	declared      []declared
	distributions map[string]*distribution // by the name on /metrics
	ring          eventRing

	http       *series[httpKey, httpSeries]
	httpErrors prometheus.Counter
	inFlight   prometheus.Gauge

	ordersSubmitted counters[string]
	ordersAccepted  counters[string]
	ordersFailed    prometheus.Counter
	orderProcessing latencies[string]

	returnsCreated   prometheus.Counter
	returnTransition counters[string]
	refundsCompleted counters[string]
	refundsFailed    counters[string]

	circuitOpened    prometheus.Counter
	circuitRecovered prometheus.Counter
	circuitMTTR      *latency
	circuitState     gauges[string]

	throttle   counters[string]
	workerRuns counters[workerKey]
	workerTime latencies[string]
	queueDepth gauges[string]
	queueAge   gauges[string]
	outboxRows gauges[string]
	outboxLag  gauges[string]

	modes, returnStatuses, refundMethods, refundFailures, decisions words
}

type workerKey struct{ worker, result string }

// Bounds of the histograms on /metrics. The limits of the service levels, 50
// and 500 ms, are bounds themselves, so that they are exact there.
var (
	latencyBounds = [...]time.Duration{
		time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
		25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
		500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
	}
	repairBounds = [...]time.Duration{
		100 * time.Millisecond, 500 * time.Millisecond, time.Second, 3 * time.Second, 5 * time.Second,
		10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute,
		10 * time.Minute, 30 * time.Minute, time.Hour,
	}
)

// maxNames caps the values of labels that carry names the application
// chooses: order sources, payment methods, workers, queues, outboxes.
const maxNames = 64

// NewMetrics returns a Metrics with every counter at 0. It fails when the
// config is wrong.
func NewMetrics(c MetricsConfig) (*Metrics, error) {
	if err := c.setDefaults(); err != nil {
		return nil, err
	}
	m := &Metrics{
		config:        c,
		start:         c.Now(),
		registry:      prometheus.NewRegistry(),
		distributions: map[string]*distribution{},
		modes:         lowerWords("completed", "queued"),
		returnStatuses: upperWords(
			"pending_customer_info", "pending_authorization", "authorized", "in_transit", "received",
			"under_inspection", "approved", "refunded", "rejected", "cancelled",
		),
		refundMethods:  upperWords("card", "cash", "store_credit", "original_method"),
		refundFailures: lowerWords("declined", "unavailable"),
		decisions:      lowerWords("allowed", "denied", "shed", "error"),
	}
	b := &builder{m: m}
	b.addHTTP()
	b.addOrders()
	b.addReturns()
	b.addCircuit()
	b.addWork()
	if b.err != nil {
		return nil, fmt.Errorf("metrics: %w", b.err)
	}
	m.setCircuitState(resilience.Closed)
	return m, nil
}

func (b *builder) addOrders() {
	b.m.ordersSubmitted = b.names(
		"orders_submitted_total",
		"Checkouts that were accepted or failed; throttled and refused ones are not in it.",
		"source",
		maxNames,
	)
	b.m.ordersAccepted = b.counters(
		"orders_accepted_total",
		"Orders accepted, by how: completed at once, or queued for later.",
		"mode",
		b.m.modes,
	)
	b.m.ordersFailed = b.counter(
		"orders_failed_total",
		"Checkouts that left no order through no fault of the customer.",
	)
	b.m.orderProcessing = b.latencies(
		"order_processing_latency",
		"Time from submission of an order to its acceptance",
		"mode",
		len(b.m.modes.list),
	)
}

func (b *builder) addReturns() {
	b.m.returnsCreated = b.counter("returns_created_total", "Return cases filed.")
	b.m.returnTransition = b.counters(
		"return_status_transition_total",
		"Changes of a return case's status, by the new status.",
		"status",
		b.m.returnStatuses,
	)
	b.m.refundsCompleted = b.names(
		"refunds_completed_total",
		"Refunds whose money has succeeded, by method.",
		"method",
		maxNames,
	)
	for _, method := range b.m.refundMethods.list {
		b.m.refundsCompleted.get(method)
	}
	b.m.refundsFailed = b.counters(
		"refunds_failed_total",
		"Refund attempts that ended without success: declined, or the provider unavailable.",
		"reason",
		b.m.refundFailures,
	)
}

func (b *builder) addCircuit() {
	b.m.circuitOpened = b.counter(
		"payment_circuit_open_events_total",
		"Times the payment circuit opened after having been closed.",
	)
	b.m.circuitRecovered = b.counter(
		"payment_circuit_recoveries_total",
		"Times the payment circuit closed again.",
	)
	b.m.circuitMTTR = b.histogram(
		"payment_circuit_mttr_seconds",
		"Time from the opening of the payment circuit to its recovery; sum over count is the mean time to repair.",
		repairBounds[:],
		"payment_circuit_mttr_seconds",
		time.Second,
	)()
	b.m.circuitState = b.gauges(
		"payment_circuit_state",
		"1 for the state the payment circuit is in, 0 for the others.",
		"state",
	)
}

func (b *builder) addWork() {
	b.m.throttle = b.counters(
		"throttle_decisions_total",
		"Decisions of the throttle in front of checkout.",
		"result",
		b.m.decisions,
	)
	runs := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "worker_jobs_total",
		Help: "Jobs a background worker finished, by result: ok or error.",
	}, []string{"result", "worker"})
	b.declare(prometheus.CounterValue, "worker_jobs_total", runs)
	b.m.workerRuns = counters[workerKey]{newSeries(
		2*maxNames,
		func(k workerKey) workerKey { return workerKey{other, k.result} },
		func(k workerKey) prometheus.Counter { return runs.WithLabelValues(k.result, k.worker) },
	)}
	b.m.workerTime = b.latencies("worker_job_latency", "Time a background worker took for a job", "worker", maxNames)
	b.m.queueDepth = b.gauges("queue_depth", "Rows waiting in a work queue.", "queue")
	b.m.queueAge = b.gauges("queue_oldest_age_seconds", "Age of the oldest row waiting in a work queue.", "queue")
	b.m.outboxRows = b.gauges("outbox_pending_events", "Events not yet delivered to a subscriber.", "subscriber")
	b.m.outboxLag = b.gauges(
		"outbox_lag_seconds",
		"Age of the oldest event not yet delivered to a subscriber.",
		"subscriber",
	)
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) { m.registry.Describe(ch) }

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) { m.registry.Collect(ch) }

// WatchPool adds a database pool, read whenever metrics are. The metrics are
// named as client_golang's own collector names them, so ready-made dashboards work. It
// fails when the name is empty or taken, or db is nil.
func (m *Metrics) WatchPool(name string, db *sql.DB) error {
	if name == "" || db == nil {
		return fmt.Errorf("watch pool %q: a name and a pool are needed", name)
	}
	if err := m.registry.Register(collectors.NewDBStatsCollector(db, name)); err != nil {
		return fmt.Errorf("watch pool %q: %w", name, err)
	}
	return nil
}
