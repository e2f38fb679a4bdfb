package refundstest

import (
	"testing"

	"github.com/returnkit/returnkit/refunds"
)

func TestEveryCutPointInMemory(t *testing.T) {
	t.Parallel()
	TestCrashes(t, Crashes{NewStore: func(testing.TB) refunds.Store { return NewStore() }})
}
