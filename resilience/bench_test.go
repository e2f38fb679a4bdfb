package resilience

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

func mustNew(tb testing.TB, cfg Config) *Breaker {
	tb.Helper()
	if cfg.Name == "" {
		cfg.Name = "payments"
	}
	b, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// hotPaths are the ways through a breaker that must be fast and free of
// allocations.
var hotPaths = []struct {
	name    string
	cfg     Config
	prepare func(*Breaker)
}{
	{"closed, consecutive failures", Config{ConsecutiveFailures: 5}, nil},
	{"closed, failure rate", Config{FailurePercent: 50}, nil},
	{"closed, failure rate and slow calls", Config{FailurePercent: 50, SlowPercent: 50, SlowCall: time.Second}, nil},
	{"open", Config{OpenFor: time.Hour}, func(b *Breaker) {
		for range 5 {
			p, _ := b.Allow()
			p.Done(Failure)
		}
	}},
	{"half-open, places taken", Config{OpenFor: time.Millisecond, ProbeLease: time.Hour}, func(b *Breaker) {
		b.ForceOpen(time.Now().Add(-time.Second))
		_, _ = b.Allow()
	}},
	{"forced open", Config{}, func(b *Breaker) { b.ForceOpen(time.Time{}) }},
	{"disabled", Config{}, func(b *Breaker) { b.Disable(time.Time{}) }},
}

func callOnce(b *Breaker) {
	if p, err := b.Allow(); err == nil {
		p.Done(Success)
	}
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	for _, hot := range hotPaths {
		b := mustNew(t, hot.cfg)
		if hot.prepare != nil {
			hot.prepare(b)
		}
		if n := testing.AllocsPerRun(1000, func() { callOnce(b) }); n != 0 {
			t.Errorf("%s: Allow and Done allocate %v times", hot.name, n)
		}
		ctx := context.Background()
		fn := func(context.Context) (int, error) { return 1, nil }
		if n := testing.AllocsPerRun(1000, func() { _, _ = Do(ctx, b, fn) }); n != 0 {
			t.Errorf("%s: Do allocates %v times", hot.name, n)
		}
	}
	b := mustNew(t, Config{FailurePercent: 100, SlowPercent: 100, SlowCall: time.Hour})
	callOnce(b)
	ctx, failed := context.Background(), errors.New("failed")
	fn := func(context.Context) (int, error) { return 0, failed }
	if n := testing.AllocsPerRun(1000, func() { _, _ = Do(ctx, b, fn) }); n != 0 {
		t.Errorf("a failure that opens nothing allocates %v times", n)
	}
}

func BenchmarkBreaker(b *testing.B) {
	for _, hot := range hotPaths {
		b.Run(hot.name, func(b *testing.B) {
			br := mustNew(b, hot.cfg)
			if hot.prepare != nil {
				hot.prepare(br)
			}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					callOnce(br)
				}
			})
		})
	}
}

func BenchmarkDo(b *testing.B) {
	br := mustNew(b, Config{FailurePercent: 50})
	ctx := context.Background()
	fn := func(context.Context) (int, error) { return 1, nil }
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, _ = Do(ctx, br, fn)
		}
	})
}

// BenchmarkClock is what one reading of the clock costs on this machine: the
// floor under every figure that needs the time.
func BenchmarkClock(b *testing.B) {
	base := time.Now()
	b.RunParallel(func(pb *testing.PB) {
		var sum time.Duration
		for pb.Next() {
			sum += time.Since(base)
		}
		if sum < 0 {
			b.Fail()
		}
	})
}

// BenchmarkSharedWord is what it costs on this machine that all processors
// change one word: the floor under every figure of something they share, and
// what a figure measured on two processors is to be compared with.
func BenchmarkSharedWord(b *testing.B) {
	var word atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			word.Add(1)
		}
	})
}
