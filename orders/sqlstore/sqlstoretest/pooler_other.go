//go:build !unix

package sqlstoretest

import (
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
)

// PooledURL ends the test: no PgBouncer is started on this system.
func PooledURL(tb testing.TB, _ string) string {
	tb.Helper()
	testreq.SkipOrFail(tb, "no PgBouncer on this system")
	return ""
}
