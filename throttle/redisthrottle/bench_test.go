package redisthrottle_test

import (
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/returnkit/returnkit/internal/redistest"
	"github.com/returnkit/returnkit/throttle"
)

// BenchmarkTake is 256 requests at a time on one connection, server and clients
// on this machine.
func BenchmarkTake(b *testing.B) {
	l := newLimiter(b, dial(b, redistest.Start(b).URL()), throttle.PerSecond(1_000_000, 1_000_000))
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = "user:" + strconv.Itoa(i)
	}
	if _, err := l.Take(b.Context(), keys[0], 1); err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	b.SetParallelism(128)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := l.Take(b.Context(), keys[n.Add(1)%int64(len(keys))], 1); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
}
