package throttle

import (
	"errors"
	"net/http"
	"time"
)

// MiddlewareConfig says how [Middleware] treats requests.
type MiddlewareConfig struct {
	// Guard decides. Required.
	Guard *Guard
	// Policy is the limit's name in the RateLimit fields: letters, digits, dots,
	// dashes and underscores. Required.
	Policy string
	// Key returns the key of a request. Requests that have none are counted
	// together, under the empty key. Required.
	Key KeyFunc
	// Cost returns what a request costs. Nil means 1 each.
	Cost func(*http.Request) int64
	// Refused answers a request over the limit. The fields RateLimit,
	// RateLimit-Policy and Retry-After are set already (the last not for a cost
	// above the burst, which will never pass); it writes the status 429 and the
	// body. Nil means a line of plain text.
	Refused http.Handler
	// Unavailable answers a request that is refused because the limiter failed
	// (FailClosed). Retry-After is set already; it writes the status 503 and the
	// body. Nil means a line of plain text.
	Unavailable http.Handler
	// HideFields leaves out RateLimit and RateLimit-Policy, for limits that are
	// better not told (failed sign-ins).
	HideFields bool
}

// Middleware returns HTTP middleware that lets a request pass to the next
// handler as the guard decides, and tells the client where it stands in the
// fields RateLimit and RateLimit-Policy. Several may stand in a row, each with
// its own policy name: each adds its member to the fields.
//
// In record-only mode, and when the limiter failed, no RateLimit field is sent:
// it would not be true.
func Middleware(cfg MiddlewareConfig) (func(http.Handler) http.Handler, error) {
	switch {
	case cfg.Guard == nil:
		return nil, errors.New("throttle: MiddlewareConfig.Guard is nil: set the guard that decides")
	case cfg.Key == nil:
		return nil, errors.New("throttle: MiddlewareConfig.Key is nil: set what requests are counted by, such as FixedKey")
	}
	if err := checkPolicyName(cfg.Policy); err != nil {
		return nil, err
	}
	if cfg.Refused == nil {
		cfg.Refused = plain(http.StatusTooManyRequests, "Too many requests. Try again later.\n")
	}
	if cfg.Unavailable == nil {
		cfg.Unavailable = plain(http.StatusServiceUnavailable, "Service unavailable. Try again later.\n")
	}
	policy := PolicyField(cfg.Policy, cfg.Guard.Limit())
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			cfg.serve(w, r, next, policy)
		})
	}, nil
}

func (cfg *MiddlewareConfig) serve(w http.ResponseWriter, r *http.Request, next http.Handler, policy string) {
	key, _ := cfg.Key(r)
	cost := int64(1)
	if cfg.Cost != nil {
		cost = cfg.Cost(r)
	}
	v := cfg.Guard.Check(r.Context(), key, cost)
	h := w.Header()
	if !cfg.HideFields && !v.RecordOnly {
		h.Add(fieldPolicy, policy)
		if v.Err == nil {
			h.Add(fieldRateLimit, RateLimitField(cfg.Policy, v.Decision))
		}
	}
	switch {
	case v.Pass:
		next.ServeHTTP(w, r)
	case v.Result == Refused:
		setRetryAfter(h, v.Decision.RetryAfter)
		cfg.Refused.ServeHTTP(w, r)
	case v.Result == RefusedCost:
		cfg.Refused.ServeHTTP(w, r)
	default:
		setRetryAfter(h, time.Second)
		cfg.Unavailable.ServeHTTP(w, r)
	}
}

func plain(status int, text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text)) // a client that is gone needs no answer
	})
}
