package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/testlog"
)

// output is what a command writes, safe to read while it runs.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// running is a command under way in this process.
type running struct {
	t              *testing.T
	stdout, stderr *output
	cancel         context.CancelFunc
	done           chan error
	ended          bool
}

func start(t *testing.T, environ []string, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &running{t: t, stdout: &output{}, stderr: &output{}, cancel: cancel, done: make(chan error, 1)}
	// The .env file of whoever runs the tests must not count.
	args = append(args, "--env-file", filepath.Join(t.TempDir(), "none"))
	log := io.MultiWriter(r.stdout, testlog.File(t))
	go func() { r.done <- Run(ctx, args, environ, log, r.stderr) }()
	t.Cleanup(func() {
		if !r.ended {
			r.cancel()
			<-r.done
		}
	})
	return r
}

// stop tells the command to stop and returns its error.
func (r *running) stop() error {
	r.t.Helper()
	r.cancel()
	return r.wait()
}

// wait waits for the command to end by itself.
func (r *running) wait() error {
	r.t.Helper()
	select {
	case err := <-r.done:
		r.ended = true
		return err
	case <-time.After(testreq.Patience(r.t)):
		r.t.Fatal("the command does not end")
		return nil
	}
}

var addressPattern = regexp.MustCompile(`http://[^\s"]+`)

// url waits for the address that the command prints.
func (r *running) url() string {
	r.t.Helper()
	for deadline := time.Now().Add(testreq.Patience(r.t)); time.Now().Before(deadline); {
		if found := addressPattern.FindString(r.stderr.String()); found != "" {
			return found
		}
		select {
		case err := <-r.done:
			r.ended = true
			r.t.Fatalf("it stopped: %v\n%s%s", err, r.stdout, r.stderr)
		case <-time.After(5 * time.Millisecond):
		}
	}
	r.t.Fatalf("no address was printed\n%s%s", r.stdout, r.stderr)
	return ""
}

func client(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: testreq.Patience(t)}
}

