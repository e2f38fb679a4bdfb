package resilience

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Effect says whether a call may be repeated. Every [Retry] states it.
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
	// Name appears in errors and events. Required.
	Name string
	// Attempts limits how often a call is made, the first time included, 1 to
	// 100. Zero means 3.
	Attempts int
	// Backoff gives the waits between the attempts. Its zero value waits 100 ms
	// before the second attempt and twice as long before each further one, give
	// or take a half.
	Backoff Backoff
	// MaxRetryAfter limits the wait that an error may ask for, see [RetryAfter].
	// Zero means 30 s.
	MaxRetryAfter time.Duration
	// Budget bounds the retries of all who share it. Nil means no such bound.
	Budget *Budget
	// Retryable reports whether a retry may change the error. Nil means
	// RetryableError.
	Retryable func(error) bool
	// OnRetry, if set, is called before each wait, with the context that was
	// given to Retry.
	OnRetry func(context.Context, RetryEvent)
}

// RetryEvent reports that a call failed and will be retried.
type RetryEvent struct {
	// Name is the retrier's.
	Name string
	// Attempt is the one that failed, from 1.
	Attempt int
	// Wait is how long from now the next one begins.
	Wait time.Duration
	// Err is the error of the failed attempt.
	Err error
}

// RetryableError is the default of [RetryConfig.Retryable]. It reports true for every
// error but the refusal of a breaker, which a short wait will not change, the caller's
// cancel, and [ErrZeroValue]. What [Permanent] marks is not retried whatever Retryable
// reports.
func RetryableError(err error) bool {
	return !errors.Is(err, ErrOpen) && !errors.Is(err, context.Canceled) && !errors.Is(err, ErrZeroValue)
}

// Permanent marks err as one that no retry will change. Its message and chain
// stay the same. Permanent(nil) is nil.
func Permanent(err error) error { return backoff.Permanent(err) }

// RetryAfter marks err with a wait that the dependency asked for: [Retry] waits
// at least that long before the next attempt, and makes none if that is longer
// than [RetryConfig.MaxRetryAfter] or reaches past the deadline. Its message and
// chain stay the same. RetryAfter(nil, wait) is nil.
func RetryAfter(err error, wait time.Duration) error {
	if err == nil {
		return nil
	}
	return &retryAfterError{err, wait}
}

type retryAfterError struct {
	err  error
	wait time.Duration
}

func (e *retryAfterError) Error() string { return e.err.Error() }
func (e *retryAfterError) Unwrap() error { return e.err }

// Validate reports the first setting that is out of its range, naming it, its
// value and what is allowed.
func (c RetryConfig) Validate() error {
	c = c.withDefaults()
	if c.Name == "" {
		return fmt.Errorf("resilience: RetryConfig.Name is empty: name the call that is retried")
	}
	bad := func(format string, args ...any) error {
		return fmt.Errorf("resilience: retry %q: RetryConfig."+format, append([]any{c.Name}, args...)...)
	}
	switch err := c.Backoff.Validate(); {
	case c.Attempts < 1 || c.Attempts > 100:
		return bad("Attempts is %d, allowed is 1 to 100", c.Attempts)
	case err != nil:
		return bad("Backoff: %w", err)
	case c.MaxRetryAfter < 0 || c.MaxRetryAfter > maxDuration:
		return bad("MaxRetryAfter is %v, allowed is 0 to %v", c.MaxRetryAfter, maxDuration)
	case c.Budget != nil && !c.Budget.made():
		return bad("Budget grants no retry: %w; make it with resilience.NewBudget", ErrZeroValue)
	}
	return nil
}

func (c RetryConfig) withDefaults() RetryConfig {
	setDefault(&c.Attempts, 3)
	setDefault(&c.MaxRetryAfter, 30*time.Second)
	if c.Retryable == nil {
		c.Retryable = RetryableError
	}
	return c
}

// Retrier holds the settings of a retry. Make one with [NewRetrier] and share
// it: many goroutines may use it at once. The zero Retrier refuses every call.
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
	GaveUpWait     GaveUpReason = "the dependency demands a longer wait than MaxRetryAfter"
)

