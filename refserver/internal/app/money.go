package app

import "github.com/prometheus/client_golang/prometheus"

// moneyMetrics count what the shop hears from its payment provider and where
// the two differ. All series exist from the start, so that an alert on an
// increase sees the first one too.
type moneyMetrics struct {
	webhooks *prometheus.CounterVec
	alarms   *prometheus.CounterVec
	differs  *prometheus.GaugeVec // of the last night, by finding
	night    prometheus.Gauge
}

// The results of handling a message of the provider.
const (
	hookHandled  = "handled"
	hookRepeated = "repeated"       // it was dealt with before
	hookIgnored  = "ignored"        // of a type that means nothing here
	hookUnknown  = "unknown_object" // about something that is not ours
	hookAlarm    = "alarm"          // it contradicts what we know
	hookRefused  = "refused"        // not signed, or no event
	hookFailed   = "failed"         // to come again
	hookOff      = "off"            // no secret is set
)

// What an alarm is about.
const (
	aboutRefund  = "refund"
	aboutPayment = "payment"
	aboutOutside = "outside" // money that others gave back
)

func newMoneyMetrics() *moneyMetrics {
	m := &moneyMetrics{
		webhooks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payment_webhooks_total", Help: "Messages of the payment provider, by result.",
		}, []string{"result"}),
		alarms: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payment_alarms_total",
			Help: "Contradictions between the shop and its payment provider, by subject.",
		}, []string{"about"}),
		differs: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "refund_reconciliation_refunds",
			Help: "Refunds of the last nightly comparison with the provider's list, by finding.",
		}, []string{"finding"}),
		night: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "refund_reconciliation_last_success_timestamp_seconds",
			Help: "When the last nightly comparison with the provider's list ended, 0 before the first.",
		}),
	}
	for _, result := range []string{
		hookHandled, hookRepeated, hookIgnored, hookUnknown, hookAlarm, hookRefused, hookFailed, hookOff,
	} {
		m.webhooks.WithLabelValues(result)
	}
	for _, about := range []string{aboutRefund, aboutPayment, aboutOutside} {
		m.alarms.WithLabelValues(about)
	}
	return m
}

func (m *moneyMetrics) register(r prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{m.webhooks, m.alarms, m.differs, m.night} {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}
