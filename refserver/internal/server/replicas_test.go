package server_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/observability/observabilitydb"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/config"
	"github.com/returnkit/returnkit/refserver/internal/e2e/apptest"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refserver/internal/server"
	"github.com/returnkit/returnkit/refserver/internal/testlog"
)

// replica is one process of a shop, with a member of staff before it.
type replica struct {
	t    *testing.T
	s    *app.App
	c    *http.Client
	srv  *httptest.Server
	stop func()
}

// openReplica opens a shop that logs to log, and signs the super admin in.
func openReplica(t *testing.T, log io.Writer, settings ...string) *replica {
	t.Helper()
	c, err := config.Load(
		append([]string{"DATA_DIR=" + t.TempDir(), "PAYMENT_PROVIDER_TIMEOUT=4s", "LOG_LEVEL=debug"}, settings...),
		"",
	)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := observability.NewMetrics(observability.MetricsConfig{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := observability.NewLogHandler(
		observability.LogConfig{Writer: log, File: testlog.File(t), Level: slog.LevelDebug, Events: metrics},
	)
	if err != nil {
		t.Fatal(err)
	}
	s, err := app.Open(t.Context(), c, slog.New(h), metrics, app.WithWeakHashes())
	if err != nil {
		t.Fatal(err)
	}
	handler, err := server.New(s)
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{t: t, s: s, c: &http.Client{Jar: jar}, srv: httptest.NewServer(handler)}
	r.stop = func() {
		r.stop = func() {}
		r.srv.Close()
		ctx, cancel := testreq.Context(t)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(func() { r.stop() })
	r.post("/login", "username", c.SuperAdminUsername, "password", string(c.SuperAdminPassword))
	testlog.Secret(t, string(c.SuperAdminPassword))
	testlog.Cookies(t, jar, r.srv.URL)
	return r
}

func (r *replica) do(req *http.Request) string {
	r.t.Helper()
	res, err := r.c.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		r.t.Fatalf("%s %s: %s, %v\n%.2000s", req.Method, req.URL, res.Status, err, body)
	}
	return string(body)
}

func (r *replica) get(path string) string {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.srv.URL+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.do(req)
}

func (r *replica) post(path string, fields ...string) string {
	r.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	req, err := http.NewRequestWithContext(
		r.t.Context(),
		http.MethodPost,
		r.srv.URL+path,
		strings.NewReader(form.Encode()),
	)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r.do(req)
}

// buy orders a product by card.
func (r *replica) buy(card string) {
	r.t.Helper()
	r.post("/add_to_cart", "product_id", "2")
	r.post("/checkout", "payment_method", "Card", "card_number", card, "card_exp_date", "12/2099", "card_type", "Visa")
}

// dashboard returns the values of the dashboard as both its page and programs read them:
// the two sections of the page, and the service levels.
func (r *replica) dashboard(now time.Time) (page []string, d observabilitydb.Dashboard) {
	r.t.Helper()
	html := r.get("/admin/dashboard?quarter=" + observabilitydb.QuarterAt(now, time.UTC).String() + "&zone=UTC")
	page = sections.FindAllString(html, -1)
	if len(page) < 2 {
		r.t.Fatalf("the page has %d sections of figures", len(page))
	}
	d, err := r.s.Figures.Dashboard(
		r.t.Context(),
		observabilitydb.DashboardRequest{Now: now, Quarter: observabilitydb.QuarterAt(now, time.UTC), Zone: time.UTC},
	)
	if err != nil {
		r.t.Fatal(err)
	}
	return page, d
}

var sections = regexp.MustCompile(`(?s)<section id="(levels|figures|chart-[a-z]+)".*?</section>`)

// TestReplicasShowTheSameFiguresAndKeepThemOverARestart sells on two processes
// on one PostgreSQL, and has one stop and another take its place.
func TestReplicasShowTheSameFiguresAndKeepThemOverARestart(t *testing.T) {
	t.Parallel()
	provider, err := paysim.New(paysim.Config{Ledger: t.TempDir() + "/ledger"})
	if err != nil {
		t.Fatal(err)
	}
	address, err := provider.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := provider.Close(); err != nil {
			t.Error(err)
		}
	})
	settings := []string{"DATABASE_URL=" + apptest.PostgresURL(t), "PAYMENT_PROVIDER_URL=" + address}
	one, two := openReplica(t, io.Discard, settings...), openReplica(t, io.Discard, settings...)
	for range 3 {
		one.buy("4242424242424242")
	}
	two.buy("4242424242424242")
	for _, r := range []*replica{one, two} {
		if err := r.s.CountNow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	page, want := one.dashboard(now)
	if want.SLO.Acceptance.Good.Whole < 4 || want.Total.Orders < 4 {
		t.Fatalf("%d checkouts and %d orders are counted of 4", want.SLO.Acceptance.Good.Whole, want.Total.Orders)
	}
	same := func(who string, r *replica) {
		t.Helper()
		otherPage, other := r.dashboard(now)
		if !reflect.DeepEqual(other, want) {
			t.Errorf("%s reads\n%+v, want\n%+v", who, other, want)
		}
		if !reflect.DeepEqual(otherPage, page) {
			t.Errorf("%s shows\n%s\nwant\n%s", who, otherPage, page)
		}
	}
	same("the other replica", two)
	one.stop()
	same("the replica that stays", two)
	same("the replica that takes its place", openReplica(t, io.Discard, settings...))

	var answer struct {
		Cards []struct {
			State string
			Total int64
		}
	}
	if err := json.Unmarshal([]byte(two.get("/api/admin/slo")), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Cards[0].Total != want.SLO.Acceptance.Good.Whole || answer.Cards[0].State != "fulfilled" {
		t.Errorf("programs read %+v", answer.Cards)
	}
}
