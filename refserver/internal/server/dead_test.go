package server_test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/returnkit/returnkit/refserver/internal/e2e/apptest"
)

// relay passes connections on to an address, until it is cut.
type relay struct {
	to string

	mu   sync.Mutex
	cut  bool
	open []net.Conn
}

// newRelay listens on loopback.
func newRelay(t *testing.T, to string) (r *relay, address string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r = &relay{to: to}
	t.Cleanup(func() { r.set(true); _ = l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			r.pass(from)
		}
	}()
	return r, l.Addr().String()
}

func (r *relay) pass(from net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut {
		_ = from.Close()
		return
	}
	network := "tcp"
	if strings.HasPrefix(r.to, "/") {
		network = "unix"
	}
	to, err := net.Dial(network, r.to)
	if err != nil {
		_ = from.Close()
		return
	}
	r.open = append(r.open, from, to)
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		go func() {
			_, _ = io.Copy(way[0], way[1]) // until either end is closed
			_ = way[0].Close()
		}()
	}
}

// set cuts all connections and takes no new ones, or takes them again.
func (r *relay) set(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
	for _, c := range r.open {
		if cut {
			_ = c.Close()
		}
	}
}

// behind is the address of a database behind a relay.
func behind(t *testing.T, database string) (*relay, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	to, query := u.Host, u.Query()
	if dir := query.Get("host"); dir != "" {
		port := query.Get("port")
		if port == "" {
			port = "5432"
		}
		to = dir + "/.s.PGSQL." + port
		query.Del("host")
		query.Del("port")
	}
	r, address := newRelay(t, to)
	u.Host, u.RawQuery = address, query.Encode()
	return r, u.String()
}

// While the database is away every answer is 503 in words, with when to come again; probes say why, and
// the shop follows when it is back.
func TestADatabaseThatIsAwayIsSaidInWords(t *testing.T) {
	t.Parallel()
	database, address := behind(t, apptest.PostgresURL(t))
	b := open(t, "DATABASE_URL="+address)
	b.customer("ada")
	ada, nobody := b.signInAs("ada", "correct horse"), b.visitor()
	ada.form("/add_to_cart", url.Values{"product_id": {"3"}}).want(t, http.StatusOK)
	asks := map[string]struct {
		kind string
		send func() answer
	}{
		"the storefront": {"text/html", func() answer { return ada.get("/") }},
		"the API":        {"application/json", func() answer { return ada.get("/api/products") }},
		"the cart": {"text/html", func() answer {
			return ada.form("/add_to_cart", url.Values{"product_id": {"3"}})
		}},
		"a checkout":  {"text/html", func() answer { return ada.form("/checkout", cash) }},
		"the returns": {"text/html", func() answer { return ada.get("/returns") }},
		"a sign-in": {"text/html", func() answer {
			return nobody.form("/login", url.Values{"username": {"ada"}, "password": {"correct horse"}})
		}},
		"a registration": {"text/html", func() answer {
			return nobody.form("/register", url.Values{
				"username": {"bob"}, "email": {"bob@example.com"}, "password": {"correct horse"},
			})
		}},
		"a partner": {"application/json", func() answer {
			return nobody.send("POST", "/api/partner/ingest", "text/csv", "id\n", "X-API-Key", "rkp_12345678_x")
		}},
	}
	database.set(true)
	for _, path := range probes {
		b.eventually("a probe that says that the database is away", func() bool {
			status, _, state, reason := b.health(path)
			return status == http.StatusServiceUnavailable && state == "DOWN" && reason == "unreachable"
		})
	}
	nobody.get("/health/live").want(t, http.StatusOK)
	for name, ask := range asks {
		t.Run(name, func(t *testing.T) {
			a := ask.send().want(t, http.StatusServiceUnavailable, "reach its database at the moment")
			if got := a.header.Get("Content-Type"); got != ask.kind+"; charset=utf-8" {
				t.Errorf("it is answered as %s", got)
			}
			if a.header.Get("Retry-After") == "" {
				t.Errorf("it does not say when to come again: %v", a.header)
			}
			for _, inside := range []string{"SQLSTATE", "pgx", "127.0.0.1", "connect", "auth:", "rk_"} {
				if strings.Contains(a.body, inside) {
					t.Errorf("the answer shows %q: %s", inside, shorten(a.body))
				}
			}
		})
	}
	database.set(false)
	b.eventually("a probe that says that all is well", func() bool {
		status, word, _, _ := b.health("/health/ready")
		return status == http.StatusOK && word == "UP"
	})
	ada.get("/").want(t, http.StatusOK, "Keyboard")
	ada.form("/checkout", cash).want(t, http.StatusOK)
}
