package throttle

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

var noLimit = Limit{Count: 1_000_000_000, Per: time.Second, Burst: 1 << 40}

func mustSingle(tb testing.TB, l Limit) *Single {
	tb.Helper()
	s, err := NewSingle(l)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func mustKeyed(tb testing.TB, l Limit, keys int) *Keyed {
	tb.Helper()
	k, err := NewKeyed(l, keys)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func mustFair(tb testing.TB, cfg FairConfig) *Fair {
	tb.Helper()
	f, err := NewFair(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func manyKeys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = "user:" + strconv.Itoa(i)
	}
	return keys
}

func TestDecisionsDoNotAllocate(t *testing.T) {
	ctx := context.Background()
	for _, l := range []Limit{noLimit, PerSecond(2, 2)} {
		s, k, keys, i := mustSingle(t, l), mustKeyed(t, l, 4000), manyKeys(2000), 0
		f := mustFair(t, FairConfig{Limit: l, MaxKeys: 4000, MaxWait: NoWait})
		for name, take := range map[string]func(){
			"Single.Allow": func() { s.Allow() },
			"Single.Take":  func() { _, _ = s.Take(ctx, "", 1) },
			"Keyed.Take":   func() { i++; _, _ = k.Take(ctx, keys[i%len(keys)], 1) },
			"Fair.Take":    func() { i++; _, _ = f.Take(ctx, keys[i%len(keys)], 1) },
		} {
			if n := testing.AllocsPerRun(1900, take); n != 0 {
				t.Errorf("%s with %v allocates %v times", name, l, n)
			}
		}
	}
}

func BenchmarkOneKey(b *testing.B) {
	ctx := context.Background()
	for _, load := range []struct {
		name  string
		limit Limit
	}{{"admitted", noLimit}, {"refused", PerSecond(1, 1)}} {
		s, k := mustSingle(b, load.limit), mustKeyed(b, load.limit, 1000)
		f := mustFair(b, FairConfig{Limit: load.limit, MaxKeys: 1000})
		for name, take := range map[string]func(){
			"Single.Allow": func() { s.Allow() },
			"Single.Take":  func() { _, _ = s.Take(ctx, "", 1) },
			"Keyed.Take":   func() { _, _ = k.Take(ctx, "checkout", 1) },
			"Fair.Take":    func() { _, _ = f.Take(ctx, "checkout", 1) },
		} {
			b.Run(name+"/"+load.name, func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						take()
					}
				})
			})
		}
	}
}

func BenchmarkManyKeys(b *testing.B) {
	ctx := context.Background()
	keys := manyKeys(100_000)
	k := mustKeyed(b, noLimit, len(keys))
	f := mustFair(b, FairConfig{Limit: noLimit, MaxKeys: len(keys)})
	tight := mustFair(b, FairConfig{Limit: PerSecond(1000, 10), MaxKeys: len(keys), MaxWait: NoWait})
	for _, load := range []struct {
		name    string
		limiter Limiter
	}{{"Keyed", k}, {"Fair", f}, {"Fair over its limit", tight}} {
		for _, key := range keys {
			_, _ = load.limiter.Take(ctx, key, 1)
		}
		b.Run(load.name, func(b *testing.B) {
			var seed atomic.Uint64
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				i := seed.Add(7919)
				for pb.Next() {
					i = i*6364136223846793005 + 1442695040888963407
					_, _ = load.limiter.Take(ctx, keys[(i>>33)%uint64(len(keys))], 1)
				}
			})
		})
	}
}

func BenchmarkQueue(b *testing.B) {
	q, err := NewQueue(QueueConfig{Name: "checkout", Concurrency: 64, MaxWaiting: 64})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if p, err := q.Acquire(ctx); err == nil {
				p.Release()
			}
		}
	})
}
