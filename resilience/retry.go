package resilience

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Effect says whether a call may be made again. Every [Retry] states it.
type Effect uint8

// The effects of a call. The zero value is the careful one.
const (
	// Once: a second call could do the work a second time (a charge without an
	// idempotency key). It is never retried.
	Once Effect = iota
	// Idempotent: any number of calls have the effect of one (a read, or a write
	// under an idempotency key).
	Idempotent
)

// String returns once or idempotent.
func (e Effect) String() string {
	if e == Idempotent {
		return "idempotent"
	}
	return "once"
}

// RetryConfig says how a [Retrier] repeats calls.
type RetryConfig struct {
	// Name stands in errors and events. Required.
	Name string
	// Attempts is how often a call is made at most, the first time included, 1 to
	// 100. Zero means 3.
	Attempts int
	// FirstWait is the wait before the second attempt; it doubles from one to the
	// next, up to MaxWait. Zero means 100 ms and 5 s (or FirstWait, if longer).
	FirstWait, MaxWait time.Duration
	// JitterPercent makes each wait longer or shorter by a random share of up to
	// this many percent, 1 to 100. Zero means 50; NoJitter means none.
	JitterPercent int
	// Budget bounds the retries of all who share it. Nil means no such bound.
	Budget *Budget
	// Retryable reports whether an error may pass by itself. Nil means
	// RetryableError.
	Retryable func(error) bool
	// OnRetry, if set, is called before each wait.
	OnRetry func(RetryEvent)
}

// RetryEvent tells that a call failed and will be made again.
type RetryEvent struct {
	Name string
	// Attempt is the one that failed, from 1.
	Attempt int
	// Wait is how long from now the next begins.
	Wait time.Duration
	Err  error
}

// RetryableError is the default of [RetryConfig.Retryable]: every error but the
// refusal of a breaker, which a short wait will not change, the caller's cancel,
// and what [Permanent] marks.
func RetryableError(err error) bool {
	return !errors.Is(err, ErrOpen) && !errors.Is(err, context.Canceled)
}

// Permanent marks err as one that no retry will change. Its message and chain
// stay the same. Permanent(nil) is nil.
func Permanent(err error) error { return backoff.Permanent(err) }

// Validate reports the first setting that is out of its range.
func (c RetryConfig) Validate() error {
	c = c.withDefaults()
	switch {
	case c.Name == "":
		return fmt.Errorf("resilience: RetryConfig.Name is empty: name the call that is retried")
	case c.Attempts < 1 || c.Attempts > 100:
		return fmt.Errorf("resilience: retry %q: RetryConfig.Attempts is %d, allowed is 1 to 100", c.Name, c.Attempts)
	case c.FirstWait < 0 || c.FirstWait > maxDuration:
		return fmt.Errorf("resilience: retry %q: RetryConfig.FirstWait is %v, allowed is 0 to %v", c.Name, c.FirstWait, maxDuration)
	case c.MaxWait < c.FirstWait || c.MaxWait > maxDuration:
		return fmt.Errorf("resilience: retry %q: RetryConfig.MaxWait is %v, allowed is FirstWait (%v) to %v", c.Name, c.MaxWait, c.FirstWait, maxDuration)
	case c.JitterPercent < NoJitter || c.JitterPercent > 100:
		return fmt.Errorf("resilience: retry %q: RetryConfig.JitterPercent is %d, allowed is -1 to 100", c.Name, c.JitterPercent)
	}
	return nil
}

func (c RetryConfig) withDefaults() RetryConfig {
	setDefault(&c.Attempts, 3)
	setDefault(&c.FirstWait, 100*time.Millisecond)
	setDefault(&c.MaxWait, max(5*time.Second, c.FirstWait))
	setDefault(&c.JitterPercent, 50)
	if c.Retryable == nil {
		c.Retryable = RetryableError
	}
	return c
}

// Retrier holds the settings of a retry. It may be used by many goroutines.
type Retrier struct{ cfg RetryConfig }

// NewRetrier returns a Retrier, or the error of [RetryConfig.Validate].
func NewRetrier(cfg RetryConfig) (*Retrier, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Retrier{cfg.withDefaults()}, nil
}

// GaveUpReason says why a retry stopped.
type GaveUpReason string

// The reasons for giving up.
const (
	GaveUpAttempts GaveUpReason = "all attempts made"
	GaveUpBudget   GaveUpReason = "retry budget spent"
	GaveUpDeadline GaveUpReason = "the next attempt would begin after the deadline"
	GaveUpContext  GaveUpReason = "the caller's context ended"
)

