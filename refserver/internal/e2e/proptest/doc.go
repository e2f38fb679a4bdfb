// Package proptest runs random sequences of what customers, staff, the payment
// provider, banks, the clock and the operator do to a running shop, over HTTP,
// beside a plain model of what should come of it. The provider's messages go to
// a mailbox, from which a sequence delivers them in order, backwards, twice or
// late. Where a sequence fails it is cut
// down to the shortest one that still does.
//
// A short form runs with the other tests. The long one, of as many sequences as
// wanted, on SQLite and on PostgreSQL:
//
//	SEQUENCES=500 go test -v -timeout 120m ./refserver/internal/e2e/proptest/
//
// The seed is printed; SEED=n before the command runs the same sequences again.
package proptest
