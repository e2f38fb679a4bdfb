package refundstest_test

import (
	"testing"

	"github.com/returnkit/returnkit/refunds"
	"github.com/returnkit/returnkit/refunds/refundstest"
)

func TestMemoryStore(t *testing.T) {
	refundstest.TestStore(t, func(*testing.T) refunds.Store { return refundstest.NewStore() })
}
