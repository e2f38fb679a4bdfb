package app

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/refserver/internal/auth"
	"github.com/returnkit/returnkit/throttle"
	"github.com/returnkit/returnkit/throttle/redisthrottle"
	"github.com/returnkit/returnkit/throttle/throttlehttp"
)

// limitBudget is how long a shared limit may take to decide. While Redis is slower
// than that, or down, each process limits on its own.
const limitBudget = 15 * time.Millisecond

// limitedKeys is how many customers and addresses can have a share of the
// checkout limit at a time.
const limitedKeys = 1 << 16

// The queue before the checkout. So many run at once that a payment provider
// that answers nothing doesn't fill the places before the circuit opens, and
// what can't begin within the wait is refused at once, while it can still be
// answered within half a second.
const (
	checkoutsAtOnce  = 128
	checkoutsWaiting = 512
	checkoutWait     = 400 * time.Millisecond
)

// A checkout's form is small, and is sent in one piece.
const (
	checkoutBytes = 32 << 10
	checkoutBody  = 5 * time.Second
	bodiesAtOnce  = 2048
)

// A form or a JSON body without photos is read before anything is done with it. So many are
// read at a time, and of one account or address.
const (
	bodyTimeout  = 10 * time.Second
	bodiesOfKey  = 128
	bodiesInShop = 512 // 64 MiB
)

// checkoutGuard is what stands before the checkout: the body is read, then one
// limit is shared by all customers, and by other processes where there is a
// Redis; behind it is a queue of this process.
type checkoutGuard struct {
	limiter throttle.Reserver
	shared  *throttle.Fallback // nil without a Redis
	queue   *throttle.Queue
	known   sessionMemo
	cookie  string // the name of the session's cookie
}

// openGuard makes the limit and the queue. A Redis that can't be used is no error:
// this process then limits on its own, with its part of the limit.
func (s *App) openGuard(ctx context.Context) (err error) {
	g := &s.checkout
	g.cookie = s.Auth.CookieName()
	g.queue, err = throttle.NewQueue(throttle.QueueConfig{
		Name: "checkout", Concurrency: checkoutsAtOnce, MaxWaiting: checkoutsWaiting, MaxWait: checkoutWait,
	})
	if err != nil {
		return err
	}
	config := throttle.FairConfig{
		Limit:   throttle.PerSecond(int64(s.Config.ThrottlingMaxRPS), int64(s.Config.ThrottleBurst())),
		MaxKeys: limitedKeys,
	}
	if s.Config.RedisURL == "" {
		g.limiter, err = throttle.NewFair(config)
		return err
	}
	client, err := redisthrottle.Dial(string(s.Config.RedisURL))
	if err != nil {
		return err
	}
	s.onClose(func(context.Context) error { client.Close(); return nil })
	shared, err := redisthrottle.NewFair(client, "throttle:checkout:", config)
	if err != nil {
		return err
	}
	config.Limit = config.Limit.Share(s.Config.ThrottlingReplicas)
	local, err := throttle.NewFair(config)
	if err != nil {
		return err
	}
	log := observability.Named(s.Log, "throttle")
	g.shared, err = throttle.NewFallback(throttle.FallbackConfig{
		Shared: shared, Local: local, Budget: limitBudget,
		OnChange: func(cause error) {
			if cause == nil {
				log.Info("Redis limits checkouts again", "limit", shared.Limit().String())
				return
			}
			log.Warn("Redis does not answer; this process limits checkouts on its own",
				"limit", local.Limit().String(), "error", cause)
		},
	})
	if err != nil {
		return err
	}
	g.limiter = g.shared
	// The first decision would pay for the connection, and be late.
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = g.shared.Check(ctx) // OnChange has said so
	return nil
}

// register adds what the queue holds, and whether the limit is local, to the
// metrics.
func (g *checkoutGuard) register(r prometheus.Registerer) error {
	for name, c := range map[string]struct {
		help  string
		value func() float64
	}{
		"checkout_running": {"Checkouts that run now.", func() float64 { return float64(g.queue.Stats().Running) }},
		"checkout_waiting": {"Checkouts that wait for one of the places to run.",
			func() float64 { return float64(g.queue.Stats().Waiting) }},
		"checkout_limit_degraded": {"1 while this process limits checkouts on its own, because Redis does not answer.",
			func() float64 {
				if g.shared != nil && g.shared.Degraded() != nil {
					return 1
				}
				return 0
			}},
	} {
		gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: c.help}, c.value)
		if err := r.Register(gauge); err != nil {
			return err
		}
	}
	return nil
}

// components is Redis, where there is one: without it each process limits by
// itself, and the shop is degraded.
func (g *checkoutGuard) components() []observability.Component {
	if g.shared == nil {
		return nil
	}
	return []observability.Component{component("redis", false, g.shared.Check)}
}

// didNothing reports whether a checkout that was answered with the status cost
// nothing that the limit protects: an empty cart, a bad card number, no session.
// A decline (402) was a call to the provider.
func didNothing(status int) bool {
	return throttlehttp.ClientErrors(status) && status != http.StatusPaymentRequired
}

