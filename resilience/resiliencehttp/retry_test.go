package resiliencehttp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

func TestRequestsAreRepeatedIfTheyMayBe(t *testing.T) {
	once := func(*http.Request) resilience.Effect { return resilience.Once }
	idempotent := func(*http.Request) resilience.Effect { return resilience.Idempotent }
	key := http.Header{"Idempotency-Key": {"k1"}}
	text := func() io.Reader { return strings.NewReader("amount=5") }
	stream := func() io.Reader { return io.MultiReader(text()) } // no GetBody
	tests := []struct {
		name   string
		method string
		header http.Header
		body   func() io.Reader
		effect func(*http.Request) resilience.Effect
		want   int
	}{
		{"GET", "GET", nil, nil, nil, 3},
		{"PUT with a body", "PUT", nil, text, nil, 3},
		{"PUT with a body that can be read once", "PUT", nil, stream, nil, 1},
		{"DELETE", "DELETE", nil, nil, nil, 3},
		{"POST", "POST", nil, text, nil, 1},
		{"POST without a body", "POST", nil, nil, nil, 1},
		{"POST with a key", "POST", key, text, nil, 3},
		{"POST with a key and a body that can be read once", "POST", key, stream, nil, 1},
		{"POST with a key and no body", "POST", key, nil, nil, 3},
		{"PATCH", "PATCH", nil, text, nil, 1},
		{"GET with an effect of its own", "GET", nil, nil, once, 1},
		{"POST that is a search", "POST", nil, text, idempotent, 3},
		{"POST that is a search and can be read once", "POST", nil, stream, idempotent, 1},
	}
	for _, failure := range []int{0, http.StatusServiceUnavailable} {
		for _, tt := range tests {
			t.Run(tt.name+" "+http.StatusText(failure), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var body io.Reader
					var want []string
					if tt.body != nil {
						body, want = tt.body(), slices.Repeat([]string{"amount=5"}, tt.want)
					} else {
						want = make([]string, tt.want)
					}
					bodies, failing := failingBase(failure)
					req := request(t, tt.method, "http://bank.example/charges", body)
					req.Header = tt.header
					status, answer, err := do(mustNew(t, Config{Effect: tt.effect, Base: failing}), req)
					if !slices.Equal(*bodies, want) {
						t.Errorf("sent %q, want %q", *bodies, want)
					}
					if failure == 0 {
						var gave *resilience.GaveUpError
						if !errors.Is(err, errReset) || errors.As(err, &gave) != (tt.want > 1) {
							t.Errorf("error %v", err)
						}
					} else if status != failure || answer != "busy" || err != nil {
						t.Errorf("%d %q, %v; want the last response as it is", status, answer, err)
					}
				})
			})
		}
	}
}

// failingBase returns a base that always fails, by an error for a status of
// zero, and the bodies that it was sent.
func failingBase(status int) (*[]string, base) {
	bodies := new([]string)
	return bodies, func(req *http.Request) (*http.Response, error) {
		var sent []byte
		if req.Body != nil {
			sent, _ = io.ReadAll(req.Body)
			_ = req.Body.Close()
		}
		*bodies = append(*bodies, string(sent))
		if status == 0 {
			return nil, errReset
		}
		return response(status, strings.NewReader("busy")), nil
	}
}

func TestTheFirstSuccessIsReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		tr := mustNew(t, Config{Base: answers(&calls, 0, 503, 200), Retry: resilience.RetryConfig{Backoff: exact}})
		start := time.Now()
		status, body, err := get(t, tr, "http://bank.example/")
		if status != 200 || body != "body 3" || err != nil || time.Since(start) != 300*time.Millisecond {
			t.Errorf("%d %q, %v after %v", status, body, err, time.Since(start))
		}
	})
}

