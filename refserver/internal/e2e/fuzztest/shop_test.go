package fuzztest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/refserver/internal/app"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/refserver/internal/config"
	"github.com/returnkit/returnkit/refserver/internal/e2e/contract"
	"github.com/returnkit/returnkit/refserver/internal/server"
)

// site is the address that cookies are kept for.
var site = &url.URL{Scheme: "http", Host: "shop.test", Path: "/"}

// secret signs the provider's messages.
const secret = "whsec_fuzztest"

// password is that of everybody.
const password = "correct horse battery"

// shop is a shop without a network, and the people who use it.
type shop struct {
	*app.App
	tb      testing.TB
	handler http.Handler
	doc     *contract.Document
	gen     *contract.Generator
	errors  *errorLog
	people  []*person
	key     string // of a partner
	made    int
	address string // of who sends requests
}

// person is somebody with a session. Mark is a text that only they and staff may see.
type person struct {
	name string
	role auth.Role // empty: nobody is signed in
	id   string
	mark string
	jar  http.CookieJar
}

func open(tb testing.TB, seed uint64) *shop {
	tb.Helper()
	c, err := config.Load([]string{
		"DATA_DIR=" + tb.TempDir(), "STRIPE_WEBHOOK_SECRET=" + secret, "THROTTLING_MAX_RPS=1000000",
		"BREAKER_FAILURE_THRESHOLD=1000", "PAYMENT_PROVIDER_TIMEOUT=4s",
	}, "")
	if err != nil {
		tb.Fatal(err)
	}
	metrics, err := observability.NewMetrics(observability.MetricsConfig{})
	if err != nil {
		tb.Fatal(err)
	}
	s := &shop{tb: tb, errors: &errorLog{}, address: "127.0.0.1:1"}
	if s.App, err = app.Open(tb.Context(), c, slog.New(s.errors), metrics, app.WithWeakHashes()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := testreq.Context(tb)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			tb.Error(err)
		}
	})
	// Events are delivered, so that none is overdue. Nothing else runs: it would call the addresses
	// that feeds and webhooks are given here.
	ctx, stop := context.WithCancel(context.WithoutCancel(tb.Context()))
	var delivery sync.WaitGroup
	delivery.Go(func() { s.Events.Run(ctx) })
	tb.Cleanup(func() {
		stop()
		delivery.Wait()
	})
	if s.handler, err = server.New(s.App); err != nil {
		tb.Fatal(err)
	}
	s.Health.SetStarted()
	if s.doc, err = contract.Load(); err != nil {
		tb.Fatal(err)
	}
	s.gen = &contract.Generator{Rand: rand.New(rand.NewPCG(seed, 1)), IDs: map[string][]string{}}
	s.people = []*person{{name: "nobody"}}
	for _, role := range append(auth.Roles(), auth.Customer) {
		s.people = append(s.people, s.join(role))
	}
	return s
}

// join makes an account with a role, and signs in.
func (s *shop) join(role auth.Role) *person {
	s.tb.Helper()
	s.made++
	name := fmt.Sprintf("%s-%d", role, s.made)
	u, err := s.Auth.Register(s.tb.Context(), auth.Registration{
		Username: name, Email: name + "@example.com", Password: password,
	})
	if err == nil && role != auth.Customer {
		_, err = s.Auth.SetRole(s.tb.Context(), auth.User{ID: "test"}, u.ID, role)
	}
	if err != nil {
		s.tb.Fatal(err)
	}
	p := &person{name: name, role: role, id: u.ID, mark: "mark of " + name + "."}
	s.signIn(p)
	return p
}

// signIn gives somebody a session.
func (s *shop) signIn(p *person) {
	s.tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.tb.Fatal(err)
	}
	p.jar = jar
	body := url.Values{"username": {p.name}, "password": {password}}.Encode()
	defer func(address string) { s.address = address }(s.address)
	s.address = fmt.Sprintf("198.51.100.%d:1", s.made%250) // what others failed there does not count here
	w := s.do(p, http.MethodPost, "/login", "application/x-www-form-urlencoded", body)
	if w.Code != http.StatusFound {
		s.tb.Fatalf("%s can't sign in: %d %.300s", p.name, w.Code, w.Body)
	}
}

// do sends a request and returns the answer; nil for one that no client can send.
func (s *shop) do(p *person, method, target, kind, body string, header ...string) *httptest.ResponseRecorder {
	s.tb.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(s.tb.Context()), method, target, strings.NewReader(body))
	if err != nil {
		return nil
	}
	r.RequestURI, r.Host, r.RemoteAddr = target, site.Host, s.address
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if p.jar != nil {
		for _, c := range p.jar.Cookies(site) {
			r.AddCookie(c)
		}
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if p.jar != nil {
		p.jar.SetCookies(site, w.Result().Cookies())
	}
	return w
}

// call sends JSON, or gets, and reads the answer, which must be a success.
func (s *shop) call(p *person, target, body string, into any, header ...string) {
	s.tb.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	w := s.do(p, method, target, "application/json", body, header...)
	if w.Code > http.StatusAccepted {
		s.tb.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		s.tb.Fatalf("%s: %v in %s", target, err, w.Body)
	}
}

// errorLog keeps what the shop logs as an error of its own.
type errorLog struct {
	mu      sync.Mutex
	records []string
}

func (l *errorLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }
func (l *errorLog) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *errorLog) WithGroup(string) slog.Handler                    { return l }

func (l *errorLog) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, text)
	return nil
}

// take returns what was logged since it was last asked.
func (l *errorLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.records
	l.records = nil
	return out
}
