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

// The scripts are throttle.Limit.Decide and throttle.Fair beside the data.
//
// Numbers in Lua are floats, exact up to 2^53: a time since 1970 in nanoseconds
// is not, so it is read and written in two parts, and only differences are
// computed with. What lies further ahead than a limit allows was written under
// another limit, or before the clock was set back.

// serverClock is the line of a script that reads the clock: sec and nsec, and
// spare, for how many ms a value is kept when it is of no more use.
const serverClock = `local t = call('TIME')
local sec, nsec, spare = t[1] + 0, t[2] * 1000, 2`

// lead are the functions that read and write an arrival time: how far it lies
// ahead of now, at most so much, and whether it lay further.
const lead = `
local function read(key, most)
	local tat = call('GET', key)
	if not tat then return 0, false end
	local ahead = (sub(tat, 1, -10) - sec) * 1e9 + (sub(tat, -9) - nsec)
	if ahead < 0 then return 0, false end
	if ahead > most then return most, true end
	return ahead, false
end
local function write(key, ahead)
	local part = nsec + ahead
	local rest = math.fmod(part, 1e9) -- exact, which the operator is not
	call('SET', key, format('%d%09d', sec + (part - rest) / 1e9, rest), 'PX', format('%d', ahead / 1e6 + spare))
end`

// script decides on one key. KEYS[1]: the key. ARGV: cost x interval and
// tolerance in ns. It returns how far the key's arrival time lay ahead of now,
// from which the caller makes the same decision.
const script = `
local call, sub, format = redis.call, string.sub, string.format
local add, tolerance = ARGV[1] + 0, ARGV[2] + 0
%s
%s
local ahead, stale = read(KEYS[1], tolerance)
if add > 0 and ahead + add <= tolerance then
	write(KEYS[1], ahead + add)
elseif stale then
	write(KEYS[1], ahead)
end
return {ahead}`

// restoreScript gives units back. KEYS[1]: the key. ARGV: cost x interval and the
// most that the arrival time may lie ahead, in ns.
const restoreScript = `
local call, sub, format = redis.call, string.sub, string.format
local add, most = ARGV[1] + 0, ARGV[2] + 0
%s
%s
local ahead = read(KEYS[1], most)
if ahead > 0 then write(KEYS[1], math.max(0, ahead - add)) end
return {0}`

// maxInFlight bounds the decisions that wait for a Redis that does not answer.
const maxInFlight = 4096

// ErrBusy says that too many decisions wait for Redis already.
var ErrBusy = errors.New("redisthrottle: too many decisions wait for Redis")

// The errors of zero values.
var (
	errZeroLimiter = fmt.Errorf("redisthrottle: this Limiter is a %w and refuses everything: make one with New",
		throttle.ErrZeroValue)
	errZeroFair = fmt.Errorf("redisthrottle: this Fair is a %w and refuses everything: make one with NewFair",
		throttle.ErrZeroValue)
)

// store runs scripts on one Redis.
type store struct {
	client   rueidis.Client // nil: zero value
	prefix   string
	back     *rueidis.Lua
	inFlight *atomic.Int64
}

// newStore checks what every limiter here needs.
func newStore(client rueidis.Client, prefix string, limit throttle.Limit, clock string) (store, error) {
	switch {
	case client == nil:
		return store{}, errors.New("redisthrottle: client is nil: make one with Dial")
	case prefix == "":
		return store{}, errors.New("redisthrottle: prefix is empty: " +
			"name what is limited, such as \"throttle:checkout:\"")
	}
	if err := limit.Validate(); err != nil {
		return store{}, err
	}
	if limit.Tolerance() > MaxTolerance {
		return store{}, fmt.Errorf("redisthrottle: %v: the burst takes %v to earn, allowed is up to %v",
			limit, limit.Tolerance(), MaxTolerance)
	}
	return store{
		client: client, prefix: prefix, inFlight: new(atomic.Int64),
		back: rueidis.NewLuaScript(fmt.Sprintf(restoreScript, clock, lead)),
	}, nil
}

type answer struct {
	numbers []int64
	err     error
}

// ask runs a script that returns integers. The client can wait longer than ctx
// allows, as for a connection that another goroutine is making, or for room in
// its queue; so it waits in a goroutine of its own.
func (s *store) ask(ctx context.Context, script *rueidis.Lua, keys, args []string) ([]int64, error) {
	return s.within(ctx, func() ([]int64, error) {
		return script.Exec(ctx, s.client, keys, args).AsIntSlice()
	})
}

func (s *store) within(ctx context.Context, call func() ([]int64, error)) ([]int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("redisthrottle: %w", err)
	}
	if s.inFlight.Add(1) > maxInFlight {
		s.inFlight.Add(-1)
		return nil, ErrBusy
	}
	done := make(chan answer, 1)
	go func() {
		defer s.inFlight.Add(-1)
		numbers, err := call()
		done <- answer{numbers, err}
	}()
	select {
	case a := <-done:
		if a.err != nil {
			return nil, fmt.Errorf("redisthrottle: %w", a.err)
		}
		return a.numbers, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("redisthrottle: %w", ctx.Err())
	}
}

func (s *store) restore(ctx context.Context, key string, limit throttle.Limit, cost int64, more ...string) error {
	if _, err := limit.Decide(0, cost); err != nil {
		return err
	}
	add := strconv.FormatInt(cost*int64(limit.Interval()), 10)
	longest := strconv.FormatInt(int64(MaxTolerance), 10)
	_, err := s.ask(ctx, s.back, []string{s.prefix + key}, append([]string{add, longest}, more...))
	return err
}

// ping writes, since a Redis that can only be read decides nothing.
func (s *store) ping(ctx context.Context) error {
	_, err := s.within(ctx, func() ([]int64, error) {
		set := s.client.B().Set().Key(s.prefix + "ping").Value("1").Px(time.Second).Build()
		return nil, s.client.Do(ctx, set).Error()
	})
	return err
}