func TestRetryAfterIsHonoredAndBounded(t *testing.T) {
	tests := []struct {
		name     string
		status   int
		after    string
		deadline time.Duration
		want     []time.Duration // of the attempts
	}{
		{"seconds", 503, "5", 0, []time.Duration{0, 5100 * time.Millisecond}},
		{"on 429 too", 429, "5", 0, []time.Duration{0, 5100 * time.Millisecond}},
		{"a date", 503, "Sat, 01 Jan 2000 00:00:07 GMT", 0, []time.Duration{0, 7100 * time.Millisecond}},
		{"less than our wait", 503, "0", 0, []time.Duration{0, 100 * time.Millisecond}},
		{"the longest", 503, "30", 0, []time.Duration{0, 30100 * time.Millisecond}},
		{"too long", 503, "31", 0, []time.Duration{0}},
		{"too long by far", 503, "999999999999999999999999", 0, []time.Duration{0}},
		{"past the deadline", 503, "5", 5 * time.Second, []time.Duration{0}},
		{"on a status that is not retried", 404, "1", 0, []time.Duration{0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // begins at 2000-01-01 00:00:00 UTC
				start := time.Now()
				var at []time.Duration
				tr := mustNew(t, Config{
					Retry: resilience.RetryConfig{Backoff: exact},
					Base: base(func(*http.Request) (*http.Response, error) {
						at = append(at, time.Since(start))
						if len(at) == 2 {
							return response(200, strings.NewReader("fine")), nil
						}
						resp := response(tt.status, strings.NewReader("busy"))
						resp.Header.Set("Retry-After", tt.after)
						return resp, nil
					}),
				})
				req := request(t, "GET", "http://bank.example/", nil)
				if tt.deadline > 0 {
					ctx, cancel := context.WithTimeout(t.Context(), tt.deadline)
					defer cancel()
					req = req.WithContext(ctx)
				}
				status, body, err := do(tr, req)
				wantStatus, wantBody := 200, "fine"
				if len(tt.want) == 1 {
					wantStatus, wantBody = tt.status, "busy"
				}
				if !slices.Equal(at, tt.want) || status != wantStatus || body != wantBody || err != nil {
					t.Errorf("attempts at %v, then %d %q, %v; want %v", at, status, body, err, tt.want)
				}
			})
		})
	}
}

func TestADroppedResponseIsReadAndClosedBeforeTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dropped := &tracked{Reader: strings.NewReader(strings.Repeat("x", discardBytes))}
		start := time.Now()
		var calls int
		tr := mustNew(t, Config{
			Retry: resilience.RetryConfig{Backoff: exact},
			Base: base(func(*http.Request) (*http.Response, error) {
				if calls++; calls == 1 {
					resp := response(503, nil)
					resp.Body = dropped
					return resp, nil
				}
				n, _ := dropped.Read(make([]byte, 1))
				if !dropped.closed.Load() || !dropped.at.Equal(start) || n != 0 || time.Since(start) == 0 {
					t.Errorf("closed %v, after %v, bytes left %v, second attempt after %v",
						dropped.closed.Load(), dropped.at.Sub(start), n > 0, time.Since(start))
				}
				return response(200, strings.NewReader("fine")), nil
			}),
		})
		if status, _, err := get(t, tr, "http://bank.example/"); status != 200 || err != nil {
			t.Errorf("%d, %v", status, err)
		}
	})
}

func TestADroppedResponseThatStallsDelaysTheRetryALittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var second time.Duration
		tr := mustNew(t, Config{
			Retry: resilience.RetryConfig{Backoff: exact},
			Base: base(func(req *http.Request) (*http.Response, error) {
				if time.Since(start) > 0 {
					second = time.Since(start)
					return response(200, strings.NewReader("fine")), nil
				}
				return response(503, stalled{req.Context(), strings.NewReader("bu")}), nil
			}),
		})
		status, _, err := get(t, tr, "http://bank.example/")
		if status != 200 || err != nil || second != discardTime+100*time.Millisecond {
			t.Errorf("%d, %v, second attempt after %v", status, err, second)
		}
	})
}

func TestACancelDuringTheWaitIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		tr := mustNew(t, Config{Base: answers(&calls, 503)})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		_, _, err := do(tr, request(t, "GET", "http://bank.example/", nil).WithContext(ctx))
		var status *StatusError
		if !errors.Is(err, context.Canceled) || !errors.As(err, &status) || status.Status != 503 || calls.Load() != 1 {
			t.Errorf("%v after %d calls", err, calls.Load())
		}
	})
}

