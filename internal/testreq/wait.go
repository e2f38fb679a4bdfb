package testreq

import (
	"context"
	"testing"
	"time"
)

const (
	// noDeadline is the time of a test that has no deadline, such as a benchmark.
	noDeadline = 10 * time.Minute
	// tick is how often Until looks.
	tick = 2 * time.Millisecond
)

// Patience returns how long a test waits for what must happen: half of the time until its
// own deadline (go test -timeout), so that a slow machine is given more by one flag, and
// what never happens fails by name before the deadline does. Call it where the waiting begins, and
// not in a bubble of testing/synctest, whose clock is its own.
func Patience(tb testing.TB) time.Duration {
	if t, ok := tb.(interface{ Deadline() (time.Time, bool) }); ok {
		if deadline, ok := t.Deadline(); ok {
			return time.Until(deadline) / 2
		}
	}
	return noDeadline
}

// Context returns the context of the test, ended after its Patience. It outlives the test's
// own end when it is called in a Cleanup, where a server is stopped.
func Context(tb testing.TB) (context.Context, context.CancelFunc) {
	parent := tb.Context()
	if parent.Err() != nil {
		parent = context.WithoutCancel(parent)
	}
	return context.WithTimeout(parent, Patience(tb))
}

// Until polls until the condition holds, and fails the test after its Patience.
func Until(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	UntilEvery(tb, tick, what, holds)
}

// UntilEvery is Until for a condition that is dear to look at.
func UntilEvery(tb testing.TB, every time.Duration, what string, holds func() bool) {
	tb.Helper()
	patience := Patience(tb)
	deadline := time.Now().Add(patience)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			tb.Fatalf("waited %s for %s", patience.Round(time.Second), what)
		}
		<-ticker.C
	}
}
