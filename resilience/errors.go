package resilience

import (
	"errors"
	"fmt"
	"time"
)

// ErrZeroValue is what errors.Is finds in the error of a [Breaker] or [Retrier]
// that was not made by its constructor, and of a setting that holds such a
// [Budget]. It is a mistake in the program: no retry changes it.
var ErrZeroValue = errors.New("it is a zero value")

// Made once, since a refusal must not allocate.
var (
	errZeroBreaker = fmt.Errorf("resilience: Breaker refuses every call: %w; make it with resilience.New", ErrZeroValue)
	errZeroRetrier = fmt.Errorf("resilience: Retrier refuses every call: %w; make it with resilience.NewRetrier",
		ErrZeroValue)
)

// ErrOpen is what errors.Is finds in every [OpenError].
var ErrOpen = errors.New("circuit breaker is open")

// OpenError is the refusal of a breaker. The call was not made.
type OpenError struct {
	// Name is the breaker's.
	Name string
	// RetryAfter is how long from now the breaker certainly refuses, rounded up
	// to the next 1/64 of its open time and never more than that time. While
	// half-open it is the longest wait for the place of a probe. Zero means that
	// no end is known (forced open).
	RetryAfter time.Duration
}

// Error gives the breaker's name and when to try again.
func (e *OpenError) Error() string {
	if e.RetryAfter <= 0 {
		return fmt.Sprintf("circuit breaker %q is open: call refused", e.Name)
	}
	return fmt.Sprintf("circuit breaker %q is open: call refused, try again in %v", e.Name, e.RetryAfter)
}

// Is reports whether target is [ErrOpen].
func (e *OpenError) Is(target error) bool { return target == ErrOpen }

// refusalSteps is into how many steps RetryAfter is divided.
const refusalSteps = 64

// refusals holds the errors of one generation, made once: a refusal must not
// allocate.
type refusals struct {
	step int64
	errs [refusalSteps + 1]OpenError
}

func newRefusals(name string, total int64) *refusals {
	r := &refusals{step: max(1, (total+refusalSteps-1)/refusalSteps)}
	for i := range r.errs {
		r.errs[i] = OpenError{Name: name, RetryAfter: time.Duration(min(int64(i)*r.step, total))}
	}
	return r
}

// after returns the refusal for a wait of at least remaining.
func (r *refusals) after(remaining int64) *OpenError {
	i := (remaining + r.step - 1) / r.step
	return &r.errs[min(max(i, 0), refusalSteps)]
}
