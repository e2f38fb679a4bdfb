package redisthrottle

import (
	"context"
	"net"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/returnkit/returnkit/throttle"
)

// NewClocked returns a limiter whose clock is set by each call of the second
// result, in place of the server's. The server expires values by its own clock,
// so they are kept for long here.
func NewClocked(client rueidis.Client, prefix string, limit throttle.Limit) (
	take func(time.Time, string, int64) (throttle.Decision, error), err error,
) {
	l, err := newLimiter(client, prefix, limit,
		"local sec, nsec, spare = tonumber(ARGV[3]), tonumber(ARGV[4]), 3600000")
	if err != nil {
		return nil, err
	}
	return func(at time.Time, key string, cost int64) (throttle.Decision, error) {
		return l.take(context.Background(), key, cost, strconv.FormatInt(at.Unix(), 10), strconv.Itoa(at.Nanosecond()))
	}, nil
}

// MaxInFlight is for tests of the bound.
const MaxInFlight = maxInFlight

// InFlight returns how many decisions wait for Redis.
func (s *store) InFlight() int { return int(s.inFlight.Load()) }

// NewClockedFair is NewClocked for a Fair.
func NewClockedFair(client rueidis.Client, prefix string, cfg throttle.FairConfig) (
	reserve func(time.Time, string, int64) (throttle.Decision, time.Duration, error), err error,
) {
	f, err := newFair(client, prefix, cfg, "local sec, nsec, spare = tonumber(ARGV[8]), tonumber(ARGV[9]), 3600000")
	if err != nil {
		return nil, err
	}
	return func(at time.Time, key string, cost int64) (throttle.Decision, time.Duration, error) {
		return f.reserve(context.Background(), key, cost, strconv.FormatInt(at.Unix(), 10),
			strconv.Itoa(at.Nanosecond()))
	}, nil
}

// AskFirst is the connection that Dial makes.
func AskFirst(conn net.Conn) net.Conn { return &askFirst{Conn: conn, asked: make(chan struct{})} }
