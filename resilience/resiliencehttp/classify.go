package resiliencehttp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// keyHeaders are the names that net/http takes for an idempotency key, too.
var keyHeaders = [...]string{"Idempotency-Key", "X-Idempotency-Key"}

// EffectOf is the default of [Config.Effect]. It returns [resilience.Idempotent]
// for the methods that RFC 9110, section 9.2.2, defines so (GET, HEAD, OPTIONS,
// TRACE, PUT, DELETE) and for any request with an Idempotency-Key or
// X-Idempotency-Key header that is not empty; for all others, POST and PATCH
// among them, [resilience.Once].
func EffectOf(req *http.Request) resilience.Effect {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return resilience.Idempotent
	}
	for _, name := range keyHeaders {
		if req.Header.Get(name) != "" {
			return resilience.Idempotent
		}
	}
	return resilience.Once
}

// repeatable reports whether net/http may by its own rules send req again after
// it was written to a connection. It asks for the presence of a key alone, as
// net/http does.
func repeatable(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	for _, name := range keyHeaders {
		if _, ok := req.Header[name]; ok {
			return true
		}
	}
	return false
}

// hasBody reports whether req has a body that is read while it is sent.
func hasBody(req *http.Request) bool { return req.Body != nil && req.Body != http.NoBody }

// Class is what a response means.
type Class struct {
	// Outcome is what it says about the host, for the breaker.
	Outcome resilience.Outcome
	// Retry reports whether a further attempt may bring another response. It
	// repeats nothing that must be sent once.
	Retry bool
}

// ClassifyStatus is the default of [Config.Classify]:
//
//	status              for the breaker    retried
//	1xx, 2xx, 3xx       success            no
//	408, 425, 429       neutral            yes
//	other 4xx           success            no
//	501, 505            success            no
//	other 5xx           failure            yes
//	anything else       failure            no
//
// A 4xx is an answer, and a host that answers is well. Neutral are the answers
// that come before the work: the host neither did it nor failed at it.
func ClassifyStatus(status int) Class {
	switch {
	case status < 100 || status > 599:
		return Class{Outcome: resilience.Failure}
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests:
		return Class{Outcome: resilience.Neutral, Retry: true}
	case status < 500, status == http.StatusNotImplemented, status == http.StatusHTTPVersionNotSupported:
		return Class{Outcome: resilience.Success}
	}
	return Class{Outcome: resilience.Failure, Retry: true}
}

// RetryableError is the default of Config.Retry.Retryable. It reports what
// [resilience.RetryableError] does, except that a certificate which was not
// accepted is not retried: it will be the same certificate.
func RetryableError(err error) bool {
	var certificate *tls.CertificateVerificationError
	return resilience.RetryableError(err) && !errors.As(err, &certificate)
}

// StatusError is the error of an attempt whose response is going to be dropped
// for a further attempt. Hooks get it; RoundTrip returns the last response and
// not this error, unless the request's context ended during a wait.
type StatusError struct {
	// Status is the status code of the response.
	Status int
	// RetryAfter is the wait that its Retry-After header asks for, zero if it
	// asks for none.
	RetryAfter time.Duration

	resp      *http.Response
	discarded bool
}

// Error gives the status and its text.
func (e *StatusError) Error() string {
	if text := http.StatusText(e.Status); text != "" {
		return fmt.Sprintf("HTTP status %d %s", e.Status, text)
	}
	return fmt.Sprintf("HTTP status %d", e.Status)
}

func statusOf(err error) (*StatusError, bool) {
	var status *StatusError
	ok := errors.As(err, &status)
	return status, ok
}

// statusError returns the error of a response that may be retried.
func statusError(resp *http.Response, now time.Time) error {
	wait := retryAfter(resp.Header, now)
	return resilience.RetryAfter(&StatusError{Status: resp.StatusCode, RetryAfter: wait, resp: resp}, wait)
}

// retryAfter returns the wait that the header Retry-After asks for (RFC 9110,
// section 10.2.3), zero for none and for what is neither seconds nor a date. A
// date is compared with the response's own Date, so that clocks need not agree.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(math.MaxInt64/time.Second) {
			return math.MaxInt64
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(0, at.Sub(now))
}
