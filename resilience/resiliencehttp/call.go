package resiliencehttp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// call is one attempt, from its permit to the end of its response's body.
type call struct {
	cfg    *Config
	caller context.Context // of the request
	permit resilience.Permit
	judged sync.Once // the permit is done

	ctx    context.Context // of the attempt
	cancel context.CancelCauseFunc
	late   *late       // the cause by which our deadline ends ctx
	timer  *time.Timer // nil without a timeout

	mu      sync.Mutex
	idle    bool // the header has arrived and no read is in progress
	outcome resilience.Outcome
}

// late is the cause of a context that distinguishes a call's own deadline from
// others. It has the text of context.DeadlineExceeded, because net/http returns the cause of a
// context in its place.
type late struct{ _ byte } // not of size zero: each has an address of its own

func (*late) Error() string        { return context.DeadlineExceeded.Error() }
func (*late) Is(target error) bool { return target == context.DeadlineExceeded }
func (*late) Timeout() bool        { return true }
func (*late) Temporary() bool      { return true }

// errDone ends the context of an attempt that is over.
var errDone = errors.New("the attempt is over")

// begin starts the time of the attempt.
func (c *call) begin(ctx context.Context) {
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	if c.cfg.Timeout != NoTimeout {
		c.timer = time.AfterFunc(c.cfg.Timeout, c.expire)
	}
}

// expire ends the attempt when its time is over. A read in progress fails and
// says how the call ended. Where there is none, the caller did not read, which
// says nothing about the host.
func (c *call) expire() {
	c.mu.Lock()
	idle := c.idle
	c.mu.Unlock()
	c.cancel(c.late)
	if idle {
		c.judge(resilience.Neutral)
	}
}

// explain turns the error of our own deadline into a TimeoutError.
func (c *call) explain(err error) error {
	if context.Cause(c.ctx) != error(c.late) {
		return err
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
	case errors.Is(err, context.Canceled): // HTTP/2 does not return the cause
		err = c.late
	default:
		return err
	}
	return &resilience.TimeoutError{After: c.cfg.Timeout, Err: err}
}

// judge reports the outcome to the breaker, once.
func (c *call) judge(o resilience.Outcome) { c.judged.Do(func() { c.permit.Done(o) }) }

// finish ends the attempt.
func (c *call) finish(o resilience.Outcome) {
	c.judge(o)
	if c.timer != nil {
		c.timer.Stop()
	}
	c.cancel(errDone)
}

// answer takes the response over: its body ends the call. What is no success is
// one already now.
func (c *call) answer(resp *http.Response, o resilience.Outcome) {
	c.outcome = o
	if o != resilience.Success {
		c.judge(o)
	}
	if resp.Body == nil || resp.Body == http.NoBody {
		resp.Body = http.NoBody
		c.finish(o)
		return
	}
	b := &body{rc: resp.Body, call: c}
	resp.Body = b
	if resp.StatusCode == http.StatusSwitchingProtocols {
		// From here on it is a connection, as long as both sides like.
		c.judge(o)
		if c.timer != nil {
			c.timer.Stop()
		}
		if w, ok := b.rc.(io.Writer); ok {
			resp.Body = connection{b, w}
		}
		return
	}
	c.setIdle(true)
}

func (c *call) setIdle(idle bool) {
	c.mu.Lock()
	c.idle = idle
	c.mu.Unlock()
}

// body is the body of a response. The call lasts until it is read to the end,
// fails or is closed.
type body struct {
	rc   io.ReadCloser
	call *call
}

// connection is the body of a response that switched protocols.
type connection struct {
	*body
	io.Writer
}

func (b *body) Read(p []byte) (int, error) {
	c := b.call
	c.setIdle(false)
	n, err := b.rc.Read(p)
	c.setIdle(true)
	switch {
	case err == nil:
	case err == io.EOF:
		c.finish(c.outcome)
	default:
		err = c.explain(err)
		c.finish(c.cfg.Breaker.Classify(c.caller, err))
	}
	return n, err
}

func (b *body) Close() error {
	err := b.rc.Close()
	b.call.finish(b.call.outcome)
	return err
}

// The limits of what is read of a response that is dropped, so that its
// connection can be used again. A longer or slower rest costs more than a new
// connection.
const (
	discardBytes = 64 << 10
	discardTime  = 250 * time.Millisecond
)

// discard reads what is left of the body of a response that is dropped, and
// closes it.
func (e *StatusError) discard() {
	e.discarded = true
	b, ok := e.resp.Body.(*body)
	if ok && e.resp.ContentLength <= discardBytes {
		stop := time.AfterFunc(discardTime, func() { b.call.cancel(errDone) })
		_, _ = io.CopyN(io.Discard, b.rc, discardBytes+1)
		stop.Stop()
	}
	_ = e.resp.Body.Close()
}
