// Package observability lets a shop see what it does: metrics for Prometheus
// and as a JSON snapshot, log lines that carry their request and no secrets,
// and health for people and orchestrators.
//
// # Metrics
//
// [NewMetrics] makes a [Metrics]; it has one small method for each fact, such
// as [Metrics.OrderAccepted] or [Metrics.CircuitOpened]. It is a
// prometheus.Collector, so the caller registers it where they like (there is
// no default registry here), and [Metrics.Snapshot] tells the same numbers as
// one JSON document, with latencies in milliseconds and a rolling minimum,
// maximum and 95th percentile. Both read the same counters, so they agree.
// Recording takes no lock and, once a series exists, does not allocate.
// Labels are bounded: routes by pattern and never by path, methods and
// statuses to the words there are, everything else to a cap of series.
//
// # Logs
//
// [NewLogHandler] composes slog handlers: fields of the request from the
// context ([WithRequest], [SetUserID]), redaction ([Redactor], usable alone),
// sampling of repeated lines, and a fan-out to a writer, an optional second
// one, and the event ring. [RequestID] is the middleware that gives every
// request its id and its W3C trace context; [TraceTransport] passes the trace
// on to the services the request calls.
//
// # Health
//
// A [Checker] runs named checks at the same time, each with a time limit that
// also holds for a check that ignores its context, and serves them as
// liveness, readiness, start-up and a report by component.
package observability
