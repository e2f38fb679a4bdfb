package resiliencehttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

func (t *Transport) hostOf(tb testing.TB, address string) *host {
	tb.Helper()
	u, err := url.Parse(address)
	if err != nil {
		tb.Fatal(err)
	}
	h, err := t.hosts.get(u)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func names(t *Transport) (all []string) {
	for _, b := range t.Breakers() {
		all = append(all, b.Name())
	}
	return all
}

func TestEachHostHasItsBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := map[string]int{}
		tr := mustNew(t, Config{
			Retry: resilience.RetryConfig{Attempts: 1}, Breaker: resilience.Config{ConsecutiveFailures: 2},
			Base: base(func(req *http.Request) (*http.Response, error) {
				sent[req.URL.Host]++
				if req.URL.Host == "down.example" {
					return nil, errReset
				}
				return response(200, strings.NewReader("fine")), nil
			}),
		})
		for n := range 5 {
			_, _, err := get(t, tr, "http://down.example/a")
			if _, _, other := get(t, tr, "http://up.example/a"); other != nil {
				t.Fatalf("the other host: %v", other)
			}
			want := resilience.ErrOpen
			if n < 2 {
				want = errReset
			}
			if !errors.Is(err, want) {
				t.Errorf("request %d: %v, want %v", n, err, want)
			}
		}
		if sent["down.example"] != 2 || sent["up.example"] != 5 {
			t.Errorf("sent %v", sent)
		}
		if got := names(tr); !slices.Equal(got, []string{"bank up.example:80", "bank down.example:80"}) {
			t.Errorf("breakers %q", got)
		}
	})
}

func TestOneHostIsOneKey(t *testing.T) {
	tests := []struct {
		a, b string
		same bool
	}{
		{"http://bank.example/a?x=1", "http://BANK.example:80/b#c", true},
		{"https://bank.example/", "https://user:pw@bank.example:443/", true},
		{"http://bank.example/", "https://bank.example/", false},
		{"http://bank.example:8080/", "http://bank.example/", false},
		{"https://bank.example:9/", "http://bank.example:9/", false},
		{"http://[::1]/", "http://[::1]:80/", true},
	}
	for _, tt := range tests {
		t.Run(tt.a+" "+tt.b, func(t *testing.T) {
			tr := mustNew(t, Config{})
			if same := tr.hostOf(t, tt.a) == tr.hostOf(t, tt.b); same != tt.same {
				t.Errorf("same %v, want %v", same, tt.same)
			}
		})
	}
}

func TestTheNumberOfHostsIsBoundedAndOpenBreakersAreKept(t *testing.T) {
	tr := mustNew(t, Config{MaxHosts: 3})
	tr.hostOf(t, "http://down.example").breaker.ForceOpen(time.Time{})
	for i := range 1000 {
		tr.hostOf(t, fmt.Sprintf("http://host-%d.example", i))
	}
	if got := names(tr); !slices.Equal(got, []string{
		"bank host-999.example:80", "bank host-998.example:80", "bank down.example:80"}) {
		t.Errorf("hosts %q", got)
	}
	if s := tr.hostOf(t, "http://down.example").breaker.State(); s != resilience.ForcedOpen {
		t.Errorf("the open breaker is %v now", s)
	}
	for _, b := range tr.Breakers() {
		b.ForceOpen(time.Time{})
	}
	for i := range 1000 { // all open: the bound holds all the same
		tr.hostOf(t, fmt.Sprintf("http://other-%d.example", i)).breaker.ForceOpen(time.Time{})
	}
	if n := len(tr.Breakers()); n != 3 || len(tr.hosts.byKey) != 3 {
		t.Errorf("%d hosts", n)
	}
}

func TestTheHostUsedLeastRecentlyIsForgotten(t *testing.T) {
	tr := mustNew(t, Config{MaxHosts: 2})
	for _, name := range []string{"a", "b", "a", "c"} {
		tr.hostOf(t, "http://"+name)
	}
	if got := names(tr); !slices.Equal(got, []string{"bank c:80", "bank a:80"}) {
		t.Errorf("hosts %q", got)
	}
}

func TestWhatABreakerCounts(t *testing.T) {
	broken := func(*http.Request) (*http.Response, error) {
		return response(200, io.MultiReader(strings.NewReader("x"), errReader{})), nil
	}
	status := func(code int) base {
		return func(*http.Request) (*http.Response, error) { return response(code, strings.NewReader("x")), nil }
	}
	tests := []struct {
		name     string
		base     base
		failures int64 // after one before
	}{
		{"an answer is a success", status(200), 0},
		{"a definite no is a success", status(404), 0},
		{"a redirect is a success", status(302), 0},
		{"too many requests is neutral", status(429), 1},
		{"a server error is a failure", status(500), 2},
		{"no connection is a failure", func(*http.Request) (*http.Response, error) { return nil, errReset }, 2},
		{"a body that breaks is a failure", broken, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := mustNew(t, Config{Base: tt.base, Retry: resilience.RetryConfig{Attempts: 1},
				Breaker: resilience.Config{ConsecutiveFailures: 3}})
			b := tr.hostOf(t, "http://bank.example/").breaker
			p, err := b.Allow()
			if err != nil {
				t.Fatal(err)
			}
			p.Done(resilience.Failure)
			_, _, _ = get(t, tr, "http://bank.example/")
			if n := b.Snapshot().Counts.ConsecutiveFailures; n != tt.failures {
				t.Errorf("%d consecutive failures, want %d", n, tt.failures)
			}
		})
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errReset }

