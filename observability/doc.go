// Package observability lets a shop see what it does: metrics for Prometheus
// and as a JSON snapshot, log lines that carry their request and no secrets,
// and health for people and orchestrators.
//
// # Metrics
//
// [NewMetrics] makes a [Metrics]. [OrderObserver], [RefundObserver] and
// [ReturnObserver] count into it what the services do, a line of their configs
// each, and [Metrics.WatchBreaker] the outages of the payment provider; other
// facts have a small method each, such as [Metrics.WorkerJob]. It is a
// prometheus.Collector, so the caller registers it where they like (there is
// no default registry here), and [Metrics.Snapshot] shows the same numbers as
// one JSON document, with latencies in milliseconds and a rolling minimum,
// maximum and 95th percentile.
//
// Counters, gauges and histograms are client_golang's, so both are read from the
// same place and agree. Two things are added. Labels are bounded: routes by
// pattern and never by path, methods and statuses to the words there are,
// everything else to a cap of series; and because a series once found is kept,
// recording takes no lock and does not allocate, at the price of a plain atomic
// number (a look-up by a vector costs 50 to 80 ns more). And the rolling
// minimum, maximum and percentile of the snapshot come from a window of our own:
// a summary of client_golang has no minimum and maximum, and takes a lock and
// six times as long. BenchmarkRecording shows all of them side by side.
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
//
// # Concurrency
//
// Metrics, handlers and checkers are safe for concurrent use.
//
// # Units
//
// Durations are seconds in the metrics of Prometheus and milliseconds in
// [Metrics.Snapshot]. Amounts are minor units of their currency.
//
// # Zero values
//
// A [Metrics] is made by [NewMetrics] alone, a [Checker] by [NewChecker]. The zero of
// each field of a config is documented with it.
package observability
