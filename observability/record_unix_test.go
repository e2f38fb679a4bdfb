//go:build unix

package observability

import (
	"syscall"
	"testing"
	"time"
)

// BenchmarkRecord has two figures: ns/op is the time that passed, cpu-ns/op
// that of the processors, which holds on a machine that does other things too.
func BenchmarkRecord(b *testing.B) {
	for name, fact := range hotFacts(testMetrics(b, MetricsConfig{Now: time.Now})) {
		measured := func(run func(*testing.B)) func(*testing.B) {
			return func(b *testing.B) {
				b.ReportAllocs()
				before := processorTime(b)
				run(b)
				b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
			}
		}
		b.Run(name, measured(func(b *testing.B) {
			for b.Loop() {
				fact()
			}
		}))
		b.Run(name+"/parallel", measured(func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					fact()
				}
			})
		}))
	}
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
