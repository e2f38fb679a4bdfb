// Package observabilitydb keeps the KPIs of a shop in its database, so that
// they survive a restart and are the same on every replica.
//
// # Key figures
//
// A [Rollup] counts what the stores' events report, per UTC quarter of an hour: every
// time zone is a whole number of quarters away from UTC, so the days of any zone add
// up exactly, days of 23 and 25 hours included. A quarter in which something happened
// is marked, and a marked quarter is counted again whole, so an event that comes late
// or twice is counted right all the same. [Reader.KPIs] adds up a quarter of a year in
// a zone, from days that it keeps until one of their quarters of an hour is counted
// anew.
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
//
// # Tables
//
// All names begin with the prefix of the handle, rk_ by default.
//
//	rk_kpi_quarters   what happened in each quarter of an hour
//	rk_kpi_shares     the same by name, such as the reasons of returns
//	rk_kpi_cases      when a closed return reached each stage
//	rk_kpi_days       how often something was counted on each day
//	rk_kpi_dirty      the quarters that are to be counted again
//	rk_kpi_swept      up to when events were looked for: one row
//	rk_slo_deltas     what a process saw in ten seconds
//	rk_slo_outages    the outages of a breaker
//
// # Concurrency
//
// A [Rollup], a [Recorder] and a [Reader] are safe for concurrent use, and every
// process has its own on one database.
package observabilitydb
