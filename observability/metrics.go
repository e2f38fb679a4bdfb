package observability

import (
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
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
	// Now tells the time, time.Now by default.
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
//
// The methods only count. A fact that people should read about as well is
// told with [Metrics.Event].
type Metrics struct {
	config   MetricsConfig
	start    time.Time
	families []family
	ring     eventRing

	http     httpFamily
	inFlight atomic.Int64

	ordersSubmitted counters[string]
	ordersAccepted  counters[string]
	ordersFailed    counters[struct{}]
	orderProcessing histograms[string]

	returnsCreated   counters[struct{}]
	returnTransition counters[string]
	refundsCompleted counters[string]
	refundsFailed    counters[struct{}]

	circuitOpened    counters[struct{}]
	circuitRecovered counters[struct{}]
	circuitMTTR      histograms[struct{}]
	circuitState     gauges[string]

	throttle   counters[string]
	workerRuns counters[workerKey]
	workerTime histograms[string]
	queueDepth gauges[string]
	queueAge   gauges[string]
	outboxRows gauges[string]
	outboxLag  gauges[string]

	modes, returnStatuses, refundMethods, circuitStates, decisions words

	poolMu sync.Mutex
	pools  map[string]func() sql.DBStats
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
// chooses: order sources, workers, queues, outboxes.
const maxNames = 64

// NewMetrics returns a Metrics with every counter at 0. It fails when the
// config is wrong.
func NewMetrics(c MetricsConfig) (*Metrics, error) {
	if err := c.setDefaults(); err != nil {
		return nil, err
	}
	m := &Metrics{
		config: c,
		start:  c.Now(),
		pools:  map[string]func() sql.DBStats{},
		modes:  lowerWord([]string{"completed", "queued"}),
		returnStatuses: upperWord([]string{
			"pending_customer_info", "pending_authorization", "authorized", "in_transit", "received",
			"under_inspection", "approved", "refunded", "rejected", "cancelled",
		}),
		refundMethods: upperWord([]string{"card", "cash", "store_credit", "original_method"}),
		circuitStates: lowerWord([]string{"closed", "open", "half_open"}),
		decisions:     lowerWord([]string{"allowed", "denied", "shed", "error"}),
	}
	m.http = newHTTPFamily(m, c)

	m.ordersSubmitted = addNames(
		m,
		"orders_submitted_total",
		"Checkouts that were accepted or failed; throttled and refused ones are not in it.",
		"source",
	)
	m.ordersAccepted = addCounters(
		m,
		"orders_accepted_total",
		"Orders accepted, by how: completed at once, or queued for later.",
		"mode",
		m.modes,
	)
	m.ordersFailed = addCounter(
		m,
		"orders_failed_total",
		"Checkouts that left no order through no fault of the customer.",
	)
	m.orderProcessing = addHistograms(
		m,
		"order_processing_latency",
		"Time from submission of an order to its acceptance",
		"mode",
		newVec(8, otherWord, m.newLatency),
	)

	m.returnsCreated = addCounter(m, "returns_created_total", "Return cases filed.")
	m.returnTransition = addCounters(
		m,
		"return_status_transition_total",
		"Changes of a return case's status, by the new status.",
		"status",
		m.returnStatuses,
	)
	m.refundsCompleted = addCounters(
		m,
		"refunds_completed_total",
		"Refunds whose money has succeeded, by method.",
		"method",
		m.refundMethods,
	)
	m.refundsFailed = addCounter(m, "refunds_failed_total", "Refund attempts that ended in a definite no.")

	m.circuitOpened = addCounter(
		m,
		"payment_circuit_open_events_total",
		"Times the payment circuit opened after having been closed.",
	)
	m.circuitRecovered = addCounter(m, "payment_circuit_recoveries_total", "Times the payment circuit closed again.")
	m.circuitMTTR = histograms[struct{}]{
		meaning: newMeaning(
			"payment_circuit_mttr_seconds",
			"Time from the opening of the payment circuit to its recovery; sum over count is the mean time to repair.",
			nil,
			noValues,
		),
		vec:          newVec(1, sameKey, func() *histogram { return newHistogram(repairBounds[:], m.start, c.Window) }),
		snapshotName: "payment_circuit_mttr_seconds",
		unit:         time.Second,
	}
	m.circuitMTTR.get(struct{}{})
	m.families = append(m.families, m.circuitMTTR)
	m.circuitState = addGauges(
		m,
		"payment_circuit_state",
		"1 for the state the payment circuit is in, 0 for the others.",
		"state",
	)
	m.CircuitState("closed")

	m.throttle = addCounters(
		m,
		"throttle_decisions_total",
		"Decisions of the throttle in front of checkout.",
		"result",
		m.decisions,
	)
	m.workerRuns = counters[workerKey]{
		meaning: newMeaning(
			"worker_jobs_total",
			"Jobs a background worker finished, by result: ok or error.",
			[]string{"worker", "result"},
			func(k workerKey) []string { return []string{k.worker, k.result} },
		),
		vec: newVec(2*maxNames, func(k workerKey) workerKey { return workerKey{other, k.result} }, newCounterSeries),
	}
	m.families = append(m.families, m.workerRuns)
	m.workerTime = addHistograms(
		m,
		"worker_job_latency",
		"Time a background worker took for a job",
		"worker",
		newVec(maxNames, otherWord, m.newLatency),
	)
	m.queueDepth = addGauges(m, "queue_depth", "Rows waiting in a work queue.", "queue")
	m.queueAge = addGauges(m, "queue_oldest_age_seconds", "Age of the oldest row waiting in a work queue.", "queue")
	m.outboxRows = addGauges(m, "outbox_pending_events", "Events not yet delivered to a subscriber.", "subscriber")
	m.outboxLag = addGauges(
		m,
		"outbox_lag_seconds",
		"Age of the oldest event not yet delivered to a subscriber.",
		"subscriber",
	)
	m.families = append(m.families, poolFamily{m})
	return m, nil
}

func (m *Metrics) newLatency() *histogram {
	return newHistogram(latencyBounds[:], m.start, m.config.Window)
}

// addCounter adds a counter without labels.
func addCounter(m *Metrics, name, help string) counters[struct{}] {
	f := counters[struct{}]{newMeaning(name, help, nil, noValues), newVec(1, sameKey, newCounterSeries)}
	f.get(struct{}{})
	m.families = append(m.families, f)
	return f
}

// addCounters adds counters for a closed list of words. They all exist from
// the start, so that a rate over the first event is right.
func addCounters(m *Metrics, name, help, label string, w words) counters[string] {
	f := counters[string]{
		newMeaning(name, help, []string{label}, oneValue),
		newVec(len(w.list), otherWord, newCounterSeries),
	}
	for _, word := range w.list {
		f.get(word)
	}
	m.families = append(m.families, f)
	return f
}

// addNames adds counters whose label values are chosen by the application.
func addNames(m *Metrics, name, help, label string) counters[string] {
	f := counters[string]{
		newMeaning(name, help, []string{label}, oneValue),
		newVec(maxNames, otherWord, newCounterSeries),
	}
	m.families = append(m.families, f)
	return f
}

func addGauges(m *Metrics, name, help, label string) gauges[string] {
	f := gauges[string]{newMeaning(name, help, []string{label}, oneValue), newVec(maxNames, otherWord, newGaugeSeries)}
	m.families = append(m.families, f)
	return f
}

// addHistograms adds latencies: name_seconds on /metrics, name_ms in the
// snapshot.
func addHistograms(m *Metrics, name, help, label string, v *vec[string, histogram]) histograms[string] {
	f := histograms[string]{
		meaning:      newMeaning(name+"_seconds", help+".", []string{label}, oneValue),
		vec:          v,
		snapshotName: name + "_ms",
		unit:         time.Millisecond,
	}
	m.families = append(m.families, f)
	return f
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range m.families {
		f.describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, f := range m.families {
		f.collect(ch)
	}
}
