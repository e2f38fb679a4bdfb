package observability

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"
)

// Trace is a place in a distributed trace, as W3C Trace Context
// (https://www.w3.org/TR/trace-context/, level 1) carries it.
type Trace struct {
	TraceID  string // 32 lower-case hex digits, of the whole trace
	SpanID   string // 16, of the work of this process for this request
	ParentID string // 16, of the caller's work; "" where the trace began here
	Flags    string // 2; the last bit says that the caller records the trace
	State    string // tracestate, passed on as it came
}

// The headers of W3C Trace Context.
const (
	traceparentHeader = "Traceparent"
	tracestateHeader  = "Tracestate"
	maxTracestate     = 512
)

// traceFrom continues the trace of h with a new span, or begins one that
// nobody records when h has no well-formed traceparent.
func traceFrom(h http.Header) Trace {
	t := Trace{SpanID: randomHex(8)}
	given := h.Values(traceparentHeader)
	if len(given) == 1 {
		if id, parent, flags, ok := parseTraceparent(given[0]); ok {
			t.TraceID, t.ParentID, t.Flags = id, parent, flags
			if state := strings.Join(h.Values(tracestateHeader), ","); len(state) <= maxTracestate {
				t.State = state
			}
			return t
		}
	}
	t.TraceID, t.Flags = randomHex(16), "00"
	return t
}

// parseTraceparent takes a traceparent header apart. A version above 00 may
// have more fields, which are ignored; version ff, upper-case digits and
// all-zero ids are not well-formed.
func parseTraceparent(s string) (traceID, parentID, flags string, ok bool) {
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if len(s) < length || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return "", "", "", false
	}
	version, traceID, parentID, flags := s[:2], s[3:35], s[36:52], s[53:length]
	if len(s) > length && (version == "00" || s[length] != '-') {
		return "", "", "", false
	}
	if !isHex(version) || version == "ff" || !isHex(traceID) || !isHex(parentID) || !isHex(flags) ||
		strings.Trim(traceID, "0") == "" || strings.Trim(parentID, "0") == "" {
		return "", "", "", false
	}
	return traceID, parentID, flags, true
}

// Traceparent returns the header that makes the receiver's work a child of
// this one; "" for the zero Trace.
func (t Trace) Traceparent() string {
	if t.TraceID == "" {
		return ""
	}
	return "00-" + t.TraceID + "-" + t.SpanID + "-" + t.Flags
}

// traceTransport adds the trace of a request's context to it.
type traceTransport struct{ base http.RoundTripper }

// TraceTransport returns a RoundTripper that sends the trace of the request's
// context along, unless the request names one itself. base nil means
// http.DefaultTransport. Only the trace is sent: request id and user stay
// inside.
func TraceTransport(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return traceTransport{base}
}

// RoundTrip implements http.RoundTripper; it leaves r as it is.
func (t traceTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	info, ok := RequestFrom(r.Context())
	if parent := info.Trace.Traceparent(); ok && parent != "" && r.Header.Get(traceparentHeader) == "" {
		r = r.Clone(r.Context())
		r.Header.Set(traceparentHeader, parent)
		if info.Trace.State != "" {
			r.Header.Set(tracestateHeader, info.Trace.State)
		}
	}
	return t.base.RoundTrip(r)
}

func isHex(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) && (s[i] < 'a' || s[i] > 'f') {
			return false
		}
	}
	return true
}

// randomHex returns n random bytes in hex; never only zeros, which no id may
// be.
func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	b[n-1] |= 1
	return hex.EncodeToString(b)
}
