package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"time"

	"github.com/failsafe-go/failsafe-go/ratelimiter"
	"github.com/sethvargo/go-limiter/memorystore"
	"github.com/throttled/throttled/v2"
	"github.com/throttled/throttled/v2/store/memstore"
	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/memory"
	"golang.org/x/time/rate"

	"github.com/returnkit/returnkit/throttle"
)

const (
	manyKeys = 100_000
	// perSecond and burst are more than is asked for, so that every call is
	// admitted and written down.
	perSecond = 1_000_000_000
	burst     = 1 << 30
)

// limiters measures admitted calls of one key and of many. The second also tells
// the memory that a key takes.
func limiters(ctx context.Context, o options, progress io.Writer) ([]row, error) {
	keys := make([]string, manyKeys)
	for i := range keys {
		keys[i] = "user:" + strconv.Itoa(i)
	}
	const one, many = "limiter, one key", "limiter, 100,000 keys"
	functions := []function{
		{what: one, who: "returnkit Single.Allow", open: single, target: 60, noSlowerThan: "failsafe-go"},
		{what: one, who: "x/time/rate", open: func() (func(uint64), error) {
			l := rate.NewLimiter(perSecond, burst)
			return func(uint64) { l.Allow() }, nil
		}},
		{what: one, who: "failsafe-go", open: func() (func(uint64), error) {
			l := ratelimiter.NewSmoothWithMaxRate[any](time.Nanosecond)
			return func(uint64) { l.TryAcquirePermit() }, nil
		}},
	}
	for _, s := range []struct {
		who    string
		open   func() (func(key string), error)
		target float64
	}{
		{"returnkit Keyed.Take", keyed, 150},
		{"go-limiter", goLimiter, 0},
		{"ulule/limiter", uluLimiter, 0},
		{"throttled", throttledLimiter, 0},
	} {
		bytes, err := perKey(keys, s.open)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.who, err)
		}
		extra := fmt.Sprintf("%.0f B/key", bytes)
		if s.target > 0 {
			extra = verdict(extra+" of 48", bytes <= 48)
		}
		functions = append(
			functions,
			function{what: many, who: s.who, target: s.target, extra: extra, open: func() (func(uint64), error) {
				take, err := s.open()
				if err != nil {
					return nil, err
				}
				for _, key := range keys {
					take(key)
				}
				return func(n uint64) { take(keys[n%manyKeys]) }, nil
			}},
		)
	}
	return measure(ctx, o, progress, functions)
}

// perKey returns the heap that a limiter takes once it has seen the keys, the
// keys' own text aside.
func perKey(keys []string, open func() (func(string), error)) (float64, error) {
	var before, after runtime.MemStats
	heap := func(m *runtime.MemStats) {
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(m)
	}
	heap(&before)
	take, err := open()
	if err != nil {
		return 0, err
	}
	for _, key := range keys {
		take(key)
	}
	heap(&after)
	runtime.KeepAlive(take)
	return float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / float64(len(keys)), nil
}

func single() (func(uint64), error) {
	l, err := throttle.NewSingle(throttle.PerSecond(perSecond, burst))
	return func(uint64) { l.Allow() }, err
}

func keyed() (func(string), error) {
	l, err := throttle.NewKeyed(throttle.PerSecond(perSecond, burst), manyKeys)
	ctx := context.Background()
	return func(key string) { _, _ = l.Take(ctx, key, 1) }, err
}

func goLimiter() (func(string), error) {
	s, err := memorystore.New(&memorystore.Config{Tokens: burst, Interval: time.Second})
	ctx := context.Background()
	return func(key string) { _, _, _, _, _ = s.Take(ctx, key) }, err
}

func uluLimiter() (func(string), error) {
	l := limiter.New(memory.NewStore(), limiter.Rate{Period: time.Hour, Limit: burst})
	ctx := context.Background()
	return func(key string) { _, _ = l.Get(ctx, key) }, nil
}

func throttledLimiter() (func(string), error) {
	store, err := memstore.NewCtx(2 * manyKeys)
	if err != nil {
		return nil, err
	}
	l, err := throttled.NewGCRARateLimiterCtx(
		store,
		throttled.RateQuota{MaxRate: throttled.PerSec(perSecond), MaxBurst: burst},
	)
	ctx := context.Background()
	return func(key string) { _, _, _ = l.RateLimitCtx(ctx, key, 1) }, err
}