// GaveUpError says that a call which could have been retried was not, or not
// again. It wraps the last attempt's error and, if the context ended, that
// error too.
type GaveUpError struct {
	// Name is the retrier's.
	Name string
	// Attempts is how many were made.
	Attempts int
	// Reason is why no further one was.
	Reason GaveUpReason
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

// Timeout reports whether the last attempt ended by a timeout, as for a
// net.Error.
func (e *GaveUpError) Timeout() bool {
	var late interface{ Timeout() bool }
	return errors.As(e.Err, &late) && late.Timeout()
}

// Retry calls fn until it succeeds, returns an error that is not retryable, or
// there is a reason to give up: all attempts are made, the budget is spent, ctx
// has ended, its deadline would pass before the next attempt, or the dependency
// asks for a longer wait than is allowed. With the effect [Once], fn is called
// exactly once.
//
// A success returns fn's result. The error of a call that may not be repeated,
// and one that is not retryable, is returned as fn gave it; any other is wrapped
// in a *[GaveUpError]. In each case the result is the last call's.
//
// A Retrier that [NewRetrier] did not make returns [ErrZeroValue], a ctx that has
// ended before the first attempt its own error; fn is not called then.
func Retry[T any](ctx context.Context, r *Retrier, effect Effect, fn func(context.Context) (T, error)) (T, error) {
	var zero T
	if r == nil || r.cfg.Attempts == 0 {
		return zero, errZeroRetrier
	}
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	if r.cfg.Budget != nil {
		r.cfg.Budget.deposit()
	}
	if effect != Idempotent || r.cfg.Attempts == 1 {
		return fn(ctx)
	}
	s := &schedule{cfg: &r.cfg, ctx: ctx}
	result, _ := backoff.RetryNotifyWithData(func() (T, error) {
		s.attempt++
		result, err := fn(ctx)
		s.last = err
		var permanent *backoff.PermanentError
		if err != nil && (errors.As(err, &permanent) || !r.cfg.Retryable(err)) {
			s.final = true
			return result, backoff.Permanent(err)
		}
		return result, err
	}, s, s.notify)
	return result, s.err()
}

// schedule is the backoff.BackOff of one Retry.
type schedule struct {
	cfg     *RetryConfig
	ctx     context.Context
	attempt int
	last    error // of the last attempt
	final   bool  // the last error is not retryable
	reason  GaveUpReason
}

// Context makes the wait end with ctx (backoff.BackOffContext).
func (s *schedule) Context() context.Context { return s.ctx }

// Reset is called once, before the first attempt.
func (s *schedule) Reset() {}

// NextBackOff returns the wait before the next attempt or, setting the reason,
// backoff.Stop. The budget comes last: a retry that is not made costs nothing.
func (s *schedule) NextBackOff() time.Duration {
	if s.ctx.Err() != nil {
		return s.stop(GaveUpContext)
	}
	if s.attempt >= s.cfg.Attempts {
		return s.stop(GaveUpAttempts)
	}
	wait := s.cfg.Backoff.Wait(s.attempt - 1)
	var asked *retryAfterError
	if errors.As(s.last, &asked) && asked.wait > 0 {
		if asked.wait > s.cfg.MaxRetryAfter {
			return s.stop(GaveUpWait)
		}
		// Whoever was given the same wait must not come back in step.
		wait = max(wait, asked.wait+s.cfg.Backoff.Wait(0))
	}
	if deadline, ok := s.ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return s.stop(GaveUpDeadline)
	}
	if s.cfg.Budget != nil && !s.cfg.Budget.Withdraw() {
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
		s.cfg.OnRetry(s.ctx, RetryEvent{Name: s.cfg.Name, Attempt: s.attempt, Wait: wait, Err: err})
	}
}

// err returns the error of the whole.
func (s *schedule) err() error {
	if s.last == nil || s.final {
		return s.last
	}
	e := &GaveUpError{Name: s.cfg.Name, Attempts: s.attempt, Reason: s.reason, Err: s.last}
	if e.Reason == "" { // the wait was cut short
		e.Reason = GaveUpContext
	}
	if e.Reason == GaveUpContext {
		e.ctxErr = s.ctx.Err()
	}
	return e
}
