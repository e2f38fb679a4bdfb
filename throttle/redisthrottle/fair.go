package redisthrottle

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/returnkit/returnkit/throttle"
)

// fairScript is throttle.Fair beside the data.
//
// KEYS: the arrival time of all keys together, the arrival time of the key's share in
// virtual time, the pace (a hash), and the set of keys that ask (a prefix, for a
// HyperLogLog per window). ARGV: cost, interval, tolerance, tolerance of what is left over and
// longest wait in ns, burst of a share, window in us.
//
// It returns how far the arrival time of all lay ahead of now, whether the
// request is admitted, whether it was beyond its share, and how long from now it
// would pass.
const fairScript = `
local call, sub, format = redis.call, string.sub, string.format
local cost, interval, tolerance = ARGV[1] + 0, ARGV[2] + 0, ARGV[3] + 0
local leftover, patience, burst, window = ARGV[4] + 0, ARGV[5] + 0, ARGV[6] + 0, ARGV[7] + 0
%s
%s
local ahead = read(KEYS[1], tolerance + patience)
if cost == 0 then return {ahead, 1, 0, 0} end

-- How many ask, and the virtual time that runs slower the more there are.
local us = sec * 1e6 + math.floor(nsec / 1e3)
local slot = math.floor(us / window)
local pace = call('HMGET', KEYS[3], 'at', 'virtual', 'n', 'slot')
local at, virtual, n = tonumber(pace[1]) or us, tonumber(pace[2]) or us, tonumber(pace[3]) or 1
if us > at then virtual = virtual + (us - at) / n end
local seen = KEYS[4] .. format('%%d', slot)
local fresh = call('PFADD', seen, KEYS[2]) == 1
if fresh then call('PEXPIRE', seen, format('%%d', window / 1e3 * 2 + spare)) end
if fresh or tonumber(pace[4]) ~= slot then
	n = math.max(1, call('PFCOUNT', seen), call('PFCOUNT', KEYS[4] .. format('%%d', slot - 1)))
end
call('HSET', KEYS[3], 'at', format('%%.0f', us), 'virtual', format('%%.3f', virtual),
	'n', n, 'slot', format('%%.0f', slot))
call('PEXPIRE', KEYS[3], format('%%d', window / 1e3 * 2 + tolerance / 1e6 + spare))

-- The key's share.
local most = burst * interval / 1e3
local own = math.min(most, math.max(0, (tonumber(call('GET', KEYS[2]) or 0) - virtual)))
local step = math.min(cost, burst) * interval / 1e3
local within = own + step <= most + 0.001

local add, bound, wait = cost * interval, tolerance, 0
if n > 1 and within then wait = patience elseif n > 1 then bound = leftover end
local over = ahead + add - math.max(bound, add)
if over > wait then return {ahead, 0, (n > 1 and not within) and 1 or 0, over} end
write(KEYS[1], ahead + add)
if within and (n > 1 or ahead + add > tolerance - leftover) then
	call('SET', KEYS[2], format('%%.3f', virtual + own + step),
		'PX', format('%%d', (own + step) / 1e3 * n + window / 1e3 + spare))
end
return {ahead, 1, (n > 1 and not within) and 1 or 0, 0}`

// Fair is throttle.Fair for all processes that use the same Redis, prefix and
// configuration: one limit, and each key has an equal share of it while others
// ask, at any process. Make one with [NewFair]; it may be used by many
// goroutines at once. The zero value refuses everything with
// throttle.ErrZeroValue.
//
// It keeps, for each key that was admitted of late, one value that expires, so
// that there are never more of them than the rate admits, and 25 KB to count how
// many ask, within one per cent (HyperLogLog).
type Fair struct {
	store
	cfg    throttle.FairConfig
	wait   time.Duration
	fixed  []string
	script *rueidis.Lua
}

var _ throttle.Reserver = (*Fair)(nil)

// NewFair returns a limiter whose keys in Redis begin with prefix. FairConfig
// means what it means to throttle.NewFair; MaxKeys is not needed. It returns the
// errors of [New] and of throttle.FairConfig.Validate.
func NewFair(client rueidis.Client, prefix string, cfg throttle.FairConfig) (*Fair, error) {
	return newFair(client, prefix, cfg, serverClock)
}

