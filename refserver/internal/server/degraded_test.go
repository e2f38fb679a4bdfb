package server_test

import (
	"bufio"
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/returnkit/returnkit/internal/redistest"
	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

// degraded waits for all probes to say that the shop works, but for one component.
func (b *bench) degraded(name string, want component) {
	b.t.Helper()
	for _, path := range probes {
		b.eventually(path+" to say that "+name+" is "+want.Status, func() bool {
			status, word, components := b.report(path)
			return status == http.StatusOK && word == string(observability.StatusDegraded) && components[name] == want
		})
	}
}

// up waits for all probes to say that all is well.
func (b *bench) up() {
	b.t.Helper()
	for _, path := range probes {
		b.eventually(path+" to say that all is well", func() bool {
			status, word, _ := b.report(path)
			return status == http.StatusOK && word == string(observability.StatusUp)
		})
	}
}

// TestPhotosThatCantBeStoredDoNotStopTheShop is fault O12: a directory of photos that is gone is made again, and
// where it can't be, a request with one is refused in words, and everything else works.
func TestPhotosThatCantBeStoredDoNotStopTheShop(t *testing.T) {
	t.Parallel()
	b := open(t)
	o := b.buy(b.customer("ada"), 4)
	ada, dir := b.signInAs("ada", "correct horse"), b.Config.EvidenceDir()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	ada.parts("/returns/request", returnForm(o), photo(t)).want(t, http.StatusFound)
	b.up()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // nobody can make the directory now
		t.Fatal(err)
	}
	b.degraded("photos", component{"DOWN", "unreachable"})
	a := ada.parts("/returns/request", returnForm(o), photo(t)).
		want(t, http.StatusServiceUnavailable, "Photos can&#39;t be stored at the moment")
	if a.header.Get("Retry-After") == "" || strings.Contains(a.body, dir) {
		t.Errorf("%v %s", a.header, shorten(a.body))
	}
	ada.parts("/returns/request", returnForm(o), nil).want(t, http.StatusFound)
	ada.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, http.StatusOK)
	ada.form("/checkout", cash).want(t, http.StatusOK)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	ada.parts("/returns/request", returnForm(o), photo(t)).want(t, http.StatusFound)
	b.up()
}

// TestADatabaseThatTakesNoWritesIsSaidToBeReadOnly: pages are shown, what would change something is 503 in words,
// and probes name the reason.
func TestADatabaseThatTakesNoWritesIsSaidToBeReadOnly(t *testing.T) {
	each(t, func(t *testing.T, settings ...string) {
		t.Parallel()
		b := open(t, settings...)
		b.customer("ada")
		ada, nobody := b.signInAs("ada", "correct horse"), b.visitor()
		b.readOnly(true)
		for _, path := range probes {
			b.eventually("a probe that says that nothing can be written", func() bool {
				status, word, database, reason := b.health(path)
				return status == http.StatusServiceUnavailable && word == string(observability.StatusDegraded) &&
					database == "DOWN" && reason == "read-only"
			})
		}
		for name, a := range map[string]answer{
			"the cart": ada.form("/add_to_cart", url.Values{"product_id": {"3"}}),
			"a sign-in": nobody.form("/login", url.Values{
				"username": {"ada"}, "password": {"correct horse"},
			}),
			"a registration": nobody.form("/register", url.Values{
				"username": {"bob"}, "email": {"bob@example.com"}, "password": {"correct horse"},
			}),
		} {
			if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" ||
				!strings.Contains(a.body, "save anything at the moment. Nothing was changed") {
				t.Errorf("%s is answered %d, Retry-After %q: %s", name, a.status, a.header.Get("Retry-After"),
					shorten(a.body))
			}
		}
		ada.get("/").want(t, http.StatusOK, "Keyboard")
		b.readOnly(false)
		b.up()
		ada.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, http.StatusOK)
	})
}

// readOnly has the database refuse all writes, or take them again.
func (b *bench) readOnly(on bool) {
	b.t.Helper()
	value := "off"
	if on {
		value = "on"
	}
	statements, db := []string{"PRAGMA query_only = " + value}, b.DB.Writer().DB
	if b.DB.Dialect() == sqlstore.Postgres {
		// Sessions that are there keep their setting.
		other, err := sql.Open("pgx", string(b.Config.DatabaseURL))
		if err != nil {
			b.t.Fatal(err)
		}
		defer other.Close()
		var name string
		if err := other.QueryRowContext(b.t.Context(), "SELECT current_database()").Scan(&name); err != nil {
			b.t.Fatal(err)
		}
		db = other
		statements = []string{
			"SET default_transaction_read_only = off",
			fmt.Sprintf("ALTER DATABASE %q SET default_transaction_read_only = %s", name, value),
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity " +
				"WHERE datname = current_database() AND pid <> pg_backend_pid()",
		}
		other.SetMaxOpenConns(1)
	}
	for _, s := range statements {
		if _, err := db.ExecContext(b.t.Context(), s); err != nil {
			b.t.Fatal(err)
		}
	}
}

// TestAShopStartsOnARedisThatRefusesEverything is fault S11: the shop exited where Redis was a replica, or had
// too many clients, when it started.
func TestAShopStartsOnARedisThatRefusesEverything(t *testing.T) {
	for name, tc := range map[string]struct{ refuse, serve string }{
		"a replica":        {"REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"},
		"too many clients": {"CONFIG SET maxclients 1", "CONFIG SET maxclients 100"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t)
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", redis.Socket())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			answers := bufio.NewReader(conn)
			say := func(command string) {
				t.Helper()
				if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
					t.Fatal(err)
				}
				if line, err := answers.ReadString('\n'); err != nil || !strings.HasPrefix(line, "+OK") {
					t.Fatalf("%s: %q, %v", command, line, err)
				}
			}
			say(tc.refuse)
			b := open(t, "REDIS_URL="+redis.URL(), "THROTTLING_MAX_RPS=1")
			b.degraded("redis", component{Status: "DOWN", Reason: "failed"})
			ada := b.signIn()
			passed := 0
			testreq.Until(t, "the limit of the shop itself", func() bool {
				ada.form("/add_to_cart", url.Values{"product_id": {"2"}}).want(t, http.StatusOK)
				a := ada.form("/checkout", cash)
				if a.status == http.StatusOK {
					passed++
				}
				return a.status == http.StatusTooManyRequests
			})
			if passed == 0 {
				t.Error("no checkout passed")
			}
			say(tc.serve)
			b.up()
		})
	}
}