func signIn(t *testing.T, base string) *http.Client {
	t.Helper()
	c := client(t)
	res, err := c.PostForm(base+"/login", url.Values{"username": {"super_admin"}, "password": {"super_admin_92587"}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.Request.URL.Path != "/" || res.StatusCode != http.StatusOK {
		t.Fatalf("sign-in ended at %s with %s", res.Request.URL.Path, res.Status)
	}
	testlog.Secret(t, "super_admin_92587")
	testlog.Cookies(t, c.Jar, base)
	return c
}

// getJSON reads an answer of 200 into v.
func getJSON(t *testing.T, c *http.Client, address string, v any) {
	t.Helper()
	res, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %v %s", address, res.Status, err, body)
	}
	if err := json.Unmarshal(body, v); err != nil {
		t.Fatalf("GET %s: %v in %s", address, err, body)
	}
}

type seen struct {
	Products []struct {
		ID    int64
		Name  string
		Price json.Number
	}
	Orders []struct {
		Number, Status string
		Total          json.Number
	}
	Returns []struct {
		RMA    string `json:"rma_number"`
		Status string
	}
}

// look collects what the super admin sees of the demo data.
func look(t *testing.T, base string) seen {
	t.Helper()
	c := signIn(t, base)
	var s seen
	for _, path := range []string{"/api/products", "/api/orders", "/api/returns"} {
		getJSON(t, c, base+path, &s)
	}
	return s
}

func TestTheShopOpensWithItsDemoDataAndKeepsItOverARestart(t *testing.T) {
	t.Parallel()
	databases := map[string]func(t *testing.T) []string{
		"sqlite":   func(t *testing.T) []string { return nil },
		"postgres": func(t *testing.T) []string { return []string{"DATABASE_URL=" + sqlstoretest.PostgresURL(t)} },
	}
	for name, extra := range databases {
		t.Run(name, func(t *testing.T) {
			environ := append([]string{"PORT=0", "DATA_DIR=" + filepath.Join(t.TempDir(), "data")}, extra(t)...)
			begin := time.Now()
			r := start(t, environ)
			base := r.url()
			t.Logf("open after %v", time.Since(begin).Round(time.Millisecond))
			if out := r.stderr.String(); !strings.Contains(out, "Sign in as super_admin / super_admin_92587") {
				t.Errorf("no sign-in is printed: %s", out)
			}
			first := look(t, base)
			if len(first.Products) < 12 || first.Products[0].ID != 1 || first.Products[0].Name != "Laptop" ||
				first.Products[1].Name != "Mouse" ||
				first.Products[2].Name != "Keyboard" ||
				first.Products[2].ID != 3 {
				t.Errorf("products: %+v", first.Products)
			}
			if len(first.Orders) != 1 || first.Orders[0].Total != "1110.00" || first.Orders[0].Status != "COMPLETED" {
				t.Errorf("orders: %+v", first.Orders)
			}
			if len(first.Returns) != 1 || first.Returns[0].RMA != "RMA-CP3-DEMO-001" ||
				first.Returns[0].Status != "AUTHORIZED" {
				t.Errorf("returns: %+v", first.Returns)
			}
			if err := r.stop(); err != nil {
				t.Fatalf("stopping: %v\n%s", err, r.stdout)
			}
			for line := range strings.Lines(r.stdout.String()) {
				if !json.Valid([]byte(line)) {
					t.Errorf("a log line is no JSON: %s", line)
				}
			}

			r = start(t, environ, "serve")
			if again := look(t, r.url()); fmt.Sprint(again) != fmt.Sprint(first) {
				t.Errorf("after a restart:\n%+v\nbefore:\n%+v", again, first)
			}
			if err := r.stop(); err != nil {
				t.Errorf("stopping again: %v", err)
			}
		})
	}
}

func TestARequestInFlightIsAnsweredBeforeTheStop(t *testing.T) {
	t.Parallel()
	r := start(t, []string{"PORT=0", "DATA_DIR=" + filepath.Join(t.TempDir(), "data")})
	base := r.url()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := "username=super_admin&password=super_admin_92587"
	if _, err := fmt.Fprintf(
		conn,
		"POST /login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: "+
			"%d\r\n\r\n%s",
		u.Host, len(body), body[:20],
	); err != nil {
		t.Fatal(err)
	}
	// The server has the head of the request when it answers a later one.
	if res, err := http.Get(base + "/health/ready"); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("ready: %v, %v", res, err)
	} else {
		res.Body.Close()
	}
	r.cancel()
	for deadline := time.Now().Add(testreq.Patience(t)); ; {
		c, err := net.DialTimeout("tcp", u.Host, time.Second)
		if err != nil {
			break // it takes no new connections: the stop is under way
		}
		c.Close()
		if time.Now().After(deadline) {
			t.Fatal("it still accepts connections")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if _, err := io.WriteString(conn, body[20:]); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("the request was cut: %v", err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusFound {
		t.Errorf("answered %s", res.Status)
	}
	if err := r.wait(); err != nil {
		t.Errorf("the stop: %v", err)
	}
}

func TestMigrateAndHealthcheck(t *testing.T) {
	t.Parallel()
	environ := []string{"PORT=0", "DATA_DIR=" + filepath.Join(t.TempDir(), "data")}
	for range 2 {
		r := start(t, environ, "migrate")
		if err := r.wait(); err != nil || !strings.Contains(r.stdout.String(), "newest version") {
			t.Fatalf("migrate: %v, %s", err, r.stdout)
		}
	}
	shop := start(t, environ)
	base := shop.url()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	for name, check := range map[string]func() *running{
		"by address": func() *running { return start(t, nil, "healthcheck", "--url", base+"/health") },
		"by the settings": func() *running {
			return start(t, []string{"HOST=0.0.0.0", "PORT=" + u.Port()}, "healthcheck")
		},
	} {
		// A machine that is very busy makes the shop DEGRADED for a moment.
		for deadline := time.Now().Add(time.Minute); ; {
			r := check()
			err := r.wait()
			if err == nil && r.stdout.String() == "UP\n" {
				break
			}
			if time.Now().After(deadline) {
				t.Errorf("%s: %v, %s", name, err, r.stdout)
				break
			}
		}
	}
	if err := shop.stop(); err != nil {
		t.Fatal(err)
	}
	if err := start(t, nil, "healthcheck", "--url", base+"/health").wait(); err == nil {
		t.Error("a shop that is not there is well")
	}
}

func TestThePaymentSimulatorRunsAsAProcessOfItsOwn(t *testing.T) {
	t.Parallel()
	ledger := filepath.Join(t.TempDir(), "ledger.jsonl")
	sim := start(t, nil, "paysim", "--addr", "127.0.0.1:0", "--ledger", ledger)
	shop := start(
		t,
		[]string{"PORT=0", "DATA_DIR=" + filepath.Join(t.TempDir(), "data"), "PAYMENT_PROVIDER_URL=" + sim.url()},
	)
	shop.url()
	var got struct {
		Charges []struct {
			AmountMinor int64 `json:"amount_minor"`
		}
	}
	getJSON(t, http.DefaultClient, sim.url()+"/_sim/ledger", &got)
	if len(got.Charges) != 1 || got.Charges[0].AmountMinor != 111000 {
		t.Errorf("ledger: %+v", got)
	}
	for _, r := range []*running{shop, sim} {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	}
	if st, err := os.Stat(ledger); err != nil || st.Size() == 0 {
		t.Errorf("ledger file: %v", err)
	}
}
