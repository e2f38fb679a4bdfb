package throttle

import (
	"context"
	"errors"
	"fmt"
	"time"
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

// Reserver is a limiter that can have a request wait for its turn, such as
// [Fair]. [Guard] and [Fallback] use it, so that the time to decide and the time
// to wait are bounded apart.
type Reserver interface {
	Restorer
	// Reserve is Take without the wait: an admitted request may go on after the
	// returned time, or give its units back with Restore.
	Reserve(ctx context.Context, key string, cost int64) (Decision, time.Duration, error)
}

// reserve asks a limiter within a budget (0: none), and returns how long an
// admitted request must wait.
func reserve(ctx context.Context, l Limiter, key string, cost int64, budget time.Duration) (
	Decision, time.Duration, error,
) {
	if budget > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, budget)
		defer cancel()
	}
	if r, ok := l.(Reserver); ok {
		return r.Reserve(ctx, key, cost)
	}
	d, err := l.Take(ctx, key, cost)
	return d, 0, err
}

// Await is Take by a [Reserver]: it reserves, and waits for the turn. A request
// whose ctx would end before its turn is refused at once, and gives its units
// back; so does one whose ctx ends meanwhile, and gets its error.
func Await(ctx context.Context, r Reserver, key string, cost int64) (Decision, error) {
	d, wait, err := r.Reserve(ctx, key, cost)
	if err != nil || wait <= 0 {
		return d, err
	}
	return await(ctx, r, key, cost, d, wait)
}

// await has an admitted request wait for its turn. One whose ctx would end
// before is refused at once, and gives its units back; so does one whose ctx
// ends meanwhile, and gets its error.
func await(ctx context.Context, l Limiter, key string, cost int64, d Decision, wait time.Duration) (Decision, error) {
	if wait <= 0 {
		return d, nil
	}
	restore := func() error {
		if r, ok := l.(Restorer); ok {
			return r.Restore(context.WithoutCancel(ctx), key, cost)
		}
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
		return Decision{Limit: d.Limit, RetryAfter: wait, ResetAfter: d.ResetAfter}, restore()
	}
	if err := sleep(ctx, wait); err != nil {
		return Decision{Limit: d.Limit}, errors.Join(err, restore())
	}
	return d, nil
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
	return fmt.Sprintf("throttle: this %s is a zero value and refuses everything: make one with %s",
		e.typeName, e.constructor)
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
