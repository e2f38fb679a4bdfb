package prometheus_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/config"
	"github.com/returnkit/returnkit/refserver/internal/paysim"
	"github.com/returnkit/returnkit/refserver/internal/server"
	"github.com/returnkit/returnkit/refserver/internal/testlog"
)

// TestPrometheusAnswersForEachMetric has a real Prometheus scrape a shop, and
// asks it for each metric, each panel of the dashboard and each rule.
func TestPrometheusAnswersForEachMetric(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("prometheus")
	if err != nil {
		testreq.SkipOrFail(t, "no prometheus: install the package prometheus")
	}
	s, base := startShop(t)
	traffic := newTraffic(t, s, base)
	traffic.round()
	p := startPrometheus(t, path, strings.TrimPrefix(base, "http://"))
	p.eventually("the shop to be scraped", `up == 1`)
	traffic.round()

	families, err := s.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		name := f.GetName()
		if f.GetType().String() == "HISTOGRAM" {
			name += "_count"
		}
		p.eventually(name, name)
	}
	// A rate needs two samples, and rules what they are made of.
	p.eventually("orders to be counted in time", `sum(rate(orders_submitted_total[1h])) > 0`)
	p.eventually("rules to be evaluated", `shop:orders_failed:ratio_rate5m >= 0`)
	for _, q := range panelQueries(t) {
		if n := p.query(q); n == 0 {
			t.Errorf("nothing comes of %s", q)
		}
	}
	for _, r := range readRules(t) {
		p.query(r.expr)
		if n := p.query(r.name); r.kind == "record" && n == 0 {
			t.Errorf("nothing is recorded as %s", r.name)
		}
	}
	p.rulesAreWell(len(readRules(t)))

	// A fault that nobody has to wait for: the provider tells of a second
	// payment of an order.
	const fires = `ALERTS{alertname="ProviderContradicts", about="payment", alertstate="firing"}`
	if n := p.query(fires); n != 0 {
		t.Errorf("%s before there was a contradiction", fires)
	}
	traffic.contradict()
	p.eventually("the alert of the contradiction", fires)
	const money = "ReconciliationDiffers|WebhooksNotTaken|MoneyAlarmsOpen"
	if n := p.query(`ALERTS{alertname=~"` + money + `", alertstate="firing"}`); n != 0 {
		t.Errorf("%d other alerts about money fire", n)
	}
}

const hookSecret = "whsec_of_this_test"

// contradict has the provider send a message that can't be true.
func (tr *traffic) contradict() {
	tr.t.Helper()
	found, _, err := tr.s.Orders.Orders(
		tr.t.Context(),
		orders.Query{Status: []orders.Status{orders.StatusCompleted}, PageSize: 1},
	)
	if err != nil || len(found) != 1 {
		tr.t.Fatalf("%d orders, %v", len(found), err)
	}
	o := found[0]
	body := fmt.Sprintf(
		`{"id":"evt_1","object":"event","type":"payment_intent.succeeded","created":%d,
		"data":{"object":{"id":"pi_second","object":"payment_intent",
		"amount":%[2]d,"amount_received":%[2]d,"currency":"usd","status":"succeeded",
		"metadata":{"order_id":%[3]q,"payment_id":%[4]q}}}}`,
		time.Now().Unix(),
		o.Payment.Amount,
		o.ID,
		o.Payment.ID,
	)
	signed := webhook.GenerateTestSignedPayload(
		&webhook.UnsignedPayload{Payload: []byte(body), Secret: hookSecret, Timestamp: time.Now()},
	)
	r, err := http.NewRequestWithContext(
		tr.t.Context(),
		http.MethodPost,
		tr.base+app.WebhookPath,
		strings.NewReader(body),
	)
	if err != nil {
		tr.t.Fatal(err)
	}
	r.Header.Set("Stripe-Signature", signed.Header)
	res, err := tr.c.Do(r)
	if err != nil {
		tr.t.Fatal(err)
	}
	answer, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil || string(answer) != "alarm\n" {
		tr.t.Fatalf("%s %q, %v; want an alarm", res.Status, answer, err)
	}
}