// Each attempt begins with the whole body, and every body is closed.
func TestBodiesOfRequestsAreClosedOnEveryPath(t *testing.T) {
	refuse := func(t *testing.T) *Transport {
		var calls atomic.Int64
		tr := mustNew(t, Config{Base: answers(&calls, 500),
			Breaker: resilience.Config{ConsecutiveFailures: 1}, Retry: resilience.RetryConfig{Attempts: 1}})
		if status, _, err := get(t, tr, "http://bank.example/"); status != 500 || err != nil {
			t.Fatal(status, err)
		}
		return tr
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name string
		make func(*testing.T) *Transport
		url  string
		ctx  context.Context
		want error
	}{
		{"a breaker that is open", refuse, "http://bank.example/", t.Context(), resilience.ErrOpen},
		{"a context that has ended", refuse, "http://other.example/", ended, context.Canceled},
		{"a zero Transport", func(*testing.T) *Transport { return new(Transport) }, "http://bank.example/", t.Context(),
			resilience.ErrZeroValue},
		{"no Transport", func(*testing.T) *Transport { return nil }, "http://bank.example/", t.Context(),
			resilience.ErrZeroValue},
		{"another scheme", refuse, "ftp://bank.example/", t.Context(), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := &tracked{Reader: strings.NewReader("x")}
			req := request(t, "POST", tt.url, body).WithContext(tt.ctx)
			resp, err := tt.make(t).RoundTrip(req)
			if err == nil || resp != nil || (tt.want != nil && !errors.Is(err, tt.want)) || !body.closed.Load() {
				t.Errorf("%v, %v, body closed %v", resp, err, body.closed.Load())
			}
		})
	}
}

func TestABodyThatCannotBeHadAgainEndsTheRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		errGone := errors.New("file is gone")
		tr := mustNew(t, Config{Base: answers(&calls, 503)})
		req := request(t, "PUT", "http://bank.example/", bytes.NewReader([]byte("x")))
		req.GetBody = func() (io.ReadCloser, error) { return nil, errGone }
		if _, _, err := do(tr, req); !errors.Is(err, errGone) || calls.Load() != 1 {
			t.Errorf("%v after %d calls", err, calls.Load())
		}
		if s := tr.Breakers()[0].Snapshot(); s.Counts.ConsecutiveFailures != 1 {
			t.Errorf("the breaker counts %d failures, want that of the response alone", s.Counts.ConsecutiveFailures)
		}
	})
}

func TestTheBudgetOfAHostBoundsItsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down, up atomic.Int64
		tr := mustNew(t, Config{
			Breaker: resilience.Config{FailurePercent: 100, MinCalls: 1 << 20},
			Base: base(func(req *http.Request) (*http.Response, error) {
				if req.URL.Host == "down.example" {
					down.Add(1)
					return response(503, strings.NewReader("")), nil
				}
				if up.Add(1) == 1 {
					return response(503, strings.NewReader("")), nil
				}
				return response(200, strings.NewReader("")), nil
			}),
		})
		for range 200 {
			if status, _, err := get(t, tr, "http://down.example/"); status != 503 || err != nil {
				t.Fatal(status, err)
			}
		}
		// 200 calls grant 20 retries, and 10 were there.
		if n := down.Load(); n < 225 || n > 230 {
			t.Errorf("200 requests were sent %d times, want up to 230", n)
		}
		if status, _, err := get(t, tr, "http://up.example/"); status != 200 || err != nil {
			t.Errorf("the other host has no retry left: %d, %v", status, err)
		}
	})
}

func TestTheRequestIsNotChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		tr := mustNew(t, Config{Base: answers(&calls, 503, 200)})
		req := request(t, "POST", "http://bank.example/", strings.NewReader("x"))
		req.Header.Set("Idempotency-Key", "k1")
		before := *req
		header := req.Header.Clone()
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if req.Body != before.Body || req.GetBody == nil || req.Context() != before.Context() ||
			len(req.Header) != len(header) || resp.Request != req {
			t.Errorf("the request was changed: %+v", req)
		}
	})
}
