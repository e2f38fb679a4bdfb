package redisthrottle

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/returnkit/returnkit/throttle"
)

// script is throttle.Limit.Decide beside the data. It returns how far the key's
// arrival time lay ahead of now, from which the caller makes the same decision.
//
// Numbers in Lua are floats, exact up to 2^53: a time since 1970 in nanoseconds
// is not, so it is read and written in two parts, and only differences are
// reckoned with. What lies further ahead than the tolerance was written under
// another limit, or before the clock was set back.
//
// KEYS[1]: the key. ARGV: cost x interval and tolerance in ns. %s: a line that
// sets sec and nsec, and spare, for how many ms a value is kept when it is of no
// more use.
const script = `
local call, sub, format = redis.call, string.sub, string.format
local key, add, tolerance = KEYS[1], ARGV[1] + 0, ARGV[2] + 0
%s
local ahead, write = 0, false
local tat = call('GET', key)
if tat then
	ahead = (sub(tat, 1, -10) - sec) * 1e9 + (sub(tat, -9) - nsec)
	if ahead < 0 then ahead = 0 end
	if ahead > tolerance then ahead, write = tolerance, true end
end
local after = ahead
if add > 0 and ahead + add <= tolerance then after, write = ahead + add, true end
if write then
	local part = nsec + after
	local rest = math.fmod(part, 1e9) -- exact, which the operator is not
	call('SET', key, format('%%d%%09d', sec + (part - rest) / 1e9, rest), 'PX', format('%%d', after / 1e6 + spare))
end
return ahead`

// serverClock is the line of the script that reads the clock.
const serverClock = `local t = call('TIME')
local sec, nsec, spare = t[1] + 0, t[2] * 1000, 2`

// MaxTolerance bounds the time in which a limit earns its burst: as nanoseconds
// it must be exact in the numbers of a script.
const MaxTolerance = 100 * 24 * time.Hour

// maxInFlight bounds the decisions that wait for a Redis that does not answer.
const maxInFlight = 4096

// ErrBusy says that too many decisions wait for Redis already.
var ErrBusy = errors.New("redisthrottle: too many decisions wait for Redis")

// Limiter is a throttle.Limiter that all processes share which use the same
// Redis, prefix and limit. Make one with [New]; it may be used by many goroutines
// at once.
type Limiter struct {
	client    rueidis.Client
	prefix    string
	limit     throttle.Limit
	tolerance string
	one       string // the time of one unit
	script    *rueidis.Lua
	inFlight  atomic.Int64
}

var _ throttle.Limiter = (*Limiter)(nil)

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
	switch {
	case client == nil:
		return nil, errors.New("redisthrottle: client is nil: make one with Dial")
	case prefix == "":
		return nil, errors.New("redisthrottle: prefix is empty: name what is limited, such as \"throttle:checkout:\"")
	}
	if err := limit.Validate(); err != nil {
		return nil, err
	}
	if limit.Tolerance() > MaxTolerance {
		return nil, fmt.Errorf("redisthrottle: %v: the burst takes %v to earn, allowed is up to %v", limit, limit.Tolerance(), MaxTolerance)
	}
	return &Limiter{
		client:    client,
		prefix:    prefix,
		limit:     limit,
		tolerance: strconv.FormatInt(int64(limit.Tolerance()), 10),
		one:       strconv.FormatInt(int64(limit.Interval()), 10),
		script:    rueidis.NewLuaScript(fmt.Sprintf(script, clock)),
	}, nil
}

// Limit returns the limit of each key.
func (l *Limiter) Limit() throttle.Limit { return l.limit }

// Take satisfies throttle.Limiter. Its errors are a *throttle.CostError, that of
// ctx, [ErrBusy], and those of Redis and the connection to it. It returns when
// ctx ends, without waiting for Redis any longer.
func (l *Limiter) Take(ctx context.Context, key string, cost int64) (throttle.Decision, error) {
	return l.take(ctx, key, cost)
}

// take asks Redis with the further arguments of the script.
func (l *Limiter) take(ctx context.Context, key string, cost int64, more ...string) (throttle.Decision, error) {
	refused := throttle.Decision{Limit: l.limit.Burst}
	if d, err := l.limit.Decide(0, cost); err != nil {
		return d, err // no wait would let it pass, so Redis need not be asked
	}
	if err := ctx.Err(); err != nil {
		return refused, fmt.Errorf("redisthrottle: %w", err)
	}
	add := l.one
	if cost != 1 {
		add = strconv.FormatInt(cost*int64(l.limit.Interval()), 10)
	}
	ahead, err := l.ask(ctx, []string{l.prefix + key}, append([]string{add, l.tolerance}, more...))
	if err != nil {
		return refused, fmt.Errorf("redisthrottle: %w", err)
	}
	return l.limit.Decide(time.Duration(ahead), cost)
}

type answer struct {
	ahead int64
	err   error
}

// ask runs the script. The client can wait longer than ctx allows, as for a
// connection that another goroutine is making, or for room in its queue; so it
// waits in a goroutine of its own.
func (l *Limiter) ask(ctx context.Context, keys, args []string) (int64, error) {
	if l.inFlight.Add(1) > maxInFlight {
		l.inFlight.Add(-1)
		return 0, ErrBusy
	}
	done := make(chan answer, 1)
	go func() {
		defer l.inFlight.Add(-1)
		ahead, err := l.script.Exec(ctx, l.client, keys, args).AsInt64()
		done <- answer{ahead, err}
	}()
	select {
	case a := <-done:
		return a.ahead, a.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
