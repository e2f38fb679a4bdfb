package audit_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/audit"
	"github.com/returnkit/returnkit/refserver/internal/auth"
)

// TestRefusalsAreRecordedWithinBounds: one client must not fill the trail, nor hide by doing so what others
// are refused.
func TestRefusalsAreRecordedWithinBounds(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		now := time.Now()
		l := newLog(t, db, func() time.Time { return now })
		refuse := func(times int, role auth.Role, address, reason string) {
			for i := range times {
				id := fmt.Sprint(role, " ", reason)
				if role == auth.Customer {
					id = fmt.Sprint("made up ", i) // an account costs nothing
				}
				ctx := auth.WithUser(event.WithSource(t.Context(), event.Source{Address: address, Request: "r"}),
					auth.User{ID: id, Username: id, Role: role})
				ctx, cancel := context.WithCancel(ctx)
				cancel() // who was refused has gone away
				l.Refused(ctx, audit.Entry{
					Type: "request.refused", SubjectID: fmt.Sprint(i),
					Details: map[string]string{"route": "POST /x", "reason": reason},
				})
			}
		}
		want := func(text string, n int) {
			t.Helper()
			page, err := l.Entries(t.Context(), audit.Query{Text: text, Limit: 1000})
			if err != nil || len(page.Entries) != n {
				t.Errorf("%d entries of %q, %v; want %d", len(page.Entries), text, err, n)
			}
		}
		refuse(50, auth.Customer, "192.0.2.1", "FORBIDDEN")
		want("FORBIDDEN", 10)
		refuse(50, auth.Finance, "192.0.2.1", "FORBIDDEN") // at the same address
		want("FORBIDDEN", 20)
		refuse(50, auth.Finance, "192.0.2.2", "FORBIDDEN") // the same one at another address
		want("FORBIDDEN", 20)
		refuse(1, auth.Finance, "192.0.2.1", "OWN_CASE")
		want("OWN_CASE", 1)
		refuse(1, auth.Customer, "192.0.2.3", "FORBIDDEN")
		want("FORBIDDEN", 21)
		now = now.Add(time.Hour + time.Second)
		refuse(50, auth.Finance, "192.0.2.1", "FORBIDDEN")
		want("FORBIDDEN", 31)
		if _, err := l.Verify(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
