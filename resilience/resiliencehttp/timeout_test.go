package resiliencehttp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/resilience"
)

// serve starts a server for HTTP/1.1 or HTTP/2 and returns a transport to it.
func serve(t *testing.T, http2 bool, cfg Config, h http.HandlerFunc) (*Transport, string) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = http2
	if http2 {
		server.StartTLS()
	} else {
		server.Start()
	}
	cfg.Base = server.Client().Transport
	tr := mustNew(t, cfg)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return tr, server.URL
}

func protocols(t *testing.T, test func(t *testing.T, http2 bool)) {
	t.Run("HTTP/1.1", func(t *testing.T) { test(t, false) })
	t.Run("HTTP/2", func(t *testing.T) { test(t, true) })
}

// Fault L10: resilience.Timeout around RoundTrip cuts a body of 1 MiB off, since
// its context ends with RoundTrip. The timeout of a Transport does not.
func TestABodyThatArrivesInTimeArrivesWhole(t *testing.T) {
	protocols(t, func(t *testing.T, http2 bool) {
		want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
		rest := make(chan struct{})
		tr, url := serve(t, http2, Config{Timeout: time.Minute}, func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(want[:1000])
			_ = http.NewResponseController(w).Flush()
			select {
			case <-rest:
				_, _ = w.Write(want[1000:])
			case <-r.Context().Done():
			}
		})
		cut, err := resilience.Timeout(t.Context(), time.Minute, func(ctx context.Context) (*http.Response, error) {
			return tr.base.RoundTrip(request(t, "GET", url, nil).WithContext(ctx))
		})
		if err != nil {
			t.Fatal(err)
		}
		defer cut.Body.Close()
		if n, err := io.Copy(io.Discard, cut.Body); !errors.Is(err, context.Canceled) {
			t.Errorf("resilience.Timeout lets %d bytes through, %v: its documentation says otherwise", n, err)
		}

		resp, err := tr.RoundTrip(request(t, "GET", url, nil))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		close(rest)
		got, err := io.ReadAll(resp.Body)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d of %d bytes, then %v", len(got), len(want), err)
		}
	})
}

func TestTheTimeoutHoldsForHeaderAndBody(t *testing.T) {
	protocols(t, func(t *testing.T, http2 bool) {
		cfg := Config{Timeout: 50 * time.Millisecond, Retry: resilience.RetryConfig{Attempts: 1},
			Breaker: resilience.Config{ConsecutiveFailures: 2}}
		tr, url := serve(t, http2, cfg, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/body" {
				_, _ = io.WriteString(w, "first part")
				_ = http.NewResponseController(w).Flush()
			}
			<-r.Context().Done()
		})
		var late *resilience.TimeoutError
		const text = "no answer within 50ms: context deadline exceeded"
		_, err := tr.RoundTrip(request(t, "GET", url+"/header", nil))
		if !errors.As(err, &late) || err.Error() != text {
			t.Errorf("no header: %v, want %s", err, text)
		}
		resp, err := tr.RoundTrip(request(t, "GET", url+"/body", nil))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if !errors.As(err, &late) || late.After != cfg.Timeout || string(got) != "first part" {
			t.Errorf("a body that stalls: %q, %v", got, err)
		}
		if s := tr.Breakers()[0].Snapshot(); s.State != resilience.Open {
			t.Errorf("after a header and a body that did not arrive the breaker is %v: %+v", s.State, s.Counts)
		}
	})
}

func TestOtherDeadlinesAreNotTakenForOurs(t *testing.T) {
	protocols(t, func(t *testing.T, http2 bool) {
		tr, url := serve(t, http2, Config{Timeout: time.Minute}, func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		_, err := tr.RoundTrip(request(t, "GET", url, nil).WithContext(ctx))
		var late *resilience.TimeoutError
		if errors.As(err, &late) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller's deadline: %v", err)
		}
	})
}

// A transport within a transport: each knows its own deadline.
func TestNestedTransportsTellTheirDeadlinesApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := base(func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, context.Cause(req.Context())
		})
		one := resilience.RetryConfig{Attempts: 1}
		inner := mustNew(t, Config{Name: "inner", Timeout: time.Minute, Retry: one, Base: hang})
		outer := mustNew(t, Config{Name: "outer", Timeout: time.Second, Retry: one, Base: inner})
		_, err := outer.RoundTrip(request(t, "GET", "http://bank.example/", nil))
		if want := "no answer within 1s: context deadline exceeded"; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	})
}

func TestNoTimeoutLeavesASlowBodyAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, w := io.Pipe()
		tr := mustNew(t, Config{Timeout: NoTimeout, Base: base(func(*http.Request) (*http.Response, error) {
			return response(200, slow), nil
		})})
		go func() {
			time.Sleep(time.Hour)
			_, _ = io.WriteString(w, "at last")
			_ = w.Close()
		}()
		if _, body, err := get(t, tr, "http://bank.example/"); body != "at last" || err != nil {
			t.Errorf("%q, %v", body, err)
		}
	})
}

