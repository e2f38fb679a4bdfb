package refundstest

import (
	"testing"

	"github.com/returnkit/returnkit/refunds"
)

func TestEveryCutPointInMemory(t *testing.T) {
	t.Parallel()
	TestCrashes(t, Crashes{NewStore: func(testing.TB) refunds.Store { return NewStore() }})
}

func TestRandomCrashesInMemory(t *testing.T) {
	t.Parallel()
	TestRandomCrashes(t, Crashes{NewStore: func(testing.TB) refunds.Store { return NewStore() }}, 500)
}
