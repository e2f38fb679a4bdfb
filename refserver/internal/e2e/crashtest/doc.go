// Package crashtest kills and freezes the real processes of a shop (the
// server, its payment provider's answers, PostgreSQL) in the middle of refunds, of
// refunds that are split over several payments and of checkouts with store credit,
// and audits what is left. The short form runs with the other tests; the full
// one, of 200 kills of the server and 20 of PostgreSQL, by
//
//	CRASHES=200 go test -v -timeout 60m ./refserver/internal/e2e/crashtest/
package crashtest
