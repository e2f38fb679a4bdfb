package resilience

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// TimeoutError says that a call ended by the deadline that [Timeout] had set. It
// is context.DeadlineExceeded for errors.Is.
//
// Whether the call had an effect is not known.
type TimeoutError struct {
	// After is the time that the call was given.
	After time.Duration
	// Err is what the call returned; nil if it was not begun.
	Err error
}

// Error gives the time and the call's own error.
func (e *TimeoutError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("no answer within %v", e.After)
	}
	return fmt.Sprintf("no answer within %v: %v", e.After, e.Err)
}

// Unwrap returns the call's own error.
func (e *TimeoutError) Unwrap() error { return e.Err }

// Is reports whether target is context.DeadlineExceeded.
func (e *TimeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// Timeout returns true, as for a net.Error.
func (e *TimeoutError) Timeout() bool { return true }

// Timeout calls fn with a context that ends after d, and waits for it: fn must
// honour its context. A call that is merely left behind goes on to spend money
// and memory with nobody to hear of it, so that is not offered.
//
// The error is a *[TimeoutError] if fn failed because of this deadline. A
// result, or a definite error such as a refusal, that arrives just after the
// deadline is returned as it is. The context's own earlier deadline stays in
// force and gives its own error. With d of zero or less fn is not called.
func Timeout[T any](ctx context.Context, d time.Duration, fn func(context.Context) (T, error)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	ours := &TimeoutError{After: d}
	if d <= 0 {
		return zero, ours
	}
	inner, cancel := context.WithTimeoutCause(ctx, d, ours)
	defer cancel()
	result, err := fn(inner)
	if err != nil && context.Cause(inner) == error(ours) && errors.Is(err, context.DeadlineExceeded) {
		return result, &TimeoutError{After: d, Err: err}
	}
	return result, err
}
