package browsertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
	"github.com/returnkit/returnkit/refserver/internal/e2e/process"
	"github.com/returnkit/returnkit/refserver/internal/load"
)

func TestMain(m *testing.M) { process.Main(m) }

// run starts the program, and stops it with the test.
func run(t *testing.T, settings []string, args ...string) *process.Process {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(process.Binary(t), args...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "DATA_DIR=" + dir, "PORT=0"}, settings...)
	return process.Start(t, cmd)
}

// ends waits until the program has ended by itself, well.
func ends(t *testing.T, p *process.Process) {
	t.Helper()
	if err := p.Wait(); err != nil {
		t.Fatalf("%s: %v\n%s", p, err, p.Output())
	}
	t.Log(p.Output())
}

// loadCommands are the commands of the runbook's demo that drive the shop.
func loadCommands(t *testing.T) [][]string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	_, demo, found := strings.Cut(string(text), "\n## The demo, step by step\n")
	if !found {
		t.Fatal("the runbook has no demo")
	}
	demo, _, _ = strings.Cut(demo, "\nWith the containers")
	var out [][]string
	for line := range strings.Lines(demo) {
		if args, ok := strings.CutPrefix(strings.TrimSpace(line), "./refserver.bin load "); ok {
			out = append(out, append([]string{"load"}, strings.Fields(strings.TrimSuffix(args, "&"))...))
		}
	}
	return out
}

func TestTheRunbooksDemoHasTheThreePresets(t *testing.T) {
	want := [][]string{{"load", "availability"}, {"load", "availability-failure"}, {"load", "performance"}}
	if got := loadCommands(t); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the demo runs %q, want %q", got, want)
	}
	for _, command := range want {
		if _, err := load.Preset(command[1]); err != nil {
			t.Error(err)
		}
	}
}

// TestTheDemo follows the demo of the runbook in a browser, with its load commands as they are
// written there. DEMO=full has them at full size; otherwise they are small, and how fast the
// machine answers (P.1) is shown but decides nothing.
func TestTheDemo(t *testing.T) {
	testreq.Slow(t, "./refserver/internal/e2e/browsertest/")
	d := newDemo(t)
	d.promote("kim")
	ends(t, d.preset(0, "--rate", "30", "--users", "40", "--duration", "4s"))
	d.tile("A.1", "fulfilled")
	page := d.receive()
	// So long that a slow machine, too, opens the page and sends the form while the provider is silent.
	failure := d.preset(1, "--rate", "30", "--users", "60", "--duration", "70s", "--outage", "45s")
	testreq.Until(t, "the prompt", func() bool {
		return strings.Contains(failure.Output(), "now refund "+load.DemoRMA)
	})
	if !strings.Contains(failure.Output(), d.shop.URL+page) {
		t.Errorf("the prompt does not name the page %s:\n%s", page, failure.Output())
	}
	d.untilDown()
	d.refund(page)
	d.see("it waits for the provider")
	d.hasLogged(page) // now, since the load logs more than is kept
	d.shot("refund-pending")
	ends(t, failure)
	d.retry(page)
	d.tile("A.1", "fulfilled")
	performance := d.preset(2, "--rate", "250", "--users", "120", "--duration", "4s")
	if err := performance.Wait(); d.full && err != nil {
		t.Errorf("the performance load: %v", err)
	}
	t.Log(performance.Output())
	d.tile("A.1", "fulfilled")
	if d.full {
		d.tile("P.1", "fulfilled")
	} else {
		d.tile("P.1", "Target at least 95 %")
	}
	d.shot("dashboard")
	d.scheme("dark")
	d.visit("/admin/dashboard")
	d.until("true", loaded)
	d.shot("dashboard-dark")
	d.hasCounted()
	d.hasPaidOnce()
}

// demo is the shop of the demo with who shows it.
type demo struct {
	*tab
	commands       [][]string
	full           bool
	provider, shop *process.Process
	admin          *client.Client
}