func startShop(t *testing.T) (*app.App, string) {
	t.Helper()
	c, err := config.Load(
		[]string{
			"DATA_DIR=" + t.TempDir(),
			"BREAKER_FAILURE_THRESHOLD=1",
			"BREAKER_OPEN_SECONDS=1",
			"STRIPE_WEBHOOK_SECRET=" + hookSecret,
		},
		"",
	)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := observability.NewMetrics(observability.MetricsConfig{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := app.Open(t.Context(), c, testlog.New(t, slog.LevelError, nil), metrics)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		ctx, cancel := testreq.Context(t)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	handler, err := server.New(s)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return s, srv.URL
}

// traffic is a customer who pays by card, and now and then during an outage.
type traffic struct {
	t    *testing.T
	s    *app.App
	c    *http.Client
	base string
}

func newTraffic(t *testing.T, s *app.App, base string) *traffic {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := &traffic{t, s, &http.Client{Jar: jar}, base}
	tr.post("/login", "username", s.Config.SuperAdminUsername, "password", string(s.Config.SuperAdminPassword))
	return tr
}

func (tr *traffic) post(path string, fields ...string) {
	tr.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	res, err := tr.c.PostForm(tr.base+path, form)
	if err != nil {
		tr.t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		tr.t.Error(err)
	}
	if res.StatusCode != http.StatusOK {
		tr.t.Fatalf("POST %s: %s", path, res.Status)
	}
}

func (tr *traffic) buy() {
	tr.t.Helper()
	tr.post("/add_to_cart", "product_id", "2")
	tr.post(
		"/checkout",
		"payment_method",
		"Card",
		"card_number",
		"4242424242424242",
		"card_exp_date",
		"12/2099",
		"card_type",
		"Visa",
	)
}

func (tr *traffic) round() {
	tr.t.Helper()
	tr.buy()
	for _, down := range []bool{true, false} {
		if err := tr.s.Simulator.SetFaults(paysim.Faults{Down: down}); err != nil {
			tr.t.Fatal(err)
		}
		tr.buy()
	}
}

// promServer is a Prometheus.
type promServer struct {
	t    *testing.T
	base string
}

var listening = regexp.MustCompile(`Listening on.*address=(127\.0\.0\.1:\d+)`)

func startPrometheus(t *testing.T, path, target string) *promServer {
	t.Helper()
	dir := t.TempDir()
	rules, err := filepath.Abs("rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	settings := fmt.Sprintf(`
global: {scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms}
rule_files: [%q]
scrape_configs: [{job_name: shop, static_configs: [{targets: [%q]}]}]
`, rules, target)
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(
		context.WithoutCancel(t.Context()),
		path,
		"--config.file="+file,
		"--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:0",
	)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("prometheus: %v", err)
		}
	})
	found := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(log)
		for lines.Scan() {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil && !strings.HasSuffix(m[1], ":0") {
				select {
				case found <- m[1]:
				default:
				}
			}
		}
		close(found)
	}()
	select {
	case address := <-found:
		if address == "" {
			t.Fatal("prometheus ended before it listened")
		}
		p := &promServer{t, "http://" + address}
		p.ready()
		return p
	case <-time.After(testreq.Patience(t)):
		t.Fatal("prometheus does not listen")
	}
	return nil
}

// ready waits until it answers queries.
func (p *promServer) ready() {
	p.t.Helper()
	for deadline := time.Now().Add(testreq.Patience(p.t)); ; time.Sleep(20 * time.Millisecond) {
		res, err := http.Get(p.base + "/-/ready")
		if err == nil {
			err = res.Body.Close()
		}
		if err == nil && res.StatusCode == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("prometheus does not get ready: %v", err)
		}
	}
}

// get reads an answer of the API into data.
func (p *promServer) get(path string, data any) {
	p.t.Helper()
	res, err := http.Get(p.base + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.Status != "success" {
		p.t.Fatalf("GET %s: %s %s, %v", path, answer.Status, answer.Error, err)
	}
}

// query returns how many series come of an expression.
func (p *promServer) query(expr string) int {
	p.t.Helper()
	var data struct{ Result []json.RawMessage }
	p.get("/api/v1/query?query="+url.QueryEscape(expr), &data)
	return len(data.Result)
}

func (p *promServer) eventually(what, expr string) {
	p.t.Helper()
	testreq.UntilEvery(p.t, 50*time.Millisecond, what, func() bool { return p.query(expr) != 0 })
}

func (p *promServer) rulesAreWell(want int) {
	p.t.Helper()
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	p.get("/api/v1/rules", &data)
	n := 0
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			n++
			if r.Health != "ok" {
				p.t.Errorf("rule %s is %s: %s", r.Name, r.Health, r.LastError)
			}
		}
	}
	if n != want {
		p.t.Errorf("Prometheus has %d rules, want %d", n, want)
	}
}

// panelQueries are those of the Grafana dashboard, with its variables filled in.
func panelQueries(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile("../grafana/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("$__rate_interval", "1m", "$__range", "1h")
	var all []string
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			all = append(all, fill.Replace(q.Expr))
		}
	}
	if len(all) == 0 {
		t.Fatal("the dashboard has no query")
	}
	return all
}
