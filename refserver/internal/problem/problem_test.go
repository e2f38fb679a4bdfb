package problem

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

// What the database had no time or room for is asked again; what it says
// itself is for the log alone.
func TestADatabaseThatDoesNotDoItsWorkIs503AndSaysWhenToComeBack(t *testing.T) {
	pg := func(code string) error { return &pgconn.PgError{Code: code, Message: "secret detail " + code} }
	for name, tc := range map[string]struct {
		err  error
		want int
	}{
		"a lock that was not free in time": {pg("55P03"), 503},
		"a statement that took too long":   {pg("57014"), 503},
		"a server that goes down":          {pg("57P01"), 503},
		"a full disk":                      {pg("53100"), 503},
		"no connection left":               {pg("53300"), 503},
		"a standby":                        {pg("25006"), 503},
		"no room for a file":               {fmt.Errorf("secret detail: %w", syscall.ENOSPC), 503},
		"a connection that was cut":        {fmt.Errorf("secret detail: %w", driver.ErrBadConn), 503},
		"a commit of unknown outcome":      {fmt.Errorf("secret detail: %w", sqlstore.ErrCommitUnknown), 503},
		"a request that took too long":     {fmt.Errorf("secret detail: %w", context.DeadlineExceeded), 503},
		"busy":                             {fmt.Errorf("secret detail: %w", sqldb.ErrBusy), 503},
		"a statement that makes no sense":  {pg("42601"), 500},
		"anything else":                    {errors.New("secret detail"), 500},
	} {
		t.Run(name, func(t *testing.T) {
			p := Of(fmt.Errorf("ordersdb: place order: %w", tc.err))
			h := http.Header{}
			p.SetRetryAfter(h)
			if p.Status != tc.want || !p.Internal || (h.Get("Retry-After") != "") != (tc.want == 503) {
				t.Errorf("status %d, Retry-After %q, logged %v", p.Status, h.Get("Retry-After"), p.Internal)
			}
			if strings.Contains(p.Message, "secret") || strings.Contains(p.Message, "ordersdb") {
				t.Errorf("the cause is shown: %s", p.Message)
			}
		})
	}
}