func TestTheCallersCancelIsNeutral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := mustNew(t, Config{Breaker: resilience.Config{ConsecutiveFailures: 1},
			Base: base(func(req *http.Request) (*http.Response, error) {
				<-req.Context().Done()
				return nil, req.Context().Err()
			})})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := tr.RoundTrip(request(t, "GET", "http://bank.example/", nil).WithContext(ctx))
		if !errors.Is(err, context.Canceled) || tr.Breakers()[0].State() != resilience.Closed {
			t.Errorf("%v, breaker %v", err, tr.Breakers()[0].State())
		}
	})
}

func TestABaseThatPanicsReleasesItsProbe(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("x") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			tr := mustNew(t, Config{Breaker: resilience.Config{ProbeLease: time.Hour},
				Base: base(func(*http.Request) (*http.Response, error) { end(); return nil, nil })})
			b := tr.hostOf(t, "http://bank.example/").breaker
			b.ForceOpen(time.Now().Add(-time.Second))
			var wg sync.WaitGroup
			wg.Go(func() {
				defer func() { _ = recover() }()
				_, _ = tr.RoundTrip(request(t, "GET", "http://bank.example/", nil))
			})
			wg.Wait()
			if s := b.Snapshot(); s.Openings != 1 {
				t.Errorf("a probe that ended so is no failure: %+v", s)
			}
		})
	}
}

func TestABaseThatReturnsNothingIsAnError(t *testing.T) {
	tr := mustNew(t, Config{Retry: resilience.RetryConfig{Attempts: 1},
		Base: base(func(*http.Request) (*http.Response, error) { return nil, nil })})
	_, err := tr.RoundTrip(request(t, "GET", "http://bank.example/", nil))
	if err == nil || !strings.Contains(err.Error(), "resiliencehttp.base returned neither a response nor an error") {
		t.Errorf("error %v", err)
	}
}

func TestHooksReportWhatHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		var log []string
		add := func(format string, args ...any) { log = append(log, fmt.Sprintf(format, args...)) }
		type key struct{}
		ctx := context.WithValue(t.Context(), key{}, "of the request")
		tr := mustNew(t, Config{
			Base:    answers(&calls, 503, 0, 200, 500),
			Breaker: resilience.Config{ConsecutiveFailures: 5},
			Retry: resilience.RetryConfig{Backoff: exact, OnRetry: func(c context.Context, e resilience.RetryEvent) {
				add("retry %s after attempt %d in %v: %v, context %v", e.Name, e.Attempt, e.Wait, e.Err, c.Value(key{}))
			}},
			OnAttempt: func(c context.Context, a Attempt) {
				add("attempt %s %s %s %v %d: %d %v, context %v",
					a.Name, a.Method, a.Host, a.Effect, a.Number, a.Status, a.Err, c.Value(key{}))
			},
			OnGiveUp: func(c context.Context, e *resilience.GaveUpError) {
				add("gave up: %v, context %v", e.Reason, c.Value(key{}))
			},
			OnBreaker: func(b *resilience.Breaker) {
				add("breaker %s", b.Name())
				b.Subscribe(func(c resilience.Change) { add("%s is %v", c.Name, c.To) })
			},
		})
		for range 2 {
			_, _, _ = do(tr, request(t, "", "http://bank.example/", nil).WithContext(ctx))
		}
		_, _, _ = do(tr, request(t, "POST", "http://bank.example/", nil).WithContext(ctx))
		const c, where = "context of the request", "bank.example:80"
		want := []string{
			"breaker bank " + where,
			"attempt bank GET " + where + " idempotent 1: 503 <nil>, " + c,
			"retry bank after attempt 1 in 100ms: HTTP status 503 Service Unavailable, " + c,
			"attempt bank GET " + where + " idempotent 2: 0 connection reset by peer, " + c,
			"retry bank after attempt 2 in 200ms: connection reset by peer, " + c,
			"attempt bank GET " + where + " idempotent 3: 200 <nil>, " + c,
			"attempt bank GET " + where + " idempotent 1: 500 <nil>, " + c,
			"retry bank after attempt 1 in 100ms: HTTP status 500 Internal Server Error, " + c,
			"attempt bank GET " + where + " idempotent 2: 500 <nil>, " + c,
			"retry bank after attempt 2 in 200ms: HTTP status 500 Internal Server Error, " + c,
			"attempt bank GET " + where + " idempotent 3: 500 <nil>, " + c,
			"gave up: all attempts made, " + c,
			"attempt bank POST " + where + " once 1: 500 <nil>, " + c,
		}
		if !slices.Equal(log, want) {
			t.Errorf("reported\n%s\nwant\n%s", strings.Join(log, "\n"), strings.Join(want, "\n"))
		}
	})
}

