package throttlehttp

import (
	"fmt"
	"math/bits"
	"net/http"
	"strconv"
	"time"

	"github.com/returnkit/returnkit/throttle"
)

// Headers chooses the fields that show clients where they stand.
type Headers uint8

// The choices of fields.
const (
	// HeadersDraft sends RateLimit-Policy and RateLimit, as in
	// draft-ietf-httpapi-ratelimit-headers-10.
	HeadersDraft Headers = iota
	// HeadersX sends X-RateLimit-Limit, X-RateLimit-Remaining and
	// X-RateLimit-Reset, the last in whole seconds from now.
	HeadersX
	// HeadersNone sends none, for limits that are better not known, such as the one
	// on failed sign-ins. Retry-After is sent all the same.
	HeadersNone
)

// The response fields in their canonical form.
var (
	fieldPolicy    = http.CanonicalHeaderKey("RateLimit-Policy")
	fieldRateLimit = http.CanonicalHeaderKey("RateLimit")
)

const (
	fieldRetryAfter = "Retry-After"
	fieldLimit      = "X-Ratelimit-Limit"
	fieldRemaining  = "X-Ratelimit-Remaining"
	fieldReset      = "X-Ratelimit-Reset"
)

// headers shows the client where it stands. In record-only mode, and when the limiter
// failed, nothing is sent that would not be true.
func (m *Middleware) headers(h http.Header, v *throttle.Verdict) {
	if m.cfg.Headers == HeadersNone || v.RecordOnly {
		return
	}
	if m.cfg.Headers == HeadersX {
		if v.Err == nil {
			h.Set(fieldLimit, strconv.FormatInt(v.Decision.Limit, 10))
			h.Set(fieldRemaining, strconv.FormatInt(v.Decision.Remaining, 10))
			h.Set(fieldReset, strconv.FormatInt(wholeSeconds(v.Decision.ResetAfter), 10))
		}
		return
	}
	h[fieldPolicy] = append(h[fieldPolicy], m.policyField())
	if v.Err == nil {
		h[fieldRateLimit] = append(h[fieldRateLimit], rateLimitField(m.cfg.Name, v.Decision))
	}
}

// policyField returns the policy of the limit now, which can change.
func (m *Middleware) policyField() string {
	limit := m.cfg.Guard.Limit()
	p := m.policy.Load()
	if p == nil || p.limit != limit {
		p = &policy{limit, policyField(m.cfg.Name, limit)}
		m.policy.Store(p)
	}
	return p.field
}

// policyField returns the value of the RateLimit-Policy field for a limit, empty
// for one that is not valid. An example is
//
//	"checkout";q=100;w=1
//
// for 100 units in a window of 1 s. The draft has windows of whole seconds and no
// bursts. So the quota states the same rate and is never below the burst: what
// remains is never more than the quota.
func policyField(name string, l throttle.Limit) string {
	if l.Validate() != nil {
		return ""
	}
	q := max(l.Count, l.Burst)
	w := divCeil(q, int64(l.Per), l.Count) // ns in which q units are earned
	if w < int64(time.Second) {
		q = mulDiv(l.Count, int64(time.Second), int64(l.Per))
		w = int64(time.Second)
	}
	buf := appendName(nil, name)
	buf = append(buf, ";q="...)
	buf = strconv.AppendInt(buf, q, 10)
	buf = append(buf, ";w="...)
	buf = strconv.AppendInt(buf, wholeSeconds(time.Duration(w)), 10)
	return string(buf)
}

// rateLimitField returns the value of the RateLimit field for a decision, such
// as
//
//	"checkout";r=4;t=1
//
// for 4 units remaining, and 1 s until all are there again.
func rateLimitField(name string, d throttle.Decision) string {
	buf := appendName(make([]byte, 0, 48), name)
	buf = append(buf, ";r="...)
	buf = strconv.AppendInt(buf, d.Remaining, 10)
	buf = append(buf, ";t="...)
	buf = strconv.AppendInt(buf, wholeSeconds(d.ResetAfter), 10)
	return string(buf)
}

func appendName(buf []byte, name string) []byte {
	buf = append(buf, '"')
	buf = append(buf, name...)
	return append(buf, '"')
}

// setRetryAfter writes the Retry-After field: whole seconds, rounded up, so that
// a client that follows it does not come early, and at least one.
func setRetryAfter(h http.Header, d time.Duration) {
	h.Set(fieldRetryAfter, strconv.FormatInt(max(1, wholeSeconds(d)), 10))
}

func wholeSeconds(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return int64((d-1)/time.Second) + 1
}

// mulDiv is a*b/c for positive numbers, without overflow between.
func mulDiv(a, b, c int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(c) {
		return 1<<63 - 1
	}
	q, _ := bits.Div64(hi, lo, uint64(c))
	return int64(min(q, 1<<63-1))
}

func divCeil(a, b, c int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	lo, carry := bits.Add64(lo, uint64(c-1), 0)
	hi += carry
	if hi >= uint64(c) {
		return 1<<63 - 1
	}
	q, _ := bits.Div64(hi, lo, uint64(c))
	return int64(min(q, 1<<63-1))
}

// checkPolicyName keeps names to characters that need no quoting in a header
// field, a log line or a metric's label.
func checkPolicyName(name string) error {
	ok := name != "" && len(name) <= 64
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			ok = false
		}
	}
	if !ok {
		return fmt.Errorf("throttlehttp: Config.Name is %q, "+
			"allowed are 1 to 64 of letters, digits, dots, dashes, underscores", name)
	}
	return nil
}
