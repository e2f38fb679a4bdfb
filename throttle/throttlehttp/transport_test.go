package throttlehttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/throttle"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answers returns a server that answers with these, and 200 after them.
func answers(statuses ...*http.Response) roundTripper {
	return func(*http.Request) (*http.Response, error) {
		if len(statuses) == 0 {
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		}
		next := statuses[0]
		statuses = statuses[1:]
		return next, nil
	}
}

func busy(status int, retryAfter string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {retryAfter}}, Body: http.NoBody}
}

func TestTransportSendsAtTheRateAndWaitsAsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := must[*throttle.Keyed](t)(throttle.NewKeyed(throttle.PerSecond(10, 1), 10))
		tr := must[*Transport](t)(NewTransport(TransportConfig{
			Limiter: l, MaxWait: 30 * time.Second,
			Base: answers(busy(200, "60"), busy(200, ""), busy(429, "7"), busy(503, "2")),
		}))
		start := time.Now()
		for i, want := range []time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond,
			7200 * time.Millisecond, 9200 * time.Millisecond} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://provider/", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := tr.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if took := time.Since(start); took != want {
				t.Errorf("request %d is sent after %v, want %v", i, took, want)
			}
		}
	})
}

func TestTransportSendsNothingThatComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := single(t, throttle.Limit{Count: 1, Per: time.Minute, Burst: 1})
		sent := 0
		tr := must[*Transport](t)(NewTransport(TransportConfig{Limiter: l, MaxWait: 10 * time.Second,
			Base: roundTripper(func(r *http.Request) (*http.Response, error) { sent++; return answers()(r) })}))
		send := func(ctx context.Context) (closed bool, err error) {
			body := &closer{Reader: strings.NewReader("x")}
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://provider/", body)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := tr.RoundTrip(r)
			if err == nil {
				_ = resp.Body.Close()
			}
			return body.closed, err
		}
		if _, err := send(t.Context()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		closed, err := send(t.Context())
		if e, ok := errors.AsType[*WaitError](err); !ok || e.Wait != time.Minute || e.Key != "provider" || !closed ||
			time.Since(start) != 0 {
			t.Errorf("%v, body closed %v, after %v", err, closed, time.Since(start))
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := send(short); err == nil {
			t.Error("sent after the deadline")
		}
		tr.cfg.MaxWait = 0
		leaving, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		if _, err := send(leaving); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled during the wait: %v", err)
		}
		if sent != 1 {
			t.Errorf("%d were sent, want 1", sent)
		}
	})
}

type closer struct {
	io.Reader
	closed bool
}

func (c *closer) Close() error { c.closed = true; return nil }

func TestPausesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := must[*Transport](t)(NewTransport(TransportConfig{Limiter: single(t, throttle.PerSecond(1, 1))}))
		for i := range 2 * maxPaused {
			tr.pause(fmt.Sprint(i), time.Duration(1+i%2)*time.Hour)
		}
		if n := len(tr.paused); n != maxPaused {
			t.Errorf("%d hosts are paused, want %d", n, maxPaused)
		}
		if d := tr.pausedFor("1"); d != maxRetryAfter {
			t.Errorf("a pause of two hours is one of %v", d)
		}
		time.Sleep(time.Hour)
		tr.pause("new", time.Minute)
		tr.pause("new", time.Second)
		if d := tr.pausedFor("new"); d != time.Minute || len(tr.paused) != 1 {
			t.Errorf("%v, %d hosts, want a minute and the new one alone", d, len(tr.paused))
		}
	})
}

func TestRetryAfterIsRead(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"0": 0, "120": 2 * time.Minute, "Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second,
		"Sun, 01 Mar 2026 11:00:00 GMT": 0, "": -1, "-1": -1, "soon": -1, "99999999999": -1, "1.5": -1,
	} {
		got, ok := retryAfter(http.Header{"Retry-After": {value}}, now)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: %v, %v", value, got, ok)
		}
	}
}

func TestTransportConfigIsChecked(t *testing.T) {
	for want, cfg := range map[string]TransportConfig{
		"Limiter is nil":  {},
		"MaxWait is -1ns": {Limiter: single(t, throttle.PerSecond(1, 1)), MaxWait: -1},
		"zero value":      {Limiter: new(throttle.Single)},
	} {
		if _, err := NewTransport(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to say %q", err, want)
		}
	}
}