// CheckoutGuard returns the middleware before the checkout, which brings the
// session with it, in this order:
//
//   - no session cookie: the answer is to sign in, and takes nothing;
//   - the body is read, so that who stops in the middle holds no place;
//   - the session: a customer's key is the account, and a cookie that opens no
//     session is counted under its address;
//   - one limit, shared equally by the keys that ask at the same time; what did
//     nothing gives its unit back;
//   - a queue that sheds what it could not answer in time.
//
// refused answers what is over the limit or shed, with status 429, and slow what
// was not read, with its status; Retry-After is set already.
func (s *App) CheckoutGuard(refused http.Handler, slow func(http.ResponseWriter, *http.Request, int)) (
	func(http.Handler) http.Handler, error,
) {
	guard, err := throttle.NewGuard(throttle.GuardConfig{
		Limiter: s.checkout.limiter, OnFailure: throttle.FailClosed,
		Observe: func(v throttle.Verdict) { s.Metrics.ThrottleDecision(throttleWord(v)) },
	})
	if err != nil {
		return nil, err
	}
	address := throttlehttp.AddressKey(s.proxies)
	limit, err := throttlehttp.New(throttlehttp.Config{
		Guard: guard, Name: "checkout", Key: throttlehttp.FirstKey(throttlehttp.UserKey(customer), address),
		GiveBack: didNothing, Refused: refused, Queue: s.checkout.queue,
		Shed: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.Metrics.ThrottleDecision("shed")
			refused.ServeHTTP(w, r)
		}),
	})
	if err != nil {
		return nil, err
	}
	body, err := throttlehttp.NewBody(throttlehttp.BodyConfig{
		MaxBytes: checkoutBytes, Timeout: checkoutBody, Total: bodiesAtOnce, Key: address, Failed: slow,
	})
	if err != nil {
		return nil, err
	}
	return func(next http.Handler) http.Handler {
		return s.checkout.handler(s.Auth.Load, body.Handler, limit.Handler, next)
	}, nil
}

// ReadBody returns the middleware that has a body of at most limit bytes read before next begins, so that
// who stops in the middle holds nothing but the connection. failed answers one that was not read,
// with its status: 413, 408, or 400 for one that broke off.
func (s *App) ReadBody(limit int64, failed func(http.ResponseWriter, *http.Request, int)) (
	func(http.Handler) http.Handler, error,
) {
	body, err := throttlehttp.NewBody(throttlehttp.BodyConfig{
		MaxBytes: limit, Timeout: bodyTimeout, PerKey: bodiesOfKey, Total: bodiesInShop, Failed: failed,
		Key: throttlehttp.FirstKey(throttlehttp.UserKey(customer), throttlehttp.AddressKey(s.proxies)),
	})
	if err != nil {
		return nil, err
	}
	return body.Handler, nil
}

// handler puts the layers around next: session, body and limit.
func (g *checkoutGuard) handler(session, body, limit func(http.Handler) http.Handler, next http.Handler) http.Handler {
	anonymous, known := session(next), limit(session(next))
	limited := limit(next)
	found := session(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cookie, err := r.Cookie(g.cookie); err == nil {
			g.known.remember(cookie.Value, customer(r), time.Now())
		}
		limited.ServeHTTP(w, r)
	}))
	withCookie := body(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cookie, err := r.Cookie(g.cookie); err == nil {
			if id := g.known.customer(cookie.Value, time.Now()); id != "" {
				known.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), knownCustomer{}, id)))
				return
			}
		}
		found.ServeHTTP(w, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie(g.cookie); err != nil {
			anonymous.ServeHTTP(w, r)
			return
		}
		withCookie.ServeHTTP(w, r)
	})
}

type knownCustomer struct{}

// customer is who the session or the key of a request belongs to, or belonged to a moment
// ago; "" for nobody.
func customer(r *http.Request) string {
	if id, ok := r.Context().Value(knownCustomer{}).(string); ok {
		return id
	}
	return auth.CallerOf(r.Context())
}

// sessionMemo remembers for moments which account a session cookie opened, so
// that a checkout over the limit costs no query. It says under which key a
// request is counted and nothing else: whether the session is still good is
// looked up by whatever passes.
type sessionMemo struct {
	slots [1024]atomic.Pointer[rememberedSession]
}

type rememberedSession struct {
	cookie   [sha256.Size]byte
	customer string
	until    time.Time
}

const rememberFor = 10 * time.Second

func (m *sessionMemo) slot(cookie [sha256.Size]byte) *atomic.Pointer[rememberedSession] {
	return &m.slots[binary.LittleEndian.Uint64(cookie[:])%uint64(len(m.slots))]
}

// remember notes the account of a cookie that was looked up; nobody's is not
// noted, so that made-up cookies push out none.
func (m *sessionMemo) remember(cookie, customer string, now time.Time) {
	if customer == "" {
		return
	}
	sum := sha256.Sum256([]byte(cookie))
	m.slot(sum).Store(&rememberedSession{cookie: sum, customer: customer, until: now.Add(rememberFor)})
}

// customer returns the account of a cookie, "" if it is not remembered.
func (m *sessionMemo) customer(cookie string, now time.Time) string {
	sum := sha256.Sum256([]byte(cookie))
	if s := m.slot(sum).Load(); s != nil && s.cookie == sum && now.Before(s.until) {
		return s.customer
	}
	return ""
}
