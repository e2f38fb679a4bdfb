package web

import (
	"slices"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/auth/access"
)

// TestTheAuditCanBeFilteredByAllThatIsRecorded: each kind of the table of routes is a choice.
func TestTheAuditCanBeFilteredByAllThatIsRecorded(t *testing.T) {
	t.Parallel()
	for _, r := range access.Routes() {
		if r.Audit != "" && !slices.Contains(logKinds, r.Audit) {
			t.Errorf("%s is recorded as %q, which is no choice of the page", r.Pattern, r.Audit)
		}
	}
}
