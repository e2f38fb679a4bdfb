package observability

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"sync/atomic"
)

// RequestInfo is what log lines say about their request.
type RequestInfo struct {
	ID     string // see [RequestID]
	Path   string // without the query
	Method string
	Trace  Trace // the zero value for none
}

// requestState is shared by all contexts of a request: who signs in below a
// middleware is seen by the log lines above it.
type requestState struct {
	info RequestInfo
	user atomic.Pointer[string]
}

type requestKey struct{}

// WithRequest returns a context whose log lines carry info, and in which
// [SetUserID] can name the user later.
func WithRequest(ctx context.Context, info RequestInfo) context.Context {
	return context.WithValue(ctx, requestKey{}, &requestState{info: info})
}

// RequestFrom returns what WithRequest put into ctx.
func RequestFrom(ctx context.Context) (RequestInfo, bool) {
	if s := stateOf(ctx); s != nil {
		return s.info, true
	}
	return RequestInfo{}, false
}

// SetUserID names the user of the request of ctx, for all log lines of the
// request from now on, wherever they are written. It does nothing and returns
// false when ctx belongs to no request.
func SetUserID(ctx context.Context, id string) bool {
	s := stateOf(ctx)
	if s == nil {
		return false
	}
	s.user.Store(&id)
	return true
}

// UserID returns the id set by [SetUserID], "" for none.
func UserID(ctx context.Context) string {
	if s := stateOf(ctx); s != nil {
		if id := s.user.Load(); id != nil {
			return *id
		}
	}
	return ""
}

func stateOf(ctx context.Context) *requestState {
	s, _ := ctx.Value(requestKey{}).(*requestState)
	return s
}

// requestID is the id of the request of ctx, "" for none.
func requestID(ctx context.Context) string {
	if s := stateOf(ctx); s != nil {
		return s.info.ID
	}
	return ""
}

// RequestIDHeader is the header that carries a request's id.
const RequestIDHeader = "X-Request-ID"

// maxRequestID keeps an id short enough for an exemplar (128 runes in all).
const maxRequestID = 64

// RequestID gives every request an id, a trace and a place for its user, and
// puts them into its context. The id is the header X-Request-ID when there is
// exactly one, of 1 to 64 ASCII letters, digits, "-", "_" and "."; otherwise a
// new random UUID. It is sent back in the same header. The trace continues the
// one of a well-formed traceparent header, or begins.
func RequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := ""
		if given := r.Header.Values(RequestIDHeader); len(given) == 1 && wellFormedID(given[0]) {
			id = given[0]
		} else {
			id = newUUID()
		}
		w.Header().Set(RequestIDHeader, id)
		info := RequestInfo{ID: id, Path: r.URL.Path, Method: r.Method, Trace: traceFrom(r.Header)}
		next.ServeHTTP(w, r.WithContext(WithRequest(r.Context(), info)))
	})
}

func wellFormedID(s string) bool {
	if len(s) == 0 || len(s) > maxRequestID {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	b[6] = b[6]&0x0F | 0x40
	b[8] = b[8]&0x3F | 0x80
	var out [36]byte
	hex.Encode(out[0:8], b[0:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:36], b[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}
