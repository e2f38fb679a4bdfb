package resiliencehttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/resilience"
)

var errReset = errors.New("connection reset by peer")

// exact are waits that a test can predict: 100 ms, 200 ms, 400 ms.
var exact = resilience.Backoff{Jitter: resilience.Spread(0)}

func mustNew(tb testing.TB, cfg Config) *Transport {
	tb.Helper()
	if cfg.Name == "" {
		cfg.Name = "bank"
	}
	t, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(t.CloseIdleConnections)
	return t
}

// base is a base transport made of a function.
type base func(*http.Request) (*http.Response, error)

func (f base) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// answers returns a base that gives these statuses one after the other, the last one
// forever, and counts its calls. A status of zero is an error.
func answers(calls *atomic.Int64, statuses ...int) base {
	return func(req *http.Request) (*http.Response, error) {
		n := int(calls.Add(1))
		if req.Body != nil {
			_, _ = io.Copy(io.Discard, req.Body)
			_ = req.Body.Close()
		}
		status := statuses[min(n, len(statuses))-1]
		if status == 0 {
			return nil, errReset
		}
		return response(status, strings.NewReader(fmt.Sprint("body ", n))), nil
	}
}

func response(status int, body io.Reader) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(body), ContentLength: -1}
}

func request(tb testing.TB, method, url string, body io.Reader) *http.Request {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, url, body)
	if err != nil {
		tb.Fatal(err)
	}
	return req
}

// get makes a GET request and reads and closes the response's body.
func get(tb testing.TB, t *Transport, url string) (status int, body string, err error) {
	tb.Helper()
	return do(t, request(tb, http.MethodGet, url, nil))
}

func do(t *Transport, req *http.Request) (status int, body string, err error) {
	resp, err := t.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	all, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(all), errors.Join(err, resp.Body.Close())
}

// tracked is a body that knows whether it was closed.
type tracked struct {
	io.Reader
	at     time.Time // of the close
	closed atomic.Bool
}

func (b *tracked) Close() error {
	b.at = time.Now()
	b.closed.Store(true)
	return nil
}

// stalled is a body that gives its text and then nothing until ctx ends.
type stalled struct {
	ctx  context.Context
	text io.Reader
}

func (s stalled) Read(p []byte) (int, error) {
	if n, _ := s.text.Read(p); n > 0 {
		return n, nil
	}
	<-s.ctx.Done()
	return 0, context.Cause(s.ctx)
}

// waitFor polls until the condition holds.
func waitFor(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	testreq.Until(tb, what, holds)
}
