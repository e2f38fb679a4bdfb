package shop

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/returnkit/returnkit/observability"
	"github.com/returnkit/returnkit/throttle"
	"github.com/returnkit/returnkit/throttle/redisthrottle"
	"github.com/returnkit/returnkit/throttle/throttlehttp"
)

// limitBudget is how long a shared limit may take to decide. A Redis that is
// slower than that, or gone, lets checkouts pass: the shop matters more than
// the limit.
const limitBudget = 15 * time.Millisecond

// The queue before the checkout. So many run at once that a payment provider
// that answers nothing doesn't fill the places before the circuit opens, and
// what can't begin within the wait is told so at once, while it can still be
// answered within half a second.
const (
	checkoutsAtOnce  = 128
	checkoutsWaiting = 512
	checkoutWait     = 400 * time.Millisecond
)

// checkoutGate is what stands before the checkout: one limit for all users,
// shared with other processes where there is a Redis, and behind it a queue of
// this process.
type checkoutGate struct {
	limiter throttle.Limiter
	shared  bool
	queue   *throttle.Queue
}

// openGate makes the limit and the queue. A Redis that can't be reached is no
// error: see limitBudget.
func (s *Shop) openGate(ctx context.Context) (err error) {
	s.gate.queue, err = throttle.NewQueue(throttle.QueueConfig{
		Name: "checkout", Concurrency: checkoutsAtOnce, MaxWaiting: checkoutsWaiting, MaxWait: checkoutWait,
	})
	if err != nil {
		return err
	}
	limit := throttle.PerSecond(int64(s.Config.ThrottlingMaxRPS), int64(s.Config.ThrottleBurst()))
	if s.Config.RedisURL == "" {
		s.gate.limiter, err = throttle.NewSingle(limit)
		return err
	}
	client, err := redisthrottle.Dial(string(s.Config.RedisURL))
	if err != nil {
		return err
	}
	s.onClose(func(context.Context) error { client.Close(); return nil })
	s.gate.shared = true
	shared, err := redisthrottle.New(client, "throttle:checkout:", limit)
	if err != nil {
		return err
	}
	s.gate.limiter = shared
	// The first decision would pay for the connection, and be late.
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := s.gate.check(ctx); err != nil {
		s.Log.WarnContext(ctx, "Redis does not answer: checkouts are not limited until it does", "error", err)
	}
	return nil
}

// check asks for a decision that costs nothing.
func (g *checkoutGate) check(ctx context.Context) error {
	_, err := g.limiter.Take(ctx, "health", 0)
	return err
}

// register adds what the queue holds to the metrics.
func (g *checkoutGate) register(r prometheus.Registerer) error {
	for name, c := range map[string]struct {
		help  string
		value func(throttle.QueueStats) int
	}{
		"checkout_running": {"Checkouts that run now.", func(s throttle.QueueStats) int { return s.Running }},
		"checkout_waiting": {"Checkouts that wait for one of the places to run.", func(s throttle.QueueStats) int { return s.Waiting }},
	} {
		gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: c.help}, func() float64 { return float64(c.value(g.queue.Stats())) })
		if err := r.Register(gauge); err != nil {
			return err
		}
	}
	return nil
}

// components is Redis, where there is one: without it the limit is off, and
// the shop degraded.
func (g *checkoutGate) components() []observability.Component {
	if !g.shared {
		return nil
	}
	return []observability.Component{component("redis", false, g.check)}
}

// CheckoutLimit is the middleware before the checkout: one limit for all
// users, then a queue that sheds what it could not answer in time. refused
// answers what is over the limit or shed, with status 429; Retry-After is set
// already.
func (s *Shop) CheckoutLimit(refused http.Handler) (func(http.Handler) http.Handler, error) {
	config := throttle.GuardConfig{
		Limiter: s.gate.limiter, OnFailure: throttle.FailOpen,
		Observe: func(v throttle.Verdict) { s.Metrics.ThrottleDecision(throttleWord(v)) },
	}
	if s.gate.shared {
		config.Budget = limitBudget
	}
	guard, err := throttle.NewGuard(config)
	if err != nil {
		return nil, err
	}
	limit, err := throttlehttp.New(throttlehttp.Config{
		Guard: guard, Name: "checkout", Key: throttlehttp.FixedKey("checkout"), Refused: refused, Queue: s.gate.queue,
		Shed: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.Metrics.ThrottleDecision("shed")
			refused.ServeHTTP(w, r)
		}),
	})
	if err != nil {
		return nil, err
	}
	return limit.Handler, nil
}
