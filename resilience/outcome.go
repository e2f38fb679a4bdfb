package resilience

import (
	"context"
	"errors"
	"fmt"
)

// Outcome says what a finished call shows about the dependency.
type Outcome uint8

// The outcomes of a call. The zero value is Failure, so that a call whose
// outcome was never set (it panicked) counts as one.
const (
	// Failure: the dependency did not do its work.
	Failure Outcome = iota
	// Success: it did, or gave a definite answer such as "card declined".
	Success
	// Neutral: the call says nothing about the dependency.
	Neutral
)

// String returns failure, success or neutral.
func (o Outcome) String() string {
	switch o {
	case Failure:
		return "failure"
	case Success:
		return "success"
	case Neutral:
		return "neutral"
	}
	return fmt.Sprintf("Outcome(%d)", uint8(o))
}

// ClassifyError is the default of [Config.Classify]. ctx is the one given to
// [Do].
//
// No error is a success. An error after the caller canceled ctx is neutral: the
// caller went away, and whatever the call reports then is a consequence of
// that. Every other error is a failure, including a deadline that passed, no matter
// who set it: the dependency was given its time and did not answer.
//
// A caller whose errors include definite answers (a declined card, a missing
// row) should classify these as Success itself and pass the rest here.
func ClassifyError(ctx context.Context, err error) Outcome {
	switch {
	case err == nil:
		return Success
	case errors.Is(ctx.Err(), context.Canceled):
		return Neutral
	}
	return Failure
}
