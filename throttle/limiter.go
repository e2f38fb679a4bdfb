package throttle

import (
	"context"
	"errors"
	"fmt"
)

// Limiter decides whether a request of a key may pass. It is what [Guard] and
// [Middleware] need of a limiter, be it in this process or shared.
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

func (g gcra) check(cost int64) error {
	if cost < 0 || cost > g.burst {
		return &CostError{Cost: cost, Burst: g.burst}
	}
	return nil
}

// ErrFull says that a [Keyed] limiter has no room for a further key: as many as
// it can hold are in use, and forgetting one would lose what it has taken.
var ErrFull = errors.New("throttle: limiter holds as many active keys as it has room for")