func newDemo(t *testing.T) *demo {
	t.Helper()
	browser := newBrowser(t)
	d := &demo{commands: loadCommands(t), full: os.Getenv("DEMO") == "full"}
	d.provider = run(t, nil, "paysim", "--addr", "127.0.0.1:0").MustOpen()
	d.shop = run(
		t, []string{"PAYMENT_PROVIDER_URL=" + d.provider.URL, "CHECKOUT_PAYMENT_WAIT=25ms", "HOST=127.0.0.1"},
	).MustOpen()
	d.tab = browser.open(t, d.shop.URL, 1280, 900, "demo")
	d.admin = client.New(d.shop.URL, testreq.Patience(t))
	if err := d.admin.SignIn(t.Context(), "super_admin", "super_admin_92587"); err != nil {
		t.Fatal(err)
	}
	return d
}

// preset starts a command of the runbook's demo; in the short form with flags that make it small.
func (d *demo) preset(i int, short ...string) *process.Process {
	d.t.Helper()
	args := slices.Clone(d.commands[i])
	if !d.full {
		args = append(args, short...)
	}
	args = append(args, "--url", d.shop.URL, "--report", "report.html")
	return run(d.t, []string{"PAYMENT_PROVIDER_URL=" + d.provider.URL}, args...)
}

// promote registers somebody, gives them the role of an admin on the page of the users, and
// signs in as them.
func (d *demo) promote(name string) {
	d.t.Helper()
	const password = "kim-of-the-demo"
	if err := client.New(d.shop.URL, testreq.Patience(d.t)).Register(d.t.Context(), name, password); err != nil {
		d.t.Fatal(err)
	}
	d.signIn("super_admin", "super_admin_92587")
	d.visit("/admin/users?q=" + name)
	d.choose(`form[method="post"][action="/admin/users"] select[name="role"]`, "admin")
	d.submit(`form[method="post"][action="/admin/users"]`)
	d.shot("promoted")
	d.signOut()
	d.signIn(name, password)
}

// receive records the parcel of the demo's return and its inspection, and returns its page.
func (d *demo) receive() string {
	d.t.Helper()
	d.visit("/admin/returns?q=" + load.DemoRMA)
	page := evaluate[string](d.tab,
		`document.querySelector('main a.mono[href^="/admin/returns/"]').getAttribute("href")`)
	d.visit(page)
	d.see(load.DemoRMA)
	d.submit(`form[action="` + page + `/receive"]`)
	d.submit(`form[action="` + page + `/inspection"]`)
	return page
}

// untilDown waits until the breaker is open.
func (d *demo) untilDown() {
	d.t.Helper()
	testreq.UntilEvery(d.t, 100*time.Millisecond, "the open breaker", func() bool {
		a, err := d.admin.Do(d.t.Context(), "GET", "/health", "", nil)
		return err == nil && strings.Contains(string(a.Body), `"payment_provider":{"status":"DOWN"`)
	})
}

// refund requests the refund by card.
func (d *demo) refund(page string) {
	d.t.Helper()
	d.visit(page)
	d.choose(`form[action="`+page+`/refund"] select[name="method"]`, "card")
	d.submit(`form[action="` + page + `/refund"]`)
}

// retry requests the refund again where it is still open, and waits until it is paid.
func (d *demo) retry(page string) {
	d.t.Helper()
	d.visit(page)
	if evaluate[bool](d.tab, `document.querySelector('form[action="`+page+`/refund"]') !== null`) {
		d.submit(`form[action="` + page + `/refund"]`)
	}
	testreq.UntilEvery(d.t, 200*time.Millisecond, "the refund to be paid", func() bool {
		c, err := d.admin.Case(d.t.Context(), strings.TrimPrefix(page, "/admin/returns/")) // super_admin bought it
		return err == nil && c.Status == "REFUNDED"
	})
	d.visit(page)
	d.shot("refunded")
}

// tile waits until the dashboard says so on the card of a promise.
func (d *demo) tile(id, words string) {
	d.t.Helper()
	d.visit("/admin/dashboard")
	d.until(words, fmt.Sprintf(
		`[...document.querySelectorAll("#levels .level")].map(c => c.innerText).find(t => t.includes(%q)) || ""`, id,
	))
}