func newFair(client rueidis.Client, prefix string, cfg throttle.FairConfig, clock string) (*Fair, error) {
	if cfg.MaxKeys == 0 {
		cfg.MaxKeys = 1
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.WithDefaults()
	s, err := newStore(client, prefix, cfg.Limit, clock)
	if err != nil {
		return nil, err
	}
	l := cfg.Limit
	f := &Fair{
		store: s, cfg: cfg, wait: max(0, cfg.MaxWait),
		script: rueidis.NewLuaScript(fmt.Sprintf(fairScript, clock, lead)),
	}
	for _, n := range []int64{
		int64(l.Interval()), int64(l.Tolerance()), int64(l.Tolerance()) - l.Burst/2*int64(l.Interval()),
		int64(f.wait), cfg.ShareBurst, int64(cfg.Window / time.Microsecond),
	} {
		f.fixed = append(f.fixed, strconv.FormatInt(n, 10))
	}
	return f, nil
}

// Limit returns the limit of all keys together.
func (f *Fair) Limit() throttle.Limit { return f.cfg.Limit }

// Take satisfies throttle.Limiter. A request within its share may wait for up to
// MaxWait. It returns the errors of [Limiter.Take].
func (f *Fair) Take(ctx context.Context, key string, cost int64) (throttle.Decision, error) {
	return throttle.Await(ctx, f, key, cost)
}

// Reserve satisfies throttle.Reserver, in one round trip.
func (f *Fair) Reserve(ctx context.Context, key string, cost int64) (throttle.Decision, time.Duration, error) {
	return f.reserve(ctx, key, cost)
}

// reserve asks Redis with the further arguments of the script.
func (f *Fair) reserve(ctx context.Context, key string, cost int64, more ...string) (
	throttle.Decision, time.Duration, error,
) {
	l := f.cfg.Limit
	d := throttle.Decision{Limit: l.Burst}
	if f.client == nil {
		return d, 0, errZeroFair
	}
	if d, err := l.Decide(0, cost); err != nil {
		return d, 0, err
	}
	keys := []string{f.prefix + "all", f.prefix + "key:" + key, f.prefix + "pace", f.prefix + "asking:"}
	args := append([]string{strconv.FormatInt(cost, 10)}, append(f.fixed[:len(f.fixed):len(f.fixed)], more...)...)
	got, err := f.ask(ctx, f.script, keys, args)
	if err != nil {
		return d, 0, err
	}
	limit, add := l.Tolerance()+f.wait, time.Duration(cost)*l.Interval()
	if len(got) != 4 || got[0] < 0 || got[0] > int64(limit) || got[3] < 0 || got[3] > int64(limit+add) ||
		got[1] == 1 && time.Duration(got[0])+add > max(l.Tolerance(), add)+f.wait {
		return d, 0, fmt.Errorf("redisthrottle: Redis answers %v, expected four numbers, the first from 0 to %d "+
			"and the last to %d, and no wait above %v", got, limit, limit+add, f.wait)
	}
	ahead := time.Duration(got[0])
	d.Allowed, d.OverShare = got[1] == 1, got[2] == 1
	if !d.Allowed {
		d.RetryAfter = time.Duration(got[3])
	} else {
		ahead += add
	}
	d.ResetAfter = ahead
	d.Remaining = int64(max(0, l.Tolerance()-ahead) / l.Interval())
	if d.Allowed && cost > 0 {
		return d, max(0, ahead-l.Tolerance()), nil
	}
	return d, 0, nil
}

// Restore satisfies throttle.Restorer: it gives units back to all. They still
// count in the key's share.
func (f *Fair) Restore(ctx context.Context, _ string, cost int64) error {
	if f.client == nil {
		return errZeroFair
	}
	return f.restore(ctx, "all", f.cfg.Limit, cost)
}

// Ping returns an error while Redis does not take writes: it is away, loading, a
// replica, out of memory. throttle.Fallback asks it.
func (f *Fair) Ping(ctx context.Context) error {
	if f.client == nil {
		return errZeroFair
	}
	return f.ping(ctx)
}
