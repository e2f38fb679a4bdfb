package refundstest_test

import (
	"testing"

	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

func TestMemoryStore(t *testing.T) {
	refundstest.TestStore(t, func(*testing.T) refunds.Store { return refundstest.NewStore() })
}

func TestMemoryStoreIsLinearizable(t *testing.T) {
	refundstest.TestLinearizable(t, func(*testing.T) refunds.Store { return refundstest.NewStore() }, 200)
}

// Two openings of one reference, one of them again once it failed.
func TestAProgramIsReplayed(t *testing.T) {
	refundstest.ReplayLinearizable(t, func(*testing.T) refunds.Store { return refundstest.NewStore() }, [][]string{
		{"open 0 3", "fail 0", "open 0 4"},
		{"cut open 0 3", "state"},
	})
}
