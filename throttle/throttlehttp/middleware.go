package throttlehttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/returnkit/returnkit/throttle"
)

// Config says how a [Middleware] treats requests. Limit or Guard is required.
type Config struct {
	// Limit is shared fairly by all clients, in this process: each key has an equal
	// share of it while others ask. Set this or Guard.
	Limit throttle.Limit
	// MaxKeys is how many keys can have a share of Limit at a time. Zero means
	// 65,536, which takes 2 MB.
	MaxKeys int
	// Guard decides in place of Limit: a limiter of your own, one that is shared by
	// several processes, a fail mode, an observer.
	Guard *throttle.Guard
	// Name is the limit's name in header fields: 1 to 64 letters, digits, dots,
	// dashes and underscores. Empty means "default".
	Name string
	// Key returns the key of a request. Requests that have none are counted
	// together, under the empty key. Nil means the address of the connection; behind
	// a proxy set AddressKey with the proxy's network, or all are one client.
	Key KeyFunc
	// Cost returns what a request costs. Nil means 1 each.
	Cost func(*http.Request) int64
	// GiveBack reports whether a request that was answered with the status did
	// nothing, so that its units are given back. Nil never gives any back.
	// ClientErrors is a good choice where a request that is refused costs little.
	GiveBack func(status int) bool
	// Body, if set, reads the body of a request before anything is taken.
	Body *Body
	// Queue, if set, runs each admitted request in one of its places.
	Queue *throttle.Queue
	// Headers chooses the fields that show clients where they stand.
	Headers Headers
	// Refused answers a request over the limit. Retry-After is set already (not for
	// a cost above the burst, which will never pass); it writes the status 429 and
	// the body. Nil means a line of plain text.
	Refused http.Handler
	// Shed answers a request that the queue sheds, with Retry-After set already.
	// Nil means Refused.
	Shed http.Handler
	// Unavailable answers a request that is refused because the limiter failed.
	// Retry-After is set already; it writes the status 503 and the body. Nil means
	// a line of plain text.
	Unavailable http.Handler
}

// defaultKeys is how many keys a fair limit of [Config.Limit] has room for.
const defaultKeys = 1 << 16

// Middleware lets requests pass to a handler as a limit and a queue decide. Make
// one with [New]. The zero value answers every request with 503.
type Middleware struct {
	cfg    Config
	fair   *throttle.Fair // Config.Limit if it is a Fair, else nil
	policy atomic.Pointer[policy]
}

// policy is the RateLimit-Policy field of a limit.
type policy struct {
	limit throttle.Limit
	field string
}

// New returns the middleware, or an error that names the field that is missing
// or out of range.
func New(cfg Config) (*Middleware, error) {
	m := &Middleware{}
	if cfg.Name == "" {
		cfg.Name = "default"
	}
	if err := checkPolicyName(cfg.Name); err != nil {
		return nil, err
	}
	if cfg.Headers > HeadersNone {
		return nil, fmt.Errorf("throttlehttp: Config.Headers is %d, allowed is HeadersDraft, HeadersX or HeadersNone",
			cfg.Headers)
	}
	if (cfg.Guard == nil) == (cfg.Limit == throttle.Limit{}) {
		return nil, errors.New("throttlehttp: Config needs either Limit or Guard")
	}
	if cfg.Guard == nil {
		if err := m.share(&cfg); err != nil {
			return nil, err
		}
	}
	if err := cfg.Guard.Limit().Validate(); err != nil {
		return nil, fmt.Errorf("throttlehttp: Config.Guard has no valid limit (is it a zero value?): %w", err)
	}
	if cfg.Key == nil {
		cfg.Key = AddressKey(Proxies{})
	}
	if cfg.Refused == nil {
		cfg.Refused = plain(http.StatusTooManyRequests, "Too many requests. Try again later.\n")
	}
	if cfg.Shed == nil {
		cfg.Shed = cfg.Refused
	}
	if cfg.Unavailable == nil {
		cfg.Unavailable = plain(http.StatusServiceUnavailable, "Service unavailable. Try again later.\n")
	}
	m.cfg = cfg
	return m, nil
}

// share makes the guard of a limit that is shared fairly.
func (m *Middleware) share(cfg *Config) (err error) {
	if cfg.MaxKeys == 0 {
		cfg.MaxKeys = defaultKeys
	}
	if m.fair, err = throttle.NewFair(throttle.FairConfig{Limit: cfg.Limit, MaxKeys: cfg.MaxKeys}); err != nil {
		return fmt.Errorf("throttlehttp: Config.Limit: %w", err)
	}
	cfg.Guard, err = throttle.NewGuard(throttle.GuardConfig{Limiter: m.fair, OnFailure: throttle.FailClosed})
	return err
}

