package resiliencehttp

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// NoTimeout as a [Config.Timeout] leaves attempts without a limit of their own.
const NoTimeout time.Duration = -1

// Config says how a [Transport] sends requests. Only Name is required.
type Config struct {
	// Name appears in errors and hooks, and is the first word of the breakers'
	// names. Required.
	Name string
	// Base sends the requests. Nil means a clone of http.DefaultTransport, with
	// connections of its own.
	Base http.RoundTripper
	// Timeout limits one attempt, from its beginning until the body of its
	// response has been read to the end or closed. Zero means 30 s, NoTimeout
	// none; else it is 1 ms or more.
	Timeout time.Duration

	// Retry says how often and after which waits a request is repeated that may
	// be. Its Name stays empty. With its Budget nil, each host has a budget of 10
	// percent with a reserve of 10. Its Retryable is asked about errors, not about
	// statuses; nil means RetryableError. Its OnRetry gets a *StatusError where
	// there was a response.
	Retry resilience.RetryConfig
	// Breaker is the setting of every host's breaker. Its Name stays empty: a
	// breaker is named by Config.Name and the host. Its Classify judges errors,
	// with the context of the request; nil means resilience.ClassifyError.
	Breaker resilience.Config
	// MaxHosts limits for how many hosts there is a breaker and a budget at a
	// time, 1 to 10,000. One more takes the place of the host that was used least
	// recently, among those whose breaker is closed if there are any. Zero means
	// 100.
	MaxHosts int

	// Effect says which requests may be repeated. Nil means EffectOf. A request
	// whose body cannot be had again is sent once, whatever Effect returns.
	Effect func(*http.Request) resilience.Effect
	// Classify says what a response means. It must leave the body alone. Nil
	// means ClassifyStatus of its status.
	Classify func(*http.Response) Class

	// OnAttempt, if set, is called after each attempt, when its response's header
	// has arrived or it has failed.
	OnAttempt func(context.Context, Attempt)
	// OnGiveUp, if set, is called when a request is not repeated any more though
	// a further attempt might succeed.
	OnGiveUp func(context.Context, *resilience.GaveUpError)
	// OnBreaker, if set, is called once with each breaker, before its first call:
	// the place to subscribe to its changes.
	OnBreaker func(*resilience.Breaker)
}

// Attempt describes one attempt to send a request. Method and Host come from the
// request; a label of a metric should be made of neither without a bound.
type Attempt struct {
	// Name is Config.Name.
	Name string
	// Method is the request's, GET where it has none.
	Method string
	// Host is the host and port that it was sent to.
	Host string
	// Effect says whether the request may be repeated.
	Effect resilience.Effect
	// Number counts the attempts of a request, from 1.
	Number int
	// Status is the status of the response, zero if there was none.
	Status int
	// Err is why there was none; an *resilience.OpenError if the breaker refused.
	Err error
	// Took is the time from the beginning of the attempt to the response's
	// header or the error.
	Took time.Duration
	// Repeats is how often net/http took a further connection for this attempt
	// on its own, see the package documentation. Each counts against the budget.
	Repeats int
}

const (
	defaultTimeout       = 30 * time.Second
	minTimeout           = time.Millisecond
	defaultMaxHosts      = 100
	maxMaxHosts          = 10_000
	defaultBudgetPercent = 10
	defaultBudgetReserve = 10
)

// Validate reports the first setting that is out of its range, naming it, its
// value and what is allowed.
func (c Config) Validate() error {
	c = c.withDefaults()
	if c.Name == "" {
		return fmt.Errorf("resiliencehttp: Config.Name is empty: name the service that is called")
	}
	bad := func(format string, args ...any) error {
		return fmt.Errorf("resiliencehttp: transport %q: Config."+format, append([]any{c.Name}, args...)...)
	}
	switch {
	case c.Timeout != NoTimeout && c.Timeout < minTimeout:
		return bad("Timeout is %v, allowed is %v or more, or NoTimeout", c.Timeout, minTimeout)
	case c.MaxHosts < 1 || c.MaxHosts > maxMaxHosts:
		return bad("MaxHosts is %d, allowed is 1 to %d", c.MaxHosts, maxMaxHosts)
	case c.Retry.Name != "":
		return bad("Retry.Name is %q, allowed is none: it is Config.Name", c.Retry.Name)
	case c.Breaker.Name != "":
		return bad("Breaker.Name is %q, allowed is none: breakers are named by Config.Name and host", c.Breaker.Name)
	}
	if err := c.retryConfig().Validate(); err != nil {
		return bad("Retry: %w", err)
	}
	if err := c.breakerConfig("host").Validate(); err != nil {
		return bad("Breaker: %w", err)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.MaxHosts == 0 {
		c.MaxHosts = defaultMaxHosts
	}
	if c.Retry.Retryable == nil {
		c.Retry.Retryable = RetryableError
	}
	if c.Breaker.Classify == nil {
		c.Breaker.Classify = resilience.ClassifyError
	}
	if c.Effect == nil {
		c.Effect = EffectOf
	}
	if c.Classify == nil {
		c.Classify = func(resp *http.Response) Class { return ClassifyStatus(resp.StatusCode) }
	}
	return c
}

// retryConfig is the setting of a host's retrier, but for its budget.
func (c Config) retryConfig() resilience.RetryConfig {
	r := c.Retry
	r.Name = c.Name
	r.Retryable = func(err error) bool {
		// A StatusError is only made of a status that may be retried.
		_, ok := statusOf(err)
		return ok || c.Retry.Retryable(err)
	}
	r.OnRetry = func(ctx context.Context, e resilience.RetryEvent) {
		if c.Retry.OnRetry != nil {
			c.Retry.OnRetry(ctx, e)
		}
		if status, ok := statusOf(e.Err); ok {
			status.discard()
		}
	}
	return r
}

func (c Config) breakerConfig(host string) resilience.Config {
	b := c.Breaker
	b.Name = c.Name + " " + host
	return b
}