// GaveUpError says that a call which could have been retried was not, or not
// any more. It wraps the last attempt's error and, if the context ended, that
// error too.
type GaveUpError struct {
	Name string
	// Attempts is how many were made.
	Attempts int
	Reason   GaveUpReason
	// Err is the last attempt's error.
	Err error

	ctxErr error
}

// Error gives the name, the reason, the number of attempts and the last error.
func (e *GaveUpError) Error() string {
	return fmt.Sprintf("%s: gave up after attempt %d (%s): %v", e.Name, e.Attempts, e.Reason, e.Err)
}

// Unwrap returns the wrapped errors.
func (e *GaveUpError) Unwrap() []error {
	if e.ctxErr != nil {
		return []error{e.Err, e.ctxErr}
	}
	return []error{e.Err}
}

// Retry calls fn until it succeeds, fails with an error that is not retryable,
// or there is a reason to give up: the attempts are made, the budget is spent,
// ctx has ended, or its deadline would pass before the next attempt. With the
// effect [Once] fn is called exactly once.
//
// A success returns fn's result. The error of a single attempt, or one that is
// not retryable, is returned as fn gave it; otherwise it is a *[GaveUpError].
func Retry[T any](ctx context.Context, r *Retrier, effect Effect, fn func(context.Context) (T, error)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	if r.cfg.Budget != nil {
		r.cfg.Budget.deposit()
	}
	if effect != Idempotent || r.cfg.Attempts == 1 {
		return fn(ctx)
	}
	s := newSchedule(ctx, r)
	var last error
	result, _ := backoff.RetryNotifyWithData(func() (T, error) {
		s.attempt++
		result, err := fn(ctx)
		last = err
		var permanent *backoff.PermanentError
		if err != nil && (errors.As(err, &permanent) || !r.cfg.Retryable(err)) {
			s.final = true
			return result, backoff.Permanent(err)
		}
		return result, err
	}, s, s.notify)
	if last == nil || s.final {
		return result, last
	}
	if s.reason == "" { // the wait was cut short
		s.reason = GaveUpContext
	}
	e := &GaveUpError{Name: r.cfg.Name, Attempts: s.attempt, Reason: s.reason, Err: last}
	if s.reason == GaveUpContext {
		e.ctxErr = ctx.Err()
	}
	return result, e
}

// schedule is the backoff.BackOff of one Retry.
type schedule struct {
	cfg     *RetryConfig
	ctx     context.Context
	waits   *backoff.ExponentialBackOff
	attempt int
	final   bool // the last error is not retryable
	reason  GaveUpReason
}

func newSchedule(ctx context.Context, r *Retrier) *schedule {
	return &schedule{cfg: &r.cfg, ctx: ctx, waits: backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(r.cfg.FirstWait),
		backoff.WithMaxInterval(r.cfg.MaxWait),
		backoff.WithMultiplier(2),
		backoff.WithRandomizationFactor(float64(max(0, r.cfg.JitterPercent))/100),
		backoff.WithMaxElapsedTime(0),
	)}
}

// Context makes the wait end with ctx (backoff.BackOffContext).
func (s *schedule) Context() context.Context { return s.ctx }

// Reset is called once, before the first attempt.
func (s *schedule) Reset() { s.waits.Reset() }

// NextBackOff returns the wait before the next attempt or, noting the reason,
// backoff.Stop. The budget comes last: a retry that is not made costs nothing.
func (s *schedule) NextBackOff() time.Duration {
	if s.ctx.Err() != nil {
		return s.stop(GaveUpContext)
	}
	if s.attempt >= s.cfg.Attempts {
		return s.stop(GaveUpAttempts)
	}
	wait := s.waits.NextBackOff()
	if deadline, ok := s.ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return s.stop(GaveUpDeadline)
	}
	if s.cfg.Budget != nil && !s.cfg.Budget.withdraw() {
		return s.stop(GaveUpBudget)
	}
	return wait
}

func (s *schedule) stop(why GaveUpReason) time.Duration {
	s.reason = why
	return backoff.Stop
}

func (s *schedule) notify(err error, wait time.Duration) {
	if s.cfg.OnRetry != nil {
		s.cfg.OnRetry(RetryEvent{Name: s.cfg.Name, Attempt: s.attempt, Wait: wait, Err: err})
	}
}
