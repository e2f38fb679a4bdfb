package observability

import "time"

// OrderSubmitted counts a checkout that was accepted or failed. source says
// where it came from, such as "web" or "partner"; of more than 64 sources the
// rest count as "other". A throttled or refused checkout is not submitted.
func (m *Metrics) OrderSubmitted(source string) { m.ordersSubmitted.get(source).inc() }

// OrderAccepted counts an accepted order; mode is "completed" or "queued",
// anything else counts as "other".
func (m *Metrics) OrderAccepted(mode string) { m.ordersAccepted.get(m.modes.of(mode)).inc() }

// OrderFailed counts a checkout that left no order because something broke.
func (m *Metrics) OrderFailed() { m.ordersFailed.get(struct{}{}).inc() }

// OrderProcessed records how long an order took from submission to its
// acceptance; mode as in [Metrics.OrderAccepted].
func (m *Metrics) OrderProcessed(mode string, d time.Duration) {
	m.orderProcessing.get(m.modes.of(mode)).observe(m.config.Now(), d, "")
}

// ReturnCreated counts a return case that was filed.
func (m *Metrics) ReturnCreated() { m.returnsCreated.get(struct{}{}).inc() }

// ReturnTransition counts a change of a return case to status, one of the
// statuses of a return in upper or lower case; they are shown in upper case.
func (m *Metrics) ReturnTransition(status string) {
	m.returnTransition.get(m.returnStatuses.of(status)).inc()
}

// RefundCompleted counts a refund whose money has succeeded; method is card,
// cash, store_credit or original_method in upper or lower case, shown in
// upper case.
func (m *Metrics) RefundCompleted(method string) {
	m.refundsCompleted.get(m.refundMethods.of(method)).inc()
}

// RefundFailed counts a refund attempt that ended in a definite no. An unknown
// outcome is not a failure.
func (m *Metrics) RefundFailed() { m.refundsFailed.get(struct{}{}).inc() }

// CircuitOpened counts the start of an outage: the payment circuit opened
// after having been closed. Probes that fail during it are not counted.
func (m *Metrics) CircuitOpened() { m.circuitOpened.get(struct{}{}).inc() }

// CircuitRecovered counts the end of an outage and how long it took, from
// opening to closing.
func (m *Metrics) CircuitRecovered(mttr time.Duration) {
	m.circuitRecovered.get(struct{}{}).inc()
	m.circuitMTTR.get(struct{}{}).observe(m.config.Now(), mttr, "")
}

// CircuitState tells the state the payment circuit is in: closed, open or
// half_open. Other words are ignored.
func (m *Metrics) CircuitState(state string) {
	shown, ok := m.circuitStates.shown[state]
	if !ok {
		return
	}
	for _, s := range m.circuitStates.list {
		v := 0.0
		if s == shown {
			v = 1
		}
		m.circuitState.get(s).set(v)
	}
}

// ThrottleDecision counts a decision of the throttle: "allowed", "denied"
// (over the rate), "shed" (too busy) or "error" (could not decide, let
// through); anything else counts as "other".
func (m *Metrics) ThrottleDecision(result string) { m.throttle.get(m.decisions.of(result)).inc() }

// WorkerJob counts a job that the named background worker finished after d,
// with err when it failed.
func (m *Metrics) WorkerJob(worker string, d time.Duration, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.workerRuns.get(workerKey{worker, result}).inc()
	m.workerTime.get(worker).observe(m.config.Now(), d, "")
}

// Queue tells how many rows wait in a work queue (for example refunds of
// unknown outcome) and how old the oldest is; 0 and 0 for an empty one.
func (m *Metrics) Queue(queue string, depth int, oldest time.Duration) {
	m.queueDepth.get(queue).set(float64(depth))
	m.queueAge.get(queue).set(max(oldest, 0).Seconds())
}

// Outbox tells how many events a subscriber has not been given yet and how
// old the oldest of them is.
func (m *Metrics) Outbox(subscriber string, pending int, oldest time.Duration) {
	m.outboxRows.get(subscriber).set(float64(pending))
	m.outboxLag.get(subscriber).set(max(oldest, 0).Seconds())
}

// Event remembers that something happened; the last 100 are part of the
// snapshot. Payload is copied and freed of secrets, and may be nil. What can't
// be told in JSON is replaced by a text that says so.
func (m *Metrics) Event(name string, payload map[string]any) {
	m.ring.add(Event{
		Name:      name,
		Timestamp: m.config.Now().UTC().Truncate(time.Millisecond),
		Payload:   m.config.Redactor.Map(payload),
	})
}

// Events returns the last 100 events, oldest first. Their payloads must not be
// changed.
func (m *Metrics) Events() []Event { return m.ring.list() }