func TestABodyThatIsClosedEarlyFreesTheRequest(t *testing.T) {
	protocols(t, func(t *testing.T, http2 bool) {
		gone := make(chan struct{})
		tr, url := serve(t, http2, Config{}, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "first part")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			close(gone)
		})
		resp, err := tr.RoundTrip(request(t, "GET", url, nil))
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		select {
		case <-gone:
		case <-time.After(testreq.Patience(t)):
			t.Error("the server still sends to nobody")
		}
		if c := tr.Breakers()[0].Snapshot().Counts; c.ConsecutiveFailures != 0 {
			t.Errorf("closing early counts as a failure: %+v", c)
		}
	})
}

// A probe whose response nobody reads gives its place back in the end.
func TestABodyThatIsForgottenSaysNothingAboutTheHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := mustNew(t, Config{
			Timeout: 5 * time.Second,
			Breaker: resilience.Config{ConsecutiveFailures: 1, ProbeLease: time.Hour},
			Base: base(func(req *http.Request) (*http.Response, error) {
				return response(200, stalled{req.Context(), strings.NewReader("x")}), nil
			}),
		})
		tr.hostOf(t, "http://bank.example/").breaker.ForceOpen(time.Now())
		time.Sleep(time.Second)
		resp, err := tr.RoundTrip(request(t, "GET", "http://bank.example/", nil))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = tr.RoundTrip(request(t, "GET", "http://bank.example/", nil)); !errors.Is(err, resilience.ErrOpen) {
			t.Errorf("a second probe while the first has the place: %v", err)
		}
		time.Sleep(6 * time.Second)
		if s := tr.Breakers()[0].Snapshot(); s.State != resilience.HalfOpen || s.Openings != 0 {
			t.Errorf("after the timeout the breaker is %v, openings %d", s.State, s.Openings)
		}
		second, err := tr.RoundTrip(request(t, "GET", "http://bank.example/", nil))
		if err != nil {
			t.Fatalf("the place was not given back: %v", err)
		}
		_ = second.Body.Close()
		if s := tr.Breakers()[0].State(); s != resilience.Closed {
			t.Errorf("after a good probe the breaker is %v", s)
		}
		var late *resilience.TimeoutError
		if _, err := io.ReadAll(resp.Body); !errors.As(err, &late) {
			t.Errorf("reading the forgotten body: %v", err)
		}
		_ = resp.Body.Close()
	})
}

func TestResponsesWithoutABodyEndTheCall(t *testing.T) {
	tr, url := serve(t, false, Config{Timeout: time.Hour, Breaker: resilience.Config{SlowPercent: 1,
		SlowCall: time.Millisecond, MinCalls: 1000}}, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			w.WriteHeader(http.StatusNoContent)
		}
	})
	for _, method := range []string{"HEAD", "GET"} {
		resp, err := tr.RoundTrip(request(t, method, url, nil))
		if err != nil || resp.Body != http.NoBody {
			t.Fatalf("%s: %v, %v", method, resp, err)
		}
	}
	nilBody := mustNew(t, Config{Base: base(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 204}, nil
	})})
	if resp, err := nilBody.RoundTrip(request(t, "GET", "http://bank.example/", nil)); err != nil || resp.Body == nil {
		t.Errorf("%v, %v", resp, err)
	}
	waitFor(t, "two calls, none in flight", func() bool {
		c := tr.Breakers()[0].Snapshot().Counts
		return c.Calls == 2 && c.SlowInFlight == 0
	})
}

// After a protocol upgrade the body is a connection: it can be written to, and
// the timeout is over.
func TestAnUpgradedConnectionLivesOn(t *testing.T) {
	proceed := make(chan struct{})
	cfg := Config{Timeout: 50 * time.Millisecond}
	tr, url := serve(t, false, cfg, func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
		_ = rw.Flush()
		<-proceed
		line, err := rw.ReadString('\n')
		if err != nil {
			t.Errorf("the server reads %q, %v", line, err)
		}
		_, _ = rw.WriteString("echo " + line)
		_ = rw.Flush()
	})
	req := request(t, "GET", url, nil)
	req.Header.Set("Upgrade", "echo")
	req.Header.Set("Connection", "Upgrade")
	resp, err := tr.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp, err)
	}
	defer resp.Body.Close()
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		t.Fatalf("the body is a %T, which cannot be written to", resp.Body)
	}
	<-time.After(2 * cfg.Timeout) // nothing must happen meanwhile
	close(proceed)
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); line != "echo hello\n" || err != nil {
		t.Errorf("%q, %v", line, err)
	}
}

// The context of the request must not end with the timeout either: a base
// transport may close the connection with it.
func TestTheTimeoutEndsWithTheUpgrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ctx context.Context
		tr := mustNew(t, Config{Timeout: time.Second, Base: base(func(req *http.Request) (*http.Response, error) {
			ctx = req.Context()
			return response(http.StatusSwitchingProtocols, strings.NewReader("x")), nil
		})})
		resp, err := tr.RoundTrip(request(t, "GET", "http://bank.example/", nil))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if ctx.Err() != nil {
			t.Errorf("after the timeout: %v", context.Cause(ctx))
		}
		_ = resp.Body.Close()
		if ctx.Err() == nil {
			t.Error("the context outlives the connection")
		}
	})
}
