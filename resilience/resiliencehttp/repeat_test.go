package resiliencehttp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// flaky is a server that answers the first request of each connection and keeps
// the connection. A second request it reads whole, and then closes the
// connection without an answer: the moment in which net/http repeats a request on
// its own.
type flaky struct {
	net.Listener
	mu       sync.Mutex
	received []string // method and body
}

func newFlaky(t *testing.T) *flaky {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &flaky{Listener: l}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	return f
}

func (f *flaky) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for n := 1; ; n++ {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		f.mu.Lock()
		f.received = append(f.received, strings.TrimSpace(req.Method+" "+string(body)))
		f.mu.Unlock()
		if n == 2 {
			return
		}
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
			return
		}
	}
}

// take returns what was received since the last call.
func (f *flaky) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { f.received = nil }()
	return f.received
}

func (f *flaky) url() string { return "http://" + f.Addr().String() }

// What the documentation says of net/http: if this changes, so must the package.
func TestNetHTTPRepeatsOnItsOwn(t *testing.T) {
	for _, tt := range []struct {
		name string
		send *http.Request
		want []string
	}{
		{"a GET", request(t, "GET", "", nil), []string{"GET", "GET"}},
		{"a POST with a key", keyed(request(t, "POST", "", strings.NewReader("x"))), []string{"POST x", "POST x"}},
		{"a POST with an empty key", emptyKey(request(t, "POST", "", strings.NewReader("x"))),
			[]string{"POST x", "POST x"}},
		{"a POST", request(t, "POST", "", strings.NewReader("x")), []string{"POST x"}},
		{"a PUT", request(t, "PUT", "", strings.NewReader("x")), []string{"PUT x"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := newFlaky(t)
			client := &http.Transport{}
			defer client.CloseIdleConnections()
			warm(t, client, server)
			resp, err := client.RoundTrip(to(tt.send, server))
			if err == nil {
				_ = resp.Body.Close()
			}
			if got := server.take(); !slices.Equal(got, tt.want) || (err == nil) != (len(tt.want) == 2) {
				t.Errorf("the server received %q, want %q; error %v", got, tt.want, err)
			}
		})
	}
}

func TestRepeatsOfNetHTTPAreSwitchedOffOrCounted(t *testing.T) {
	tests := []struct {
		name     string
		attempts int
		send     *http.Request
		received []string
		counted  []int // repeats of each attempt
		left     int   // of a budget of 5
		fails    bool
	}{
		{"a POST with a key is sent once by one attempt", 1, keyed(request(t, "POST", "", strings.NewReader("x"))),
			[]string{"POST x"}, []int{0}, 5, true},
		{"and again by the next, which is counted", 3, keyed(request(t, "POST", "", strings.NewReader("x"))),
			[]string{"POST x", "POST x"}, []int{0, 0}, 4, false},
		{"an empty key has no second sending", 3, emptyKey(request(t, "POST", "", strings.NewReader("x"))),
			[]string{"POST x"}, []int{0}, 5, true},
		{"a POST without a body is counted", 1, keyed(request(t, "POST", "", nil)),
			[]string{"POST", "POST"}, []int{1}, 4, false},
		{"so is a GET", 1, request(t, "GET", "", nil), []string{"GET", "GET"}, []int{1}, 4, false},
		{"a GET with a body is sent once", 1, request(t, "GET", "", strings.NewReader("x")),
			[]string{"GET x"}, []int{0}, 5, true},
		{"a POST is sent once", 3, request(t, "POST", "", strings.NewReader("x")),
			[]string{"POST x"}, []int{0}, 5, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := newFlaky(t)
			budget, err := resilience.NewBudget(0, 5)
			if err != nil {
				t.Fatal(err)
			}
			var counted []int
			tr := mustNew(t, Config{
				Base: &http.Transport{},
				Retry: resilience.RetryConfig{Attempts: tt.attempts, Budget: budget,
					Backoff: resilience.Backoff{Initial: 1}},
				OnAttempt: func(_ context.Context, a Attempt) { counted = append(counted, a.Repeats) },
			})
			warm(t, tr, server)
			counted = nil
			_, _, err = do(tr, to(tt.send, server))
			if got := server.take(); !slices.Equal(got, tt.received) || (err != nil) != tt.fails {
				t.Errorf("the server received %q, want %q; error %v", got, tt.received, err)
			}
			if !slices.Equal(counted, tt.counted) || budget.Left() != tt.left {
				t.Errorf("repeats %v, want %v; budget %d, want %d", counted, tt.counted, budget.Left(), tt.left)
			}
		})
	}
}

// warm makes a connection that is kept.
func warm(t *testing.T, rt http.RoundTripper, server *flaky) {
	t.Helper()
	resp, err := rt.RoundTrip(request(t, "GET", server.url(), nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	server.take()
}

func to(req *http.Request, server *flaky) *http.Request {
	out := req.Clone(context.Background())
	out.URL.Scheme, out.URL.Host = "http", server.Addr().String()
	return out
}

func keyed(req *http.Request) *http.Request {
	req.Header.Set("Idempotency-Key", "k1")
	return req
}

func emptyKey(req *http.Request) *http.Request {
	req.Header.Set("Idempotency-Key", "")
	return req
}

// The connection of a dropped response is used again.
func TestARetryUsesTheConnectionAgain(t *testing.T) {
	var calls, conns atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, strings.Repeat("busy", 4<<10))
			return
		}
		_, _ = io.WriteString(w, "fine")
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	tr := mustNew(t, Config{Base: &http.Transport{},
		Retry: resilience.RetryConfig{Backoff: resilience.Backoff{Initial: time.Millisecond}}})
	status, body, err := get(t, tr, server.URL)
	if status != 200 || body != "fine" || err != nil || calls.Load() != 3 || conns.Load() != 1 {
		t.Errorf("%d %q, %v: %d requests over %d connections", status, body, err, calls.Load(), conns.Load())
	}
}

// The whole through an http.Client, which looks at its errors.
func TestAnHTTPClientSeesTimeoutsAndRedirects(t *testing.T) {
	tr, address := serve(t, false, Config{Timeout: 50 * time.Millisecond, Retry: resilience.RetryConfig{
		Attempts: 2, Backoff: resilience.Backoff{Initial: 1}}}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/old":
			http.Redirect(w, r, "/new", http.StatusTemporaryRedirect)
		case "/new":
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(body)
		default:
			<-r.Context().Done()
		}
	})
	client := &http.Client{Transport: tr}
	resp, err := client.Do(keyed(request(t, "POST", address+"/old", strings.NewReader("x"))))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(body) != "x" || err != nil {
		t.Errorf("after a redirect: %q, %v", body, err)
	}
	_, err = client.Do(request(t, "GET", address+"/hang", nil))
	var timeout net.Error
	var gave *resilience.GaveUpError
	if !errors.As(err, &timeout) || !timeout.Timeout() || !errors.As(err, &gave) || gave.Attempts != 2 {
		t.Errorf("a server that hangs: %v", err)
	}
}
