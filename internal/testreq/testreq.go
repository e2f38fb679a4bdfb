// Package testreq decides what a test does when something it needs outside of
// this module (a PostgreSQL server, a Redis, a browser) is not there, and how long it waits.
package testreq

import (
	"os"
	"testing"
)

// Env is the variable that turns every skip into a failure when it is "1": set
// where everything is installed, so that no test is left out unnoticed.
const Env = "REQUIRE_ALL"

// SkipOrFail ends the test: it is skipped, or with REQUIRE_ALL=1 it fails.
// The reason says what was looked for and how to provide it.
func SkipOrFail(tb testing.TB, reason string) {
	tb.Helper()
	if os.Getenv(Env) == "1" {
		tb.Fatalf("%s=1, and %s", Env, reason)
	}
	tb.Skip(reason)
}