func TestManyGoroutinesAndHosts(t *testing.T) {
	var calls, made atomic.Int64
	tr := mustNew(t, Config{
		MaxHosts:  4,
		Retry:     resilience.RetryConfig{Backoff: resilience.Backoff{Initial: time.Microsecond}},
		Breaker:   resilience.Config{ConsecutiveFailures: 3, OpenFor: time.Millisecond},
		OnBreaker: func(*resilience.Breaker) { made.Add(1) },
		Base: base(func(req *http.Request) (*http.Response, error) {
			switch calls.Add(1) % 5 {
			case 0:
				return nil, errReset
			case 1:
				return response(503, strings.NewReader("busy")), nil
			}
			return response(200, strings.NewReader("fine")), nil
		}),
	})
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for n := range 50 {
				status, body, err := get(t, tr, fmt.Sprintf("http://host-%d.example/", (i+n)%8))
				var gave *resilience.GaveUpError
				switch {
				case status == 200 && body == "fine", status == 503 && body == "busy":
				case errors.Is(err, resilience.ErrOpen), errors.As(err, &gave) && errors.Is(err, errReset):
				default:
					t.Errorf("%d %q, %v", status, body, err)
				}
				_ = tr.Breakers()
			}
		})
	}
	wg.Wait()
	if n := len(tr.Breakers()); n != 4 || made.Load() < 8 {
		t.Errorf("%d hosts at the end, %d breakers made", n, made.Load())
	}
}

func TestConfigErrorsNameTheSetting(t *testing.T) {
	tests := []struct {
		name string
		cfg  Config
		want string
	}{
		{"no name", Config{}, "resiliencehttp: Config.Name is empty: name the service"},
		{"timeout", Config{Timeout: 1}, "Config.Timeout is 1ns, allowed is 1ms or more, or NoTimeout"},
		{"timeout below zero", Config{Timeout: -2}, "Config.Timeout is -2ns"},
		{"hosts", Config{MaxHosts: -1}, "Config.MaxHosts is -1, allowed is 1 to 10000"},
		{"more hosts", Config{MaxHosts: 10_001}, "Config.MaxHosts is 10001"},
		{"name of retries", Config{Retry: resilience.RetryConfig{Name: "x"}},
			`Config.Retry.Name is "x", allowed is none`},
		{"name of breakers", Config{Breaker: resilience.Config{Name: "x"}},
			`Config.Breaker.Name is "x", allowed is none`},
		{"retries", Config{Retry: resilience.RetryConfig{Attempts: 101}}, "Config.Retry: resilience: retry \"bank\": " +
			"RetryConfig.Attempts is 101, allowed is 1 to 100"},
		{"budget", Config{Retry: resilience.RetryConfig{Budget: new(resilience.Budget)}},
			"make it with resilience.NewBudget"},
		{"breaker", Config{Breaker: resilience.Config{Probes: -1}}, "Config.Probes is -1, allowed is 1 to 1000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name != "no name" {
				tt.cfg.Name = "bank"
			}
			if _, err := New(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want it to say %q", err, tt.want)
			}
		})
	}
	if err := (Config{Name: "bank"}).Validate(); err != nil {
		t.Errorf("the zero settings: %v", err)
	}
}

func TestTheZeroTransportRefuses(t *testing.T) {
	for name, tr := range map[string]*Transport{"zero": new(Transport), "nil": nil} {
		_, err := tr.RoundTrip(request(t, "GET", "http://bank.example/", nil))
		const want = "resiliencehttp: Transport sends no request: it is a zero value; make it with resiliencehttp.New"
		if err == nil || err.Error() != want || !errors.Is(err, resilience.ErrZeroValue) {
			t.Errorf("%s: %v", name, err)
		}
		tr.CloseIdleConnections()
		if tr.Breakers() != nil {
			t.Errorf("%s: it has breakers", name)
		}
	}
}

func TestURLsThatCannotBeSentAreRefused(t *testing.T) {
	tr := mustNew(t, Config{})
	for _, address := range []string{"", "/path", "http://", "http:///x", "ftp://bank.example/", "file:///etc/passwd"} {
		req := &http.Request{}
		if address != "" {
			req.URL, _ = url.Parse(address)
		}
		_, err := tr.RoundTrip(req)
		if err == nil || !strings.Contains(err.Error(), "allowed is http or https with a host") {
			t.Errorf("%q: %v", address, err)
		}
	}
	secret := &url.URL{Scheme: "x", User: url.UserPassword("me", "secret"), Host: "h"}
	if _, err := tr.RoundTrip(&http.Request{URL: secret}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a password in the error: %v", err)
	}
	if n := len(tr.Breakers()); n != 0 {
		t.Errorf("%d hosts", n)
	}
}
