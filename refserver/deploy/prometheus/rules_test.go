// Package prometheus_test checks what operators are given: the alert rules and
// the Grafana dashboard.
package prometheus_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/observability"
)

func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		testreq.SkipOrFail(t, "no promtool: install the package prometheus")
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestRulesAreWellFormed(t *testing.T) { promtool(t, "check", "rules", "rules.yml") }

func TestAlertsFireOnFaultsAndAreSilentOtherwise(t *testing.T) {
	t.Parallel()
	promtool(t, "test", "rules", "rules_test.yml")
}

// rule is an alert or a recording rule.
type rule struct{ kind, name, expr string }

// ruleText is how each rule of rules.yml begins: its expression on one line.
var ruleText = regexp.MustCompile(`(?m)^ +- (record|alert): (\S+)\n +expr: (.+)$`)

func readRules(t *testing.T) []rule {
	t.Helper()
	raw, err := os.ReadFile("rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	var rules []rule
	for _, m := range ruleText.FindAllStringSubmatch(string(raw), -1) {
		rules = append(rules, rule{m[1], m[2], m[3]})
	}
	if n := strings.Count(string(raw), " expr:"); len(rules) != n {
		t.Fatalf("%d rules were read of %d", len(rules), n)
	}
	return rules
}

func TestEveryAlertIsSeenToFire(t *testing.T) {
	tests, err := os.ReadFile("rules_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range readRules(t) {
		if r.kind == "alert" && !strings.Contains(string(tests), `alertname="`+r.name+`"`) {
			t.Errorf("no test has %s fire", r.name)
		}
	}
}

// series are the names that the shop's own registry exposes.
func series(t *testing.T) map[string]bool {
	t.Helper()
	s, _ := startShop(t)
	m, registry := s.Metrics, s.Registry
	descs := make(chan *prometheus.Desc)
	go func() {
		registry.Describe(descs)
		close(descs)
	}()
	names := map[string]bool{"up": true, "ALERTS": true} // made by Prometheus
	fqName := regexp.MustCompile(`fqName: "([^"]+)"`)
	for d := range descs {
		name := fqName.FindStringSubmatch(d.String())[1]
		for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
			names[name+suffix] = true
		}
	}
	// The collector of the process describes no more than what it has.
	m.Middleware(http.NotFoundHandler(), observability.RouteOf(http.NewServeMux())).
		ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		names[f.GetName()] = true
	}
	for _, r := range readRules(t) {
		names[r.name] = true
	}
	return names
}

var (
	noise      = regexp.MustCompile(`"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(by|without|on|ignoring)\s*\([^)]*\)`)
	identifier = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*\s*\(?`)
)

// metricsOf returns the names of the metrics in a query.
func metricsOf(query string) []string {
	var names []string
	for _, word := range identifier.FindAllString(noise.ReplaceAllString(query, " "), -1) {
		switch word = strings.TrimSpace(word); {
		case strings.HasSuffix(word, "("), word == "and", word == "or", word == "unless":
		default:
			names = append(names, word)
		}
	}
	return names
}

func check(t *testing.T, known map[string]bool, where, query string) {
	t.Helper()
	names := metricsOf(query)
	if len(names) == 0 {
		t.Errorf("%s names no metric: %s", where, query)
	}
	for _, name := range names {
		if !known[name] {
			t.Errorf("%s names %s, which the shop doesn't have: %s", where, name, query)
		}
	}
}

func TestRulesAskForMetricsThatExist(t *testing.T) {
	known := series(t)
	for _, r := range readRules(t) {
		check(t, known, r.name, r.expr)
	}
}

func TestDashboardAsksForMetricsThatExist(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "grafana", "dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title, Type string
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &dashboard); err != nil {
		t.Fatal(err)
	}
	known := series(t)
	asked := map[string]bool{}
	for _, p := range dashboard.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("the panel %q has no query", p.Title)
		}
		for _, target := range p.Targets {
			check(t, known, p.Title, target.Expr)
			for _, name := range metricsOf(target.Expr) {
				asked[name] = true
			}
		}
	}
	for _, name := range []string{
		"orders_accepted_total", "order_processing_latency_seconds_bucket", "refunds_completed_total",
		"returns_created_total", "http_requests_total", "queue_depth", "outbox_lag_seconds", "throttle_decisions_total",
		"worker_jobs_total", "go_sql_in_use_connections",
	} {
		if !asked[name] {
			t.Errorf("no panel shows %s", name)
		}
	}
}

func TestMetricsOfAQuery(t *testing.T) {
	got := strings.Join(
		metricsOf(`1 - sum by (le) (rate(a_bucket{le="0.5", x="b_total"}[5m])) / sum(c:d) and max(e{}) > 14.4 * 0.01`),
		" ",
	)
	if got != "a_bucket c:d e" {
		t.Errorf("%q", got)
	}
}
