package app

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/observability/observabilitydb"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/resilience"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/throttle"
)

// orderObserver counts what happens to orders and logs what people should
// read about. A checkout counts as submitted when it is accepted or failed: a
// declined card is an answer, and neither.
type orderObserver struct {
	orders.Observer
	levels *observabilitydb.Recorder
	log    *slog.Logger
}

// Accepted implements orders.Observer.
func (o orderObserver) Accepted(ctx context.Context, order orders.Order, mode orders.Status, took time.Duration) {
	o.Observer.Accepted(ctx, order, mode, took)
	o.levels.Accepted(took)
	event := "order_completed"
	if mode == orders.StatusQueued {
		event = "order_queued_for_retry"
	}
	o.tell(ctx, event, "order accepted", order)
}

// Declined implements orders.Observer.
func (o orderObserver) Declined(ctx context.Context, order orders.Order) {
	o.log.InfoContext(
		ctx,
		"order declined",
		"order_id",
		order.ID,
		"order_number",
		order.Number,
		"decline_code",
		order.Payment.DeclineCode,
		"failure",
		order.Payment.Failure,
	)
}

// Failed implements orders.Observer.
func (o orderObserver) Failed(ctx context.Context, source string, err error) {
	o.Observer.Failed(ctx, source, err)
	recordFailed(o.levels, err)
	o.log.ErrorContext(ctx, "checkout failed", "order_source", source, "error", err)
}

// Settled implements orders.Observer.
func (o orderObserver) Settled(ctx context.Context, order orders.Order, took time.Duration) {
	if order.Status == orders.StatusCompleted {
		o.tell(ctx, "order_completed", "queued order completed", order, "queued_for", took.String())
		return
	}
	o.log.InfoContext(
		ctx,
		"queued order cancelled",
		"order_id",
		order.ID,
		"order_number",
		order.Number,
		"reason",
		order.CancelReason,
		"queued_for",
		took.String(),
	)
}

func (o orderObserver) tell(ctx context.Context, event, message string, order orders.Order, more ...any) {
	if order.Credit.Amount > 0 {
		more = append(more, "store_credit_minor", order.Credit.Amount)
	}
	o.log.InfoContext(
		ctx,
		message,
		append([]any{observability.EventKey, event, "order_id", order.ID, "order_number", order.Number,
			"total_minor", order.Total(), "currency", order.Currency, "order_source", order.Source}, more...)...)
}

// watchBreaker turns the breaker's changes into metrics and events, and wakes
// those who wait for the provider when it is back.
func watchBreaker(b *resilience.Breaker, m *observability.Metrics, log *slog.Logger, recovered func()) (cancel func()) {
	stopMetrics := m.WatchBreaker(b)
	stopLog := b.Subscribe(func(c resilience.Change) {
		log.Info("payment circuit changed", observability.EventKey, "payment_circuit_state_change",
			"from", c.From, "to", c.To, "reason", c.Reason)
		switch {
		case c.To == resilience.Open && c.From == resilience.Closed:
			log.Warn("payment circuit opened", observability.EventKey, "payment_circuit_opened",
				"reason", c.Reason, "consecutive_failures", c.Counts.ConsecutiveFailures)
		case c.To == resilience.Closed && c.Outage.Repaired:
			log.Info("payment service recovered", observability.EventKey, "payment_service_recovered",
				"mttr_seconds", c.Outage.TimeToRepair().Seconds(), "rejected", c.Outage.Rejected)
		}
		if c.To == resilience.Closed {
			recovered()
		}
	})
	return func() { stopMetrics(); stopLog() }
}

// throttleWord is a verdict in the words of the metrics.
func throttleWord(v throttle.Verdict) string {
	switch v.Result {
	case throttle.Admitted:
		return "allowed"
	case throttle.Refused, throttle.RefusedCost:
		return "denied"
	case throttle.FailedOpen, throttle.FailedClosed:
		return "error"
	}
	return "other"
}

// component makes a health component of a check.
func component(name string, critical bool, check func(context.Context) error) observability.Component {
	return observability.Component{Name: strings.ReplaceAll(name, " ", "_"), Critical: critical, Check: check}
}

// refundObserver counts what happens to refunds. It is called after the commit.
type refundObserver struct {
	refunds.Observer
	log *slog.Logger
}

// Completed implements refunds.Observer.
func (o refundObserver) Completed(ctx context.Context, r refunds.Refund) {
	o.Observer.Completed(ctx, r)
	o.log.InfoContext(
		ctx,
		"refund completed",
		append([]any{observability.EventKey, "refund_completed"}, refundFields(r)...)...)
}

// Failed implements refunds.Observer.
func (o refundObserver) Failed(ctx context.Context, r refunds.Refund) {
	o.Observer.Failed(ctx, r)
	o.log.WarnContext(
		ctx,
		refundFailedMessage(r),
		append([]any{observability.EventKey, "refund_failed"}, refundFields(r)...)...)
}

// RefundUnavailable counts and logs a refund that was answered while its outcome is not known.
func (s *App) RefundUnavailable(ctx context.Context, r refunds.Refund) {
	s.Metrics.RefundUnavailable()
	log, fields := observability.Named(s.Log, "refunds"), refundFields(r)
	log.WarnContext(
		ctx,
		"Refund attempt failed via circuit breaker",
		append([]any{"reason", r.Work.LastError}, fields...)...)
	log.WarnContext(ctx, refundFailedMessage(r),
		append([]any{observability.EventKey, "refund_failed", "reason", "unavailable"}, fields...)...)
}

// refundFailedMessage is what the log says of a refund that was answered without success.
func refundFailedMessage(r refunds.Refund) string {
	return "Refund failed for return " + r.ClientReference
}

// Queued implements refunds.Observer.
func (o refundObserver) ReviewRequired(ctx context.Context, r refunds.Refund) {
	o.log.ErrorContext(ctx, "refund needs manual review: its outcome is unknown", refundFields(r)...)
}

// Reversed implements refunds.Observer.
func (o refundObserver) Reversed(ctx context.Context, r refunds.Refund) {
	o.log.ErrorContext(ctx, "refund was reversed by the provider", refundFields(r)...)
}

func refundFields(r refunds.Refund) []any {
	fields := []any{"refund_id", r.ID, "return_id", r.ClientReference, "order_id", r.OrderID, "refund_method", r.Method,
		"amount_minor", r.Amount(), "currency", r.Quote.Currency}
	if a := r.Attempt(); a != nil {
		fields = append(fields, "attempt", a.Number, "provider_reference", a.ProviderID, "failure_code", a.FailureCode)
	}
	return fields
}

// returnObserver counts what happens to return cases.
type returnObserver struct {
	returns.Observer
	log *slog.Logger
}

// Created implements returns.Observer.
func (o returnObserver) Created(ctx context.Context, r returns.Return) {
	o.Observer.Created(ctx, r)
	o.log.InfoContext(
		ctx,
		"return requested",
		observability.EventKey,
		"return_request_created",
		"return_id",
		r.ID,
		"order_id",
		r.OrderID,
		"reason",
		r.Reason,
		"lines",
		len(r.Lines),
		"photos",
		len(r.Evidence),
	)
}

// StatusChanged implements returns.Observer.
func (o returnObserver) StatusChanged(ctx context.Context, r returns.Return, from, to returns.Status) {
	o.Observer.StatusChanged(ctx, r, from, to)
	o.log.InfoContext(ctx, "return moved", "return_id", r.ID, "rma", r.RMA, "from", from, "to", to)
}
