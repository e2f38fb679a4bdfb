package observability

import "time"

// orderSubmitted counts a checkout that was accepted or failed. source says
// where it came from, such as "web" or "partner"; of more than 64 sources the
// rest count as "other". A throttled or refused checkout is not submitted.
func (m *Metrics) orderSubmitted(source string) { m.ordersSubmitted.get(source).Inc() }

// orderAccepted counts an accepted order; mode is "completed" or "queued",
// anything else counts as "other".
func (m *Metrics) orderAccepted(mode string) { m.ordersAccepted.get(m.modes.of(mode)).Inc() }

// orderFailed counts a checkout that left no order because something broke.
func (m *Metrics) orderFailed() { m.ordersFailed.Inc() }

// orderProcessed records how long an order took from submission to its
// acceptance; mode as in orderAccepted.
func (m *Metrics) orderProcessed(mode string, d time.Duration) {
	m.orderProcessing.get(m.modes.of(mode)).observe(m.config.Now(), d, "")
}

// RefundUnavailable counts a request for a refund that was answered while its
// outcome was not known, because the provider could not be reached. The refund
// itself is settled later; [RefundObserver] counts the declined ones.
func (m *Metrics) RefundUnavailable() { m.refundsFailed.get("unavailable").Inc() }

// ThrottleDecision counts a decision of the throttle: "allowed", "denied"
// (over the rate), "shed" (too busy) or "error" (could not decide, let
// through); anything else counts as "other".
func (m *Metrics) ThrottleDecision(result string) { m.throttle.get(m.decisions.of(result)).Inc() }

// WorkerJob counts a job that the named background worker finished after d,
// with err when it failed.
func (m *Metrics) WorkerJob(worker string, d time.Duration, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.workerRuns.get(workerKey{worker, result}).Inc()
	m.workerTime.get(worker).observe(m.config.Now(), d, "")
}

// Queue records how many rows wait in a work queue (for example refunds of unknown
// outcome) and how old the oldest is; 0 and 0 for an empty one.
func (m *Metrics) Queue(queue string, depth int, oldest time.Duration) {
	m.queueDepth.get(queue).Set(float64(depth))
	m.queueAge.get(queue).Set(max(oldest, 0).Seconds())
}

// Outbox records how many events a subscriber has not been given yet and how old the
// oldest of them is.
func (m *Metrics) Outbox(subscriber string, pending int, oldest time.Duration) {
	m.outboxRows.get(subscriber).Set(float64(pending))
	m.outboxLag.get(subscriber).Set(max(oldest, 0).Seconds())
}

// countEvent remembers that something happened; the last 100 are part of the
// snapshot. Payload is copied and freed of secrets, and may be nil. What has
// no form in JSON is replaced by a text that says so.
func (m *Metrics) countEvent(name string, payload map[string]any) {
	m.ring.add(Event{
		Name:      name,
		Timestamp: m.config.Now().UTC().Truncate(time.Millisecond),
		Payload:   m.config.Redactor.mapOf(payload),
	})
}

// events returns the last 100 events, oldest first. Their payloads must not be
// changed.
func (m *Metrics) events() []Event { return m.ring.list() }
