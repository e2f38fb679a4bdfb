// Package observabilitydb keeps the KPIs of a shop in its database, so that
// they survive a restart and are the same on every replica.
//
// # Key figures
//
// A [Rollup] counts what the stores' events tell, per UTC quarter of an hour:
// every time zone is a whole number of quarters away from UTC, so the days of
// any zone add up exactly, those of 23 and 25 hours included. A quarter in
// which something happened is marked, and a marked quarter is counted again
// whole, so an event that comes late or twice is counted right all the same.
// [Reader.KPIs] adds up a quarter of a year in a zone, from days that it keeps
// until one of their quarters of an hour is counted anew.
//
// Every process calls [Rollup.Run] and has [Rollup.Note] watch the outbox of
// returns and refunds for the types that [EventTypes] names. Orders are found
// without a watcher.
//
// # Service levels
//
// A [Recorder] in each process appends what it saw in ten seconds (orders
// accepted by latency, checkouts failed) and the outages of its breaker.
// [Reader.SLO] adds them up over all processes: A.1, orders accepted, and P.1,
// their latency, each with its target, status and burn rate.
//
// # Dashboard
//
// [Reader.Dashboard] reads all of it on indexed ranges.
package observabilitydb
