package testreq

import "testing"

// asked is a test that notes whether it was skipped.
type asked struct {
	testing.TB

	skipped bool
}

// Skipf notes it and lets the test continue: a skip is a failure in CI.
func (a *asked) Skipf(string, ...any) { a.skipped = true }

// TestWhoSaysHowLongAskedForIt: commands in the documentation named the variable alone, and ran
// nothing.
func TestWhoSaysHowLongAskedForIt(t *testing.T) {
	t.Setenv(SlowEnv, "")
	t.Setenv(Env, "")
	for _, length := range []string{"", "200"} {
		t.Setenv("CRASHES", length)
		a := &asked{TB: t}
		if Slow(a, "./internal/testreq/", "CRASHES"); a.skipped != (length == "") {
			t.Errorf("CRASHES=%s: skipped is %v", length, a.skipped)
		}
	}
}
