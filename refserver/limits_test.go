package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/config"
)

// in returns what the pattern's group finds in a file of deploy.
func in(t *testing.T, file, pattern string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("deploy", file))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)`+pattern).FindAllStringSubmatch(string(raw), -1)
	if len(found) != 1 {
		t.Fatalf("%s has %q %d times, not once", file, pattern, len(found))
	}
	return found[0][1]
}

func inNumber(t *testing.T, file, pattern string) int {
	t.Helper()
	n, err := strconv.Atoi(in(t, file, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func inDuration(t *testing.T, file, pattern string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(in(t, file, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// largest is the largest value that a setting may have.
func largest(t *testing.T, field string) time.Duration {
	t.Helper()
	f, ok := reflect.TypeFor[config.Config]().FieldByName(field)
	if !ok {
		t.Fatalf("no setting %s", field)
	}
	found := regexp.MustCompile(`lte=(\w+)`).FindStringSubmatch(f.Tag.Get("validate"))
	if found == nil {
		t.Fatalf("%s has no upper limit", field)
	}
	d, err := time.ParseDuration(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Who waits must give up later than whom it waits for: else work continues that
// nobody waits for.
func TestTimeoutsAreInOrder(t *testing.T) {
	db, err := sqlstore.OpenConfig(t.Context(), sqlstore.Config{URL: sqlstoretest.PostgresURL(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	setting := func(name string) time.Duration {
		var ms int64
		err := db.Tx(t.Context(), "limits", func(ctx context.Context, tx bun.IDB) error {
			return tx.NewRaw("SELECT setting FROM pg_settings WHERE name = ?", name).Scan(ctx, &ms)
		})
		if err != nil {
			t.Fatal(err)
		}
		return time.Duration(ms) * time.Millisecond
	}
	type limit struct {
		who   string
		limit time.Duration
	}
	limits := []limit{
		{"client of the balancer", inDuration(t, "haproxy/haproxy.cfg", `^ +timeout client (\w+)$`)},
		{"balancer", inDuration(t, "haproxy/haproxy.cfg", `^ +timeout server (\w+)$`)},
		{"shop", writeTimeout},
		{"request, and with it the pool", requestTimeout},
		{"statement", setting("statement_timeout")},
		{"lock", setting("lock_timeout")},
		{"provider", largest(t, "PaymentProviderTimeout")},
	}
	for i, l := range limits[1:] {
		if l.limit <= 0 || l.limit >= limits[i].limit {
			t.Errorf(
				"%s gives up after %s, and %s, which waits for it, after %s",
				l.who,
				l.limit,
				limits[i].who,
				limits[i].limit,
			)
		}
	}
	if wait := largest(t, "CheckoutPaymentWait"); wait >= requestTimeout {
		t.Errorf("a checkout waits %s for the payment in a request of %s", wait, requestTimeout)
	}
	if grace := inDuration(
		t, "services.yml", `(?s)^    mem_limit: 512m\n    stop_grace_period: (\w+)\n\n  postgres:`,
	); grace <= drainTimeout {
		t.Errorf("the engine kills after %s a shop that drains for %s", grace, drainTimeout)
	}
}

// PostgreSQL must have a connection for all pools of all replicas together.
func TestThePoolsOfAllReplicasFitIntoPostgreSQL(t *testing.T) {
	db, err := sqlstore.OpenConfig(t.Context(), sqlstore.Config{URL: sqlstoretest.PostgresURL(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	pool := db.Writer().Stats().MaxOpenConnections
	replicas := inNumber(t, "dockercompose.replicas.yml", `^    scale: (\d+)$`)
	balanced := inNumber(t, "haproxy/haproxy.cfg", `^ +server-template shop 1-(\d+) `)
	allowed := inNumber(t, "services.yml", `"max_connections=(\d+)"`)
	const (
		migrating = 2 // a replica that starts holds a lock and migrates beside its pool
		reserved  = 3 // for the superuser
		people    = 5 // backup, psql
	)
	if balanced <= replicas {
		t.Errorf("the balancer knows %d replicas: a rolling upgrade of %d needs one more", balanced, replicas)
	}
	if needed := balanced*pool + migrating + reserved + people; pool <= 0 || needed > allowed {
		t.Errorf(
			"%d replicas with a pool of %d need %d connections; PostgreSQL has %d",
			balanced,
			pool,
			needed,
			allowed,
		)
	}
	for _, file := range []string{"dockercompose.standby.yml"} {
		raw, err := os.ReadFile(filepath.Join("deploy", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`max_connections=(\d+)`).FindAllStringSubmatch(string(raw), -1) {
			if m[1] != strconv.Itoa(allowed) {
				t.Errorf("%s: a database that takes over takes %s connections, not %d", file, m[1], allowed)
			}
		}
	}
}

func TestARequestEndsInTimeAndAStreamDoesNot(t *testing.T) {
	for _, tc := range []struct {
		name, method, path, accept string
		ends                       bool
	}{
		{"a page", http.MethodGet, "/", "text/html", true},
		{"a page requested as a stream", http.MethodGet, "/", "text/event-stream", true},
		{"a checkout requested as a stream", http.MethodPost, "/checkout", "text/event-stream", true},
		{"another method", http.MethodPost, "/admin/dashboard/stream", "text/event-stream", true},
		{"the dashboard's stream", http.MethodGet, "/admin/dashboard/stream", "text/event-stream", false},
		{"the notices' stream", http.MethodGet, "/notifications/stream", "text/event-stream", false},
		{"the file of an export", http.MethodGet, "/admin/operations/7/file", "", false},
		{"the page of an export", http.MethodGet, "/admin/operations/7", "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest(tc.method, tc.path, nil)
			r.Header.Set("Accept", tc.accept)
			limited(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				end, ok := r.Context().Deadline()
				if ok != tc.ends || ok && time.Until(end) > requestTimeout {
					t.Errorf("deadline %t, want %t", ok, tc.ends)
				}
			})).ServeHTTP(httptest.NewRecorder(), r)
		})
	}
}
