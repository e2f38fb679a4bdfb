package redisthrottle

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/returnkit/returnkit/throttle"
)

// MaxTolerance bounds the time in which a limit earns its burst: as nanoseconds
// it must be exact in the numbers of a script.
const MaxTolerance = 100 * 24 * time.Hour

// Limiter is a throttle.Limiter that all processes share which use the same
// Redis, prefix and limit: each key has the limit for itself. Make one with
// [New]; it may be used by many goroutines at once. The zero value refuses
// everything with throttle.ErrZeroValue.
type Limiter struct {
	store
	limit     throttle.Limit
	tolerance string
	one       string // the time of one unit
	script    *rueidis.Lua
}

var _ throttle.Restorer = (*Limiter)(nil)

// New returns a limiter whose keys in Redis begin with prefix, such as
// "throttle:checkout:"; limiters with different limits need different ones. The
// error names what is out of range: the prefix is empty, or the limit is not
// valid or takes longer than MaxTolerance to earn its burst.
//
// The client stays the caller's, who closes it. [Dial] makes one that suits.
func New(client rueidis.Client, prefix string, limit throttle.Limit) (*Limiter, error) {
	return newLimiter(client, prefix, limit, serverClock)
}

func newLimiter(client rueidis.Client, prefix string, limit throttle.Limit, clock string) (*Limiter, error) {
	s, err := newStore(client, prefix, limit, clock)
	if err != nil {
		return nil, err
	}
	return &Limiter{
		store:     s,
		limit:     limit,
		tolerance: strconv.FormatInt(int64(limit.Tolerance()), 10),
		one:       strconv.FormatInt(int64(limit.Interval()), 10),
		script:    rueidis.NewLuaScript(fmt.Sprintf(script, clock, lead)),
	}, nil
}

// Limit returns the limit of each key.
func (l *Limiter) Limit() throttle.Limit { return l.limit }

// Take satisfies throttle.Limiter. Its errors are a *throttle.CostError,
// ctx.Err(), [ErrBusy], and errors of Redis and the connection to it. It returns when
// ctx ends, without waiting for Redis any longer.
func (l *Limiter) Take(ctx context.Context, key string, cost int64) (throttle.Decision, error) {
	return l.take(ctx, key, cost)
}

// take asks Redis with the further arguments of the script.
func (l *Limiter) take(ctx context.Context, key string, cost int64, more ...string) (throttle.Decision, error) {
	refused := throttle.Decision{Limit: l.limit.Burst}
	if l.client == nil {
		return refused, errZeroLimiter
	}
	if d, err := l.limit.Decide(0, cost); err != nil {
		return d, err // no wait would let it pass, so Redis need not be asked
	}
	add := l.one
	if cost != 1 {
		add = strconv.FormatInt(cost*int64(l.limit.Interval()), 10)
	}
	got, err := l.ask(ctx, l.script, []string{l.prefix + key}, append([]string{add, l.tolerance}, more...))
	if err != nil {
		return refused, err
	}
	if len(got) != 1 || got[0] < 0 || got[0] > int64(l.limit.Tolerance()) {
		return refused, fmt.Errorf("redisthrottle: Redis answers %v, expected one number from 0 to %s",
			got, l.tolerance)
	}
	return l.limit.Decide(time.Duration(got[0]), cost)
}

// Restore satisfies throttle.Restorer, in one round trip. Its errors are those
// of Take.
func (l *Limiter) Restore(ctx context.Context, key string, cost int64) error {
	if l.client == nil {
		return errZeroLimiter
	}
	return l.restore(ctx, key, l.limit, cost)
}

// Ping returns an error while Redis does not take writes: it is away, loading, a
// replica, out of memory. throttle.Fallback asks it.
func (l *Limiter) Ping(ctx context.Context) error {
	if l.client == nil {
		return errZeroLimiter
	}
	return l.ping(ctx)
}
