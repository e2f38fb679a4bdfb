package throttle

import (
	"context"
	"errors"
	"fmt"
)

// Limiter decides whether a request of a key may pass. It is what [Guard] and
// [Fallback] need of a limiter, in this process or shared.
//
// Implementations are safe for concurrent use.
type Limiter interface {
	// Take asks to pass with the given cost, 0 or more; a cost of 0 takes nothing
	// and is always allowed, to look at what remains. A cost above the burst (or
	// below 0) is refused with a *CostError. Any other error means that the
	// limiter could not decide. Take returns soon after ctx has ended.
	Take(ctx context.Context, key string, cost int64) (Decision, error)
	// Limit returns the limit of each key.
	Limit() Limit
}

// Restorer is a limiter that takes units back, for requests that were admitted
// and then did nothing. All limiters of this module are Restorers.
type Restorer interface {
	Limiter
	// Restore gives back units that an earlier Take of the same key took. It never
	// gives a key more than its burst. An error means that the units remain taken.
	Restore(ctx context.Context, key string, cost int64) error
}

// ErrCost is what every [CostError] is, for errors.Is.
var ErrCost = errors.New("cost can never be admitted")

// CostError refuses a request whose cost is above the burst, so that no wait
// would let it pass, or below zero.
type CostError struct {
	Cost, Burst int64
}

// Error names the cost and what is allowed.
func (e *CostError) Error() string {
	return fmt.Sprintf("throttle: cost %d can never be admitted, allowed is 0 to the burst, %d", e.Cost, e.Burst)
}

// Is reports whether target is [ErrCost].
func (e *CostError) Is(target error) bool { return target == ErrCost }

// ErrFull says that a [Keyed] limiter has no room for a further key: as many as
// it can hold are in use, and forgetting one would lose what it has taken.
var ErrFull = errors.New("throttle: limiter holds as many active keys as it has room for")

// ErrZeroValue is what every use of a type of this package that was not made by
// its constructor returns, for errors.Is. The error names the constructor. A
// [Guard] refuses such a request whatever its fail mode is.
var ErrZeroValue = errors.New("zero value")

type zeroValueError struct{ typeName, constructor string }

func (e *zeroValueError) Error() string {
	return fmt.Sprintf("throttle: this %s is a zero value and refuses everything: make one with %s", e.typeName, e.constructor)
}

func (e *zeroValueError) Is(target error) bool { return target == ErrZeroValue }

// The errors of zero values, made once so that a refusal allocates nothing.
var (
	errZeroSingle   = &zeroValueError{"Single", "NewSingle"}
	errZeroKeyed    = &zeroValueError{"Keyed", "NewKeyed"}
	errZeroFair     = &zeroValueError{"Fair", "NewFair"}
	errZeroGuard    = &zeroValueError{"Guard", "NewGuard"}
	errZeroQueue    = &zeroValueError{"Queue", "NewQueue"}
	errZeroFallback = &zeroValueError{"Fallback", "NewFallback"}
)
