package testreq

import (
	"os"
	"slices"
	"testing"
)

// SlowEnv is the variable that runs the slow tests too when it is "1".
const SlowEnv = "SLOW"

// Slow skips a test that takes long, unless SLOW=1 or REQUIRE_ALL=1 asks for all: the quick
// set is what somebody waits for. name is the package as the command names it. Who sets one of the
// variables longer, which say how long the test runs, asks for it too.
func Slow(tb testing.TB, name string, longer ...string) {
	tb.Helper()
	asked := func(variable string) bool { return os.Getenv(variable) != "" }
	if os.Getenv(SlowEnv) != "1" && os.Getenv(Env) != "1" && !slices.ContainsFunc(longer, asked) {
		tb.Skipf("it takes long; SLOW=1 go test -run %s %s runs it", tb.Name(), name)
	}
}
