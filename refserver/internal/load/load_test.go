package load

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
)

// shopDouble is as much of a shop as a load run needs. Each customer's cart
// can be ordered once per filling.
type shopDouble struct {
	mu       sync.Mutex
	filled   map[string]bool
	stock    int
	answers  []func(http.ResponseWriter) // in turn
	checkout int
	state    string // of the SLO cards
	empty    int    // checkouts of a cart that was not filled
	byCard   int
	queued   int            // orders that wait for the provider
	made     int            // products
	bought   map[string]int // how many carts a product was put into; may be nil
}

func ok(body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { _, _ = io.WriteString(w, body) }
}

func status(code int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { w.WriteHeader(code) }
}

func (d *shopDouble) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(
		"POST /register",
		func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) },
	)
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: r.FormValue("username")})
		http.Redirect(w, r, "/", http.StatusFound)
	})
	mux.HandleFunc("POST /add_to_cart", func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.filled[who(r)] = true
		if d.bought != nil {
			d.bought[r.FormValue("product_id")]++
		}
		_, _ = io.WriteString(w, `{}`)
	})
	mux.HandleFunc("POST /checkout", func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.filled[who(r)] {
			d.empty++
		}
		if r.FormValue("payment_method") == "Card" {
			d.byCard++
		}
		answer := d.answers[d.checkout%len(d.answers)]
		d.checkout++
		recorder := httptest.NewRecorder()
		answer(recorder)
		if recorder.Code == http.StatusOK {
			d.filled[who(r)] = false
		}
		w.WriteHeader(recorder.Code)
		_, _ = w.Write(recorder.Body.Bytes())
	})
	mux.HandleFunc("GET /api/products", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"products":[{"id":2,"stock":`+strconv.Itoa(d.stock)+`}]}`)
	})
	mux.HandleFunc("POST /api/admin/products/2", func(http.ResponseWriter, *http.Request) { d.stock = 1_000_000 })
	mux.HandleFunc("POST /api/admin/products", func(w http.ResponseWriter, _ *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.made++
		_, _ = io.WriteString(w, `{"product":{"id":`+strconv.Itoa(100+d.made)+`}}`)
	})
	mux.HandleFunc("GET /api/admin/slo", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(
			w,
			`{"queued_orders":`+strconv.Itoa(d.queued)+`,"cards":[
			{"id":"A.1","value":100.00,"target":99.00,"total":1000,"state":"`+d.state+`"},
			{"id":"P.1","value":null,"target":95.00,"total":1000,"state":"no_data"}]}`,
		)
	})
	return mux
}

func who(r *http.Request) string {
	c, err := r.Cookie("session")
	if err != nil {
		return ""
	}
	return c.Value
}

func drive(t *testing.T, d *shopDouble, o Options) (*Summary, string, error) {
	t.Helper()
	d.filled = map[string]bool{}
	server := httptest.NewServer(d.handler())
	t.Cleanup(server.Close)
	o.URL, o.AdminUser, o.AdminPassword = server.URL, "admin", "password"
	var out strings.Builder
	s, err := Run(t.Context(), o, &out)
	return s, out.String(), err
}

// TestARunWhoseOrdersStayQueuedIsReported: with all that was measured, and with the queue over time.
func TestARunWhoseOrdersStayQueuedIsReported(t *testing.T) {
	d := &shopDouble{
		state: "fulfilled", queued: 7, answers: []func(http.ResponseWriter){ok("your order is queued for retry")},
	}
	report := filepath.Join(t.TempDir(), "report.html")
	s, said, err := drive(t, d, Options{
		Rate: 20, Runs: 40, Users: 40, Settle: time.Millisecond, Report: report, Cards: []string{"A.1"},
	})
	if !errors.Is(err, ErrUnsettled) || s == nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if s.Unsettled != 7 || s.Queued == 0 || len(s.Cards) != 2 {
		t.Errorf("%+v", s)
	}
	if last := s.Seconds[len(s.Seconds)-1]; last.Waiting != 7 {
		t.Errorf("at the end %d orders wait", last.Waiting)
	}
	html, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Orders that wait for the payment provider", "<td>7</td>"} {
		if !strings.Contains(string(html), want) {
			t.Errorf("the report has no %q", want)
		}
	}
	if !strings.Contains(said, "not yet: 7 orders are still queued") {
		t.Errorf("it says %s", said)
	}
}

func TestARunCountsAnswersByWhatTheyMeanAndNeverChecksOutAnEmptyCart(t *testing.T) {
	d := &shopDouble{state: "fulfilled", answers: []func(http.ResponseWriter){
		ok("receipt"), ok("your order is queued for retry"), status(429), status(402), status(500),
	}}
	report := filepath.Join(t.TempDir(), "report.html")
	s, said, err := drive(
		t,
		d,
		Options{Rate: 200, Runs: 100, Users: 100, CardPercent: 30, Report: report, Cards: []string{"A.1"}},
	)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if got, want := s.Counts, (Counts{20, 20, 20, 20, 20}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	if s.AcceptedShare() != 100*40.0/60 {
		t.Errorf("accepted share %v: refused and throttled count in neither", s.AcceptedShare())
	}
	if d.empty != 0 || d.byCard != 30 {
		t.Errorf("%d empty carts were checked out; %d of 100 paid by card, want 30", d.empty, d.byCard)
	}
	if s.P50 <= 0 || s.P50 > s.P95 || s.P95 > s.P99 || s.P99 > s.Max {
		t.Errorf("latencies %s %s %s %s", s.P50, s.P95, s.P99, s.Max)
	}
	html, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"66.667 %", "<svg", "Throttled (429)", "SLO A.1"} {
		if !strings.Contains(string(html), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
}

func TestAnSLOThatIsNotFulfilledIsAnError(t *testing.T) {
	d := &shopDouble{state: "needs_attention", answers: []func(http.ResponseWriter){ok("receipt")}}
	s, said, err := drive(t, d, Options{Rate: 100, Runs: 10, Cards: []string{"A.1"}})
	if !errors.Is(err, ErrNotFulfilled) || s == nil || s.Completed != 10 || !strings.Contains(said, "needs_attention") {
		t.Errorf("%v\n%s", err, said)
	}
}

func TestTheLoopStaysOpenWhenAnswersAreSlow(t *testing.T) {
	const waits = 500 * time.Millisecond // at least, each of them
	slow := func(w http.ResponseWriter) { _, _ = io.WriteString(w, "receipt") }
	d := &shopDouble{state: "fulfilled", answers: []func(http.ResponseWriter){slow}}
	d.filled = map[string]bool{}
	inner := d.handler()
	release := make(chan struct{})
	var under atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/checkout" {
			if under.Add(1) == 100 {
				time.AfterFunc(waits, func() { close(release) })
			}
			<-release // none is answered before all are under way
		}
		inner.ServeHTTP(w, r)
	}))
	defer server.Close()
	ctx, cancel := testreq.Context(t)
	defer cancel()
	s, err := Run(
		ctx,
		Options{URL: server.URL, AdminUser: "a", AdminPassword: "b", Rate: 100, Runs: 100, Users: 100},
		io.Discard,
	)
	if err != nil {
		t.Fatal(err)
	}
	if s.Completed != 100 || s.Starved != 0 || s.P50 < waits {
		t.Errorf("completed %d, starved %d, p50 %s: waiting must show in the latency", s.Completed, s.Starved, s.P50)
	}
}

// Each of the sessions checks out as soon as its last checkout was answered:
// more are never under way at a time, and all of them are once.
func TestAClosedLoopGoesAsFastAsItsSessionsGo(t *testing.T) {
	const sessions, runs = 8, 200
	var under, highest atomic.Int64
	all := make(chan struct{})
	answers := []func(http.ResponseWriter){ok("receipt"), status(429)}
	d := &shopDouble{state: "fulfilled", filled: map[string]bool{}, answers: answers}
	inner := d.handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/checkout" {
			n := under.Add(1)
			defer under.Add(-1)
			if highest.Store(max(highest.Load(), n)); n == sessions {
				select {
				case <-all:
				default:
					close(all)
				}
			}
			<-all // none is answered before all sessions are under way
		}
		inner.ServeHTTP(w, r)
	}))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := Run(ctx, Options{
		URL: server.URL, AdminUser: "a", AdminPassword: "b", Closed: true, Runs: runs, Concurrency: sessions,
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if s.Completed+s.Throttled != runs || s.Completed != runs/2 || d.empty != 0 {
		t.Errorf("%d completed, %d throttled of %d; %d carts were empty", s.Completed, s.Throttled, runs, d.empty)
	}
	if s.Options.Users != sessions || highest.Load() != sessions || s.Starved != 0 {
		t.Errorf("%d sessions, at most %d at a time, starved %d times", s.Options.Users, highest.Load(), s.Starved)
	}
}

func TestOptionsThatCantBeRunAreRefusedWithWhatIsAllowed(t *testing.T) {
	good := Options{URL: "http://localhost:5000", Rate: 10}
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"an address without a host": {func(o *Options) { o.URL = "localhost" }, "http://localhost:5000"},
		"a rate of nothing":         {func(o *Options) { o.Rate = 0 }, "1 to 20000"},
		"a rate beyond the machine": {func(o *Options) { o.Rate = 1 << 20 }, "1 to 20000"},
		"no session":                {func(o *Options) { o.Closed, o.Concurrency = true, -1 }, "1 to 65536"},
		"an outage in a closed loop": {
			func(o *Options) { o.Closed, o.Outage, o.ProviderURL = true, time.Second, "http://x" }, "needs a rate",
		},
		"a run of hours":           {func(o *Options) { o.Duration = time.Hour }, "at most 10m"},
		"too many users":           {func(o *Options) { o.Users, o.Runs, o.Rate = 5000, 10000, 1000 }, "1 to 4000"},
		"more than all by card":    {func(o *Options) { o.CardPercent = 101 }, "0 to 100"},
		"an outage of no provider": {func(o *Options) { o.Outage = time.Second }, "--provider-url"},
		"an outage beyond the end": {
			func(o *Options) { o.Outage, o.ProviderURL = time.Hour, "http://x" }, "does not fit",
		},
	} {
		o := good
		c.change(&o)
		if _, err := o.complete(); !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v does not say %q", name, err, c.want)
		}
	}
	if _, err := Preset("nonsense"); err == nil || !strings.Contains(err.Error(), "availability-failure") {
		t.Errorf("an unknown preset: %v", err)
	}
}

func TestSeveralProductsAreBoughtInTurn(t *testing.T) {
	d := &shopDouble{state: "fulfilled", bought: map[string]int{}, answers: []func(http.ResponseWriter){ok("receipt")}}
	_, said, err := drive(t, d, Options{Rate: 200, Runs: 40, Users: 40, Products: 4})
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if d.made != 3 {
		t.Errorf("%d products were made, want 3 beside the one that is there", d.made)
	}
	for _, id := range []string{"2", "101", "102", "103"} {
		if n := d.bought[id]; n < 10 || n > 20 {
			t.Errorf("product %s went into %d carts of %v", id, n, d.bought)
		}
	}
	if _, _, err := drive(t, d, Options{Rate: 1, Products: 5001}); err == nil ||
		!strings.Contains(err.Error(), "1 to 5000 are allowed") {
		t.Errorf("5001 products: %v", err)
	}
}
