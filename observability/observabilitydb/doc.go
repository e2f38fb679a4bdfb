// Package observabilitydb counts what happened from the events that the stores
// keep, so that the figures survive a restart and are the same on every
// replica.
//
// Counting is by UTC quarter of an hour in the database and by day in Go: every
// time zone is a whole number of quarters away from UTC, so the days of any
// zone add up exactly, those of 23 and 25 hours included.
package observabilitydb
