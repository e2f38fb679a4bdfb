package resilience

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// TimeoutError reports that a call ended by the deadline that [Timeout] had set.
// It is context.DeadlineExceeded for errors.Is.
//
// Whether the call had an effect is not known, unless Err is nil.
type TimeoutError struct {
	// After is the time that the call was given.
	After time.Duration
	// Err is what the call returned; nil if it was not made.
	Err error
}

// Error gives the time and the call's own error.
func (e *TimeoutError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("call not made: its timeout is %v, allowed is more than 0", e.After)
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
// return when its context ends. A call that is merely abandoned would keep
// spending money and memory after its caller was answered, so that is not
// offered.
//
// The error is a *[TimeoutError] if fn failed because of this deadline. A
// result, or a definite error such as a refusal, that arrives just after the
// deadline is returned as it is. The context's own earlier deadline stays in
// force and gives its own error. With d of zero or less fn is not called.
//
// # Results that are read later
//
// The context ends when fn returns, whatever fn returned. So its result must be
// complete by then. An *http.Response is not: its body is read under the
// context of its request, and a body that is read after Timeout has returned is
// cut off with context.Canceled, often in its middle. Read the body inside fn,
// or use resilience/resiliencehttp, whose timeout lasts until the body is read
// or closed. The same holds for sql.Rows and for streams.
func Timeout[T any](ctx context.Context, d time.Duration, fn func(context.Context) (T, error)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	if d <= 0 {
		return zero, &TimeoutError{After: d}
	}
	ours := new(deadline)
	inner, cancel := context.WithTimeoutCause(ctx, d, ours)
	defer cancel()
	result, err := fn(inner)
	if err != nil && context.Cause(inner) == error(ours) && errors.Is(err, context.DeadlineExceeded) {
		return result, &TimeoutError{After: d, Err: err}
	}
	return result, err
}

// deadline is the cause of a context that distinguishes our deadline from
// others. It has the text and kind of context.DeadlineExceeded, because net/http and
// others return the cause in its place.
type deadline struct{ _ byte } // not of size zero: each has an address of its own

func (*deadline) Error() string        { return context.DeadlineExceeded.Error() }
func (*deadline) Is(target error) bool { return target == context.DeadlineExceeded }
func (*deadline) Timeout() bool        { return true }
func (*deadline) Temporary() bool      { return true }
