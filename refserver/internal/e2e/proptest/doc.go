// Package proptest runs random sequences of what customers, staff, the payment
// provider, banks, the clock and the operator do to a running shop, over HTTP,
// beside a plain model of what should follow. The provider's messages go to
// a mailbox, from which a sequence delivers them in order, backwards, twice or
// late. Where a sequence fails it is cut
// down to the shortest one that still does.
//
// A sequence has a currency (USD, JPY, KWD or UGX) and the shop's own card form or the
// provider's page. Several products are sold under several policies, in flash sales and at
// prices that change while somebody looks at the cart, from two tabs; store credit pays
// first, and a card or cash the rest; others refund payments on the provider's own pages.
// What was done and had an effect is counted and printed: with 100 sequences or more,
// each kind must be there.
//
// A short form runs with the other tests. The long one, of as many sequences as
// wanted, on SQLite and on PostgreSQL:
//
//	SEQUENCES=500 go test -v -timeout 120m ./refserver/internal/e2e/proptest/
//
// The seed is printed; SEED=n before the command runs the same sequences again, and
// ONLY=k with it the k-th of them alone, FROM=k those from the k-th on.
package proptest
