package resiliencehttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// Transport is an http.RoundTripper that sends requests through a breaker and a
// retry budget per host and with a timeout that includes the response's body.
// Make one with [New] for each service and share it, as the Transport of an
// http.Client. It may be used by many goroutines at once. The zero Transport
// sends nothing.
type Transport struct {
	cfg   Config
	base  http.RoundTripper
	hosts *hosts
}

var errZeroTransport = fmt.Errorf("resiliencehttp: Transport sends no request: %w; make it with resiliencehttp.New",
	resilience.ErrZeroValue)

// New returns a Transport, or the error of [Config.Validate].
func New(cfg Config) (*Transport, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	t := &Transport{cfg: cfg.withDefaults(), base: cfg.Base}
	if t.base == nil {
		t.base = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
		if standard, ok := http.DefaultTransport.(*http.Transport); ok {
			t.base = standard.Clone()
		}
	}
	t.hosts = newHosts(t.cfg)
	return t, nil
}

// Breakers returns the breakers of the hosts that are known now, at most
// [Config.MaxHosts], the most recently used first. Their names end with the host
// and port.
func (t *Transport) Breakers() []*resilience.Breaker {
	if t == nil || t.hosts == nil {
		return nil
	}
	return t.hosts.breakers()
}

// CloseIdleConnections closes the idle connections of the base transport;
// http.Client.CloseIdleConnections calls it.
func (t *Transport) CloseIdleConnections() {
	if t == nil {
		return
	}
	if base, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

// RoundTrip sends req, as often as its effect, the attempts and the budget allow, and
// returns the last response, whatever its status, or the error of the last attempt. As
// for every http.RoundTripper, the caller must close the response's body; req is not
// changed, and its body is closed.
//
// The error is an *[resilience.OpenError] if the host's breaker refused, with
// nothing sent since; a *[resilience.TimeoutError] if the response's header did
// not arrive within [Config.Timeout]; and a *[resilience.GaveUpError] around the
// last attempt's error if the request may be repeated. A read of the body fails
// with a *[resilience.TimeoutError] when the time is over.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	x := &exchange{t: t, req: req}
	defer x.close()
	switch {
	case t == nil || t.hosts == nil:
		return nil, errZeroTransport
	case req.URL == nil || req.URL.Host == "" || (req.URL.Scheme != "http" && req.URL.Scheme != "https"):
		return nil, fmt.Errorf("resiliencehttp: transport %q: URL is %q, allowed is http or https with a host",
			t.cfg.Name, req.URL.Redacted())
	}
	var err error
	if x.host, err = t.hosts.get(req.URL); err != nil {
		return nil, err
	}
	x.host.shown.Do(func() {
		if t.cfg.OnBreaker != nil {
			t.cfg.OnBreaker(x.host.breaker)
		}
	})
	x.effect = t.cfg.Effect(req)
	effect := x.effect
	if hasBody(req) && req.GetBody == nil {
		effect = resilience.Once
	}
	resp, err := resilience.Retry(req.Context(), x.host.retrier, effect, x.attempt)
	if gave := (*resilience.GaveUpError)(nil); errors.As(err, &gave) && t.cfg.OnGiveUp != nil {
		t.cfg.OnGiveUp(req.Context(), gave)
	}
	if status, ok := statusOf(err); ok && !status.discarded {
		return resp, nil
	}
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// exchange is one request with all its attempts.
type exchange struct {
	t      *Transport
	host   *host
	req    *http.Request
	effect resilience.Effect
	number int
	handed bool // the request's own body was handed to the base transport
}

// close closes the body of a request that no attempt took.
func (x *exchange) close() {
	if x.req.Body != nil && !x.handed {
		_ = x.req.Body.Close()
	}
}

// attempt makes one attempt. A response that may be retried comes with a
// StatusError.
func (x *exchange) attempt(ctx context.Context) (*http.Response, error) {
	x.number++
	began := time.Now()
	var conns atomic.Int64
	resp, err := x.send(ctx, &conns)
	repeats := max(0, int(conns.Load())-1)
	for range repeats {
		x.host.budget.Withdraw()
	}
	if x.t.cfg.OnAttempt != nil {
		a := Attempt{Name: x.t.cfg.Name, Method: x.req.Method, Host: x.host.address, Effect: x.effect,
			Number: x.number, Err: err, Took: time.Since(began), Repeats: repeats}
		if a.Method == "" {
			a.Method = http.MethodGet
		}
		if resp != nil {
			a.Status, a.Err = resp.StatusCode, nil
		}
		x.t.cfg.OnAttempt(ctx, a)
	}
	return resp, err
}

// send sends the request once, if the breaker allows it, and counts the
// connections that this takes.
func (x *exchange) send(ctx context.Context, conns *atomic.Int64) (*http.Response, error) {
	c := &call{cfg: &x.t.cfg, caller: ctx, late: new(late)}
	var err error
	if c.permit, err = x.host.breaker.Allow(); err != nil {
		return nil, err
	}
	answered := false
	defer func() {
		if !answered { // a failure, a panic, or the end of the goroutine
			c.finish(resilience.Failure)
		}
	}()
	c.begin(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { conns.Add(1) },
	}))
	out, err := x.outgoing(c.ctx)
	if err != nil {
		c.finish(resilience.Neutral) // of our own making
		return nil, err
	}
	resp, err := x.t.base.RoundTrip(out)
	if resp == nil && err == nil {
		err = fmt.Errorf("resiliencehttp: %T returned neither a response nor an error", x.t.base)
	}
	if err != nil {
		err = c.explain(err)
		c.finish(x.t.cfg.Breaker.Classify(ctx, err))
		return nil, err
	}
	class := x.t.cfg.Classify(resp)
	resp.Request = x.req
	c.answer(resp, class.Outcome)
	answered = true
	if class.Retry {
		return resp, statusError(resp, time.Now())
	}
	return resp, nil
}

// outgoing returns the request as it is handed to the base transport.
func (x *exchange) outgoing(ctx context.Context) (*http.Request, error) {
	out := x.req.WithContext(ctx)
	if !hasBody(x.req) {
		return out, nil
	}
	if x.handed {
		body, err := x.req.GetBody()
		if err != nil {
			return nil, resilience.Permanent(fmt.Errorf("resiliencehttp: get the body of the request again: %w", err))
		}
		out.Body = body
	}
	x.handed = true
	if repeatable(out) {
		// Without GetBody net/http cannot send the request again behind our back.
		out.GetBody = nil
	}
	return out, nil
}
