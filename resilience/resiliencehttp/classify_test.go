package resiliencehttp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

func TestEffectOfARequest(t *testing.T) {
	tests := []struct {
		method string
		header http.Header
		want   resilience.Effect
	}{
		{"", nil, resilience.Idempotent},
		{"GET", nil, resilience.Idempotent},
		{"HEAD", nil, resilience.Idempotent},
		{"OPTIONS", nil, resilience.Idempotent},
		{"TRACE", nil, resilience.Idempotent},
		{"PUT", nil, resilience.Idempotent},
		{"DELETE", nil, resilience.Idempotent},
		{"POST", nil, resilience.Once},
		{"PATCH", nil, resilience.Once},
		{"CONNECT", nil, resilience.Once},
		{"get", nil, resilience.Once}, // methods are case-sensitive
		{"REFUND", nil, resilience.Once},
		{"POST", http.Header{"Idempotency-Key": {"k1"}}, resilience.Idempotent},
		{"PATCH", http.Header{"X-Idempotency-Key": {"k1"}}, resilience.Idempotent},
		{"POST", http.Header{"Idempotency-Key": {""}}, resilience.Once},
		{"POST", http.Header{"Idempotency-Key": nil}, resilience.Once},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.method, tt.header), func(t *testing.T) {
			if got := EffectOf(&http.Request{Method: tt.method, Header: tt.header}); got != tt.want {
				t.Errorf("effect %v, want %v", got, tt.want)
			}
		})
	}
}

// The rules of net/http are looked at from outside in repeat_test.go.
func TestWhatNetHTTPMayRepeat(t *testing.T) {
	tests := []struct {
		method string
		header http.Header
		want   bool
	}{
		{"", nil, true}, {"GET", nil, true}, {"TRACE", nil, true},
		{"PUT", nil, false}, {"DELETE", nil, false}, {"POST", nil, false},
		{"POST", http.Header{"Idempotency-Key": {"k1"}}, true},
		{"POST", http.Header{"X-Idempotency-Key": {"k1"}}, true},
		{"POST", http.Header{"Idempotency-Key": nil}, true}, // present is enough for net/http
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.method, tt.header), func(t *testing.T) {
			if got := repeatable(&http.Request{Method: tt.method, Header: tt.header}); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestClassesOfAllStatuses(t *testing.T) {
	want := func(status int) Class {
		switch status {
		case 408, 425, 429:
			return Class{resilience.Neutral, true}
		case 501, 505:
			return Class{resilience.Success, false}
		}
		switch status / 100 {
		case 1, 2, 3, 4:
			return Class{resilience.Success, false}
		case 5:
			return Class{resilience.Failure, true}
		}
		return Class{resilience.Failure, false}
	}
	for status := -1; status <= 1000; status++ {
		if got := ClassifyStatus(status); got != want(status) {
			t.Errorf("status %d: %+v, want %+v", status, got, want(status))
		}
	}
}

func TestRetryAfterHeader(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name, value, date string
		want              time.Duration
	}{
		{"none", "", "", 0},
		{"seconds", "120", "", 2 * time.Minute},
		{"seconds with space around", " 5 ", "", 5 * time.Second},
		{"zero", "0", "", 0},
		{"more seconds than a duration holds", "9223372037", "", math.MaxInt64},
		{"more digits than an integer holds", "99999999999999999999999", "", math.MaxInt64},
		{"the most seconds that a duration holds", "9223372036", "", 9223372036 * time.Second},
		{"negative", "-5", "", 0},
		{"a fraction", "1.5", "", 0},
		{"words", "soon", "", 0},
		{"other digits", "٣", "", 0},
		{"a date by our clock", "Sun, 01 Mar 2026 12:00:30 GMT", "", 30 * time.Second},
		{"a date by a clock that is an hour ahead", "Sun, 01 Mar 2026 13:00:30 GMT", "Sun, 01 Mar 2026 13:00:00 GMT",
			30 * time.Second},
		{"a date that has passed", "Sun, 01 Mar 2026 11:00:00 GMT", "", 0},
		{"a date far away", "Fri, 31 Dec 9999 23:59:59 GMT", "", math.MaxInt64},
		{"a date beside a Date that is none", "Sun, 01 Mar 2026 12:00:30 GMT", "yesterday", 30 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{}
			if tt.value != "" {
				h.Set("Retry-After", tt.value)
			}
			if tt.date != "" {
				h.Set("Date", tt.date)
			}
			if got := retryAfter(h, now); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("120", "")
	f.Add("Sun, 01 Mar 2026 12:00:30 GMT", "Sun, 01 Mar 2026 13:00:00 GMT")
	f.Add("-1", "x")
	f.Fuzz(func(t *testing.T, value, date string) {
		h := http.Header{"Retry-After": {value}, "Date": {date}}
		if d := retryAfter(h, time.Unix(1_772_366_400, 0)); d < 0 {
			t.Errorf("a wait of %v", d)
		}
	})
}

func TestWhichErrorsAreRetried(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want bool
	}{
		{"a broken connection", errReset, true},
		{"a timeout", &resilience.TimeoutError{Err: context.DeadlineExceeded}, true},
		{"the caller's cancel", context.Canceled, false},
		{"an open breaker", &resilience.OpenError{}, false},
		{"a certificate", fmt.Errorf("x: %w", &tls.CertificateVerificationError{Err: errors.New("expired")}), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := RetryableError(tt.err); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}