// SetLimit changes Config.Limit for requests from now on. It returns an error if
// the limit is not valid, or if the middleware has a Guard: then change the
// limiter behind that.
func (m *Middleware) SetLimit(limit throttle.Limit) error {
	if m.fair == nil {
		return errors.New("throttlehttp: SetLimit: Config.Guard has the limit: change it at its limiter")
	}
	return m.fair.SetLimit(limit)
}

// Handler returns next behind the limit. Several handlers may share one
// middleware, and several middlewares may stand in a row, each with a name of
// its own.
func (m *Middleware) Handler(next http.Handler) http.Handler {
	if m.cfg.Guard == nil {
		return plain(http.StatusServiceUnavailable,
			"This throttlehttp.Middleware is a zero value: make one with New.\n")
	}
	limited := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(w, r, next) })
	if m.cfg.Body != nil {
		return m.cfg.Body.Handler(limited)
	}
	return limited
}

type contextKey struct{}

// FromContext returns the reservation of a request behind a [Middleware], for
// handlers that choose their words by the verdict, or that give the units back
// themselves. Of several middlewares in a row the innermost sets it.
func FromContext(ctx context.Context) (*throttle.Reservation, bool) {
	r, ok := ctx.Value(contextKey{}).(*throttle.Reservation)
	return r, ok
}

// ClientErrors is a [Config.GiveBack]: it reports whether the status is one from
// 400 to 499.
func ClientErrors(status int) bool { return status >= 400 && status < 500 }

func (m *Middleware) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	key, _ := m.cfg.Key(r)
	cost := int64(1)
	if m.cfg.Cost != nil {
		cost = m.cfg.Cost(r)
	}
	v := m.cfg.Guard.Reserve(r.Context(), key, cost)
	r = r.WithContext(context.WithValue(r.Context(), contextKey{}, v))
	h := w.Header()
	m.headers(h, &v.Verdict)
	switch {
	case v.Pass:
		m.pass(w, r, next, v)
	case v.Result == throttle.Refused:
		setRetryAfter(h, v.Decision.RetryAfter)
		m.cfg.Refused.ServeHTTP(w, r)
	case v.Result == throttle.RefusedCost:
		m.cfg.Refused.ServeHTTP(w, r)
	default:
		setRetryAfter(h, time.Second)
		m.cfg.Unavailable.ServeHTTP(w, r)
	}
}

// pass runs the handler, in a place of the queue if there is one.
func (m *Middleware) pass(w http.ResponseWriter, r *http.Request, next http.Handler, v *throttle.Reservation) {
	if m.cfg.Queue != nil {
		place, err := m.cfg.Queue.Acquire(r.Context())
		if err != nil {
			// An error leaves the units taken, and the request is shed all the same.
			_ = v.GiveBack(r.Context())
			shed(w, r, err, m.cfg.Shed, m.cfg.Unavailable)
			return
		}
		defer place.Release()
	}
	if m.cfg.GiveBack == nil {
		next.ServeHTTP(w, r)
		return
	}
	s := &statusWriter{ResponseWriter: w}
	next.ServeHTTP(s, r)
	if m.cfg.GiveBack(s.code()) {
		_ = v.GiveBack(r.Context()) // as above
	}
}

// shed answers what the queue did not admit.
func shed(w http.ResponseWriter, r *http.Request, err error, shed, unavailable http.Handler) {
	if e, ok := errors.AsType[*throttle.ShedError](err); ok {
		setRetryAfter(w.Header(), e.RetryAfter)
		shed.ServeHTTP(w, r)
		return
	}
	setRetryAfter(w.Header(), time.Second)
	unavailable.ServeHTTP(w, r)
}

// Queue returns next in a place of the queue, without a limit. A request that is
// shed is answered by refused: Retry-After is set already, and it writes the
// status 429 and the body. Nil means a line of plain text.
//
// The request's context has the deadline; set it outside of the queue, as
// with http.TimeoutHandler, or set QueueConfig.MaxWait. Put a [Body] outside, or
// clients that stop in the middle of a request hold all places.
func Queue(q *throttle.Queue, refused, next http.Handler) http.Handler {
	if refused == nil {
		refused = plain(http.StatusTooManyRequests, "Too many requests. Try again later.\n")
	}
	unavailable := plain(http.StatusServiceUnavailable, "Service unavailable. Try again later.\n")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		place, err := q.Acquire(r.Context())
		if err != nil {
			shed(w, r, err, refused, unavailable)
			return
		}
		defer place.Release()
		next.ServeHTTP(w, r)
	})
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// code is the status; a handler that wrote nothing answers 200.
func (s *statusWriter) code() int {
	if s.status == 0 {
		return http.StatusOK
	}
	return s.status
}

func (s *statusWriter) WriteHeader(status int) {
	if s.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusWriter) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(b)
}

// Flush serves handlers that stream.
func (s *statusWriter) Flush() {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	_ = http.NewResponseController(s.ResponseWriter).Flush() // where it cannot, there is nothing to do
}

// Unwrap serves http.ResponseController.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

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