// hasLogged requires both lines of the refund that the provider did not answer, with the
// request that made it.
func (d *demo) hasLogged(page string) {
	d.t.Helper()
	id := strings.TrimPrefix(page, "/admin/returns/")
	kim, err := d.userID("kim")
	if err != nil {
		d.t.Fatal(err)
	}
	requests := map[string]bool{}
	for _, message := range []string{"Refund attempt failed via circuit breaker", "Refund failed for return " + id} {
		found := false
		for line := range strings.Lines(d.shop.Output()) {
			var l struct {
				Level, Message, Path, Method string
				Request                      string `json:"request_id"`
				User                         string `json:"user_id"`
			}
			if json.Unmarshal([]byte(line), &l) != nil || l.Message != message {
				continue
			}
			found = true
			requests[l.Request] = true
			if l.Level != "WARNING" || l.Path != page+"/refund" || l.Method != "POST" || l.User != kim ||
				l.Request == "" {
				d.t.Errorf("the line is of %s", line)
			}
		}
		if !found {
			d.t.Errorf("the log has no line %q", message)
		}
	}
	if len(requests) != 1 {
		d.t.Errorf("the lines are of %d requests", len(requests))
	}
}

// userID is the id of an account, as the page of the accounts has it.
func (d *demo) userID(name string) (string, error) {
	a, err := d.admin.Do(d.t.Context(), "GET", "/admin/users?q="+name, "", nil)
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`/admin/users/([0-9a-f-]+)">` + name + `<`).FindSubmatch(a.Body)
	if found == nil {
		return "", errors.New("there is no account " + name)
	}
	return string(found[1]), nil
}

// hasCounted requires the counters that the demo names.
func (d *demo) hasCounted() {
	d.t.Helper()
	type series struct {
		Labels map[string]string
		Value  float64
		Stats  struct{ Count, P95 float64 }
	}
	var m struct{ Counters, Histograms map[string][]series }
	if _, err := d.admin.Call(d.t.Context(), "/admin/metrics", nil, &m); err != nil {
		d.t.Fatal(err)
	}
	has := func(all map[string][]series, name string, labels ...string) {
		d.t.Helper()
		for _, s := range all[name] {
			matches := s.Value+s.Stats.Count > 0
			for i := 0; i+1 < len(labels); i += 2 {
				matches = matches && s.Labels[labels[i]] == labels[i+1]
			}
			if matches {
				return
			}
		}
		d.t.Errorf("nothing is counted in %s %q: %v", name, labels, all[name])
	}
	has(m.Counters, "refunds_failed_total", "reason", "unavailable")
	has(m.Counters, "refunds_completed_total", "method", "CARD")
	has(m.Counters, "http_requests_total", "endpoint", "/checkout", "method", "POST", "status", "200")
	has(m.Counters, "http_requests_total", "endpoint", "/checkout", "method", "POST", "status", "429")
	has(m.Counters, "orders_accepted_total", "mode", "completed")
	has(m.Counters, "orders_accepted_total", "mode", "queued")
	has(m.Counters, "payment_circuit_open_events_total")
	has(m.Counters, "payment_circuit_recoveries_total")
	has(m.Histograms, "http_request_latency_ms", "endpoint", "/checkout", "method", "POST", "status", "429")
	has(m.Histograms, "order_processing_latency_ms", "mode", "completed")
	for _, s := range m.Counters["refunds_failed_total"] {
		if s.Labels["reason"] == "declined" && s.Value != 0 {
			d.t.Errorf("an outage counts as %v declined refunds", s.Value)
		}
	}
}

// hasPaidOnce requires one refund of the demo's order in the provider's ledger.
func (d *demo) hasPaidOnce() {
	d.t.Helper()
	ledger, err := client.ReadLedger(d.t.Context(), d.provider.URL)
	if err != nil {
		d.t.Fatal(err)
	}
	if len(ledger.Refunds) != 1 || ledger.Refunds[0].Amount != 111000 {
		d.t.Errorf("the provider paid %+v, want 1110.00 once", ledger.Refunds)
	}
}
