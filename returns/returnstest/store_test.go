package returnstest_test

import (
	"testing"

	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnstest"
)

func TestMemoryStore(t *testing.T) {
	returnstest.TestStore(t, func(*testing.T) returns.Store { return returnstest.NewStore() })
}

func TestMemoryEvidenceStore(t *testing.T) {
	returnstest.TestEvidenceStore(t, func(*testing.T) returns.EvidenceStore { return returnstest.NewEvidenceStore() })
}
