package throttlehttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/returnkit/returnkit/throttle"
)

// TransportConfig says how a [Transport] limits requests.
type TransportConfig struct {
	// Limiter decides when a request may be sent. Required.
	Limiter throttle.Limiter
	// Base sends the requests. Nil means http.DefaultTransport.
	Base http.RoundTripper
	// Key returns the key of a request. Nil means its host.
	Key func(*http.Request) string
	// MaxWait is the longest that a request may wait for its turn. Zero leaves it
	// to the deadline of its context.
	MaxWait time.Duration
}

// Transport is an http.RoundTripper that sends requests no faster than a limiter
// allows, so that a server with a limit need not refuse them. Make one with
// [NewTransport]. The zero value sends nothing.
//
// A request waits for its turn. After an answer with status 429 or 503 and a
// Retry-After field, requests of the same key wait for as long as that says; the
// answer itself is returned as it is, and repeating the request is left to the
// caller.
type Transport struct {
	cfg TransportConfig

	mu     sync.Mutex
	paused map[string]time.Time // until when the server wants no requests
}

// maxPaused bounds the keys that are paused at a time; maxRetryAfter is the
// longest pause that a server is believed.
const (
	maxPaused     = 1024
	maxRetryAfter = time.Hour
)

// NewTransport returns the transport, or an error that names the field that is
// missing or out of range.
func NewTransport(cfg TransportConfig) (*Transport, error) {
	switch {
	case cfg.Limiter == nil:
		return nil, errors.New("throttlehttp: TransportConfig.Limiter is nil: set the limiter that decides")
	case cfg.MaxWait < 0:
		return nil, fmt.Errorf("throttlehttp: TransportConfig.MaxWait is %v, allowed is 0 (no limit) or more",
			cfg.MaxWait)
	}
	if err := cfg.Limiter.Limit().Validate(); err != nil {
		return nil, fmt.Errorf("throttlehttp: TransportConfig.Limiter has no valid limit (is it a zero value?): %w",
			err)
	}
	if cfg.Base == nil {
		cfg.Base = http.DefaultTransport
	}
	if cfg.Key == nil {
		cfg.Key = func(r *http.Request) string { return r.URL.Host }
	}
	return &Transport{cfg: cfg, paused: map[string]time.Time{}}, nil
}

// WaitError says that a request was not sent, because its turn would have come
// too late.
type WaitError struct {
	Key  string
	Wait time.Duration
}

// Error names the key and the wait.
func (e *WaitError) Error() string {
	return fmt.Sprintf("throttlehttp: request to %q not sent: its turn comes in %v, after its time", e.Key, e.Wait)
}

// RoundTrip sends the request when its turn has come. It returns a *[WaitError]
// if that would be after MaxWait or the deadline of the request's context, and
// the limiter's error if that could not decide.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.cfg.Limiter == nil {
		closeBody(r)
		return nil, errors.New("throttlehttp: this Transport is a zero value and sends nothing: " +
			"make one with NewTransport")
	}
	key := t.cfg.Key(r)
	if err := t.turn(r.Context(), key); err != nil {
		closeBody(r)
		return nil, err
	}
	resp, err := t.cfg.Base.RoundTrip(r)
	if err == nil && (resp.StatusCode == http.StatusTooManyRequests ||
		resp.StatusCode == http.StatusServiceUnavailable) {
		if after, ok := retryAfter(resp.Header, time.Now()); ok {
			t.pause(key, after)
		}
	}
	return resp, err
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close() // a RoundTripper closes it, and has no use for the error
	}
}

// turn waits for the key's turn.
func (t *Transport) turn(ctx context.Context, key string) error {
	latest, bounded := ctx.Deadline()
	if t.cfg.MaxWait > 0 {
		if end := time.Now().Add(t.cfg.MaxWait); !bounded || end.Before(latest) {
			latest, bounded = end, true
		}
	}
	for {
		wait := t.pausedFor(key)
		if wait <= 0 {
			d, err := t.cfg.Limiter.Take(ctx, key, 1)
			if err != nil {
				return fmt.Errorf("throttlehttp: limit of requests to %q: %w", key, err)
			}
			if d.Allowed {
				return nil
			}
			wait = max(d.RetryAfter, time.Microsecond)
		}
		if bounded && time.Now().Add(wait).After(latest) {
			return &WaitError{Key: key, Wait: wait}
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

func (t *Transport) pausedFor(key string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	until, ok := t.paused[key]
	if !ok {
		return 0
	}
	wait := time.Until(until)
	if wait <= 0 {
		delete(t.paused, key)
	}
	return wait
}

// pause has requests of the key wait. With no room for a further key, those that
// are over are forgotten, and else the new one.
func (t *Transport) pause(key string, d time.Duration) {
	until := time.Now().Add(min(d, maxRetryAfter))
	t.mu.Lock()
	defer t.mu.Unlock()
	if have, ok := t.paused[key]; ok {
		if until.After(have) {
			t.paused[key] = until
		}
		return
	}
	if len(t.paused) >= maxPaused {
		for k, u := range t.paused {
			if time.Until(u) <= 0 {
				delete(t.paused, k)
			}
		}
	}
	if len(t.paused) < maxPaused {
		t.paused[key] = until
	}
}

// retryAfter reads the Retry-After field: whole seconds, or a date, which is
// compared with now. It reports false if the field is missing or cannot be read;
// a date that has passed is a wait of 0.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	value := h.Get(fieldRetryAfter)
	if value == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return max(0, date.Sub(now)), true
}
