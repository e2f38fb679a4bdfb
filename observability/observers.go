package observability

import (
	"context"
	"time"

	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/resilience"
	"github.com/returnkit/returnkit/returns"
)

// OrderObserver returns the observer for [orders.Config] that counts checkouts
// into m: those that were accepted, with how long that took, and those that
// failed. A declined payment is an answer, and counts as neither.
//
// It only counts. To log as well, embed it in a type of your own and log with the
// context of the method, the context of the request that made the change.
func OrderObserver(m *Metrics) orders.Observer { return orderObserver{m: m} }

type orderObserver struct {
	orders.NopObserver
	m *Metrics
}

func (o orderObserver) Accepted(_ context.Context, order orders.Order, mode orders.Status, took time.Duration) {
	o.m.orderSubmitted(order.Source)
	o.m.orderAccepted(string(mode))
	o.m.orderProcessed(string(mode), took)
}

func (o orderObserver) Failed(_ context.Context, source string, _ error) {
	o.m.orderSubmitted(source)
	o.m.orderFailed()
}

// RefundObserver returns the observer for [refunds.Config] that counts into m
// the refunds that succeeded, by method, and the attempts that were declined.
func RefundObserver(m *Metrics) refunds.Observer { return refundObserver{m: m} }

type refundObserver struct {
	refunds.NopObserver
	m *Metrics
}

func (o refundObserver) Completed(_ context.Context, r refunds.Refund) {
	o.m.refundsCompleted.get(o.m.refundMethods.any(string(r.Method))).Inc()
}

func (o refundObserver) Failed(context.Context, refunds.Refund) {
	o.m.refundsFailed.get("declined").Inc()
}

// ReturnObserver returns the observer for [returns.Config] that counts into m
// the return cases that were filed, and every change of a case's status.
func ReturnObserver(m *Metrics) returns.Observer { return returnObserver{m} }

type returnObserver struct{ m *Metrics }

func (o returnObserver) Created(context.Context, returns.Return) { o.m.returnsCreated.Inc() }

func (o returnObserver) StatusChanged(_ context.Context, _ returns.Return, _, to returns.Status) {
	o.m.returnTransition.get(o.m.returnStatuses.of(string(to))).Inc()
}

// WatchBreaker counts into m the outages that b, the breaker in front of the
// payment provider, finds from now on, and how long they last, and shows the
// state b is in, until cancel is called. Probes that fail during an outage are
// not outages of their own. An outage that ends by [resilience.Breaker.Reset]
// is not a recovery.
func (m *Metrics) WatchBreaker(b *resilience.Breaker) (cancel func()) {
	cancel = b.Subscribe(func(c resilience.Change) {
		m.setCircuitState(c.To)
		switch {
		case c.To == resilience.Open && c.From == resilience.Closed:
			m.circuitOpened.Inc()
		case c.To == resilience.Closed && c.Outage.Repaired:
			m.circuitRecovered.Inc()
			m.circuitMTTR.observe(m.config.Now(), c.Outage.TimeToRepair(), "")
		}
	})
	m.setCircuitState(b.State())
	return cancel
}

// setCircuitState shows the state the payment circuit is in.
func (m *Metrics) setCircuitState(state resilience.State) {
	for _, s := range circuitStates {
		v := 0.0
		if s == state {
			v = 1
		}
		m.circuitState.get(s.String()).Set(v)
	}
}

var circuitStates = [...]resilience.State{
	resilience.Closed, resilience.Open, resilience.HalfOpen, resilience.ForcedOpen, resilience.Disabled,
}
