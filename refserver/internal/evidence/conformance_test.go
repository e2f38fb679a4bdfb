package evidence

import (
	"testing"

	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnstest"
)

func TestFilesConform(t *testing.T) {
	returnstest.TestEvidenceStore(t, func(t *testing.T) returns.EvidenceStore { return open(t, t.TempDir()) })
}
