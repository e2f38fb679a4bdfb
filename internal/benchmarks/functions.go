package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// function is a call to measure, made by all cores at once.
type function struct {
	what, who string
	// open makes what the call needs, anew for each round. call may be used by
	// many goroutines; n is different in each call.
	open func() (call func(n uint64), err error)
	// target is the most ns that ours may take; 0 for peers.
	target float64
	// noSlowerThan is a peer's who in the same what.
	noSlowerThan string
	// extra is said of the function whatever the results.
	extra string
}

type measured struct {
	ns, processor []float64
	allocs        int64
}

// processorTime returns what this process has used of all processors. It stands
// still while others have them, which wall time does not.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // there is no reason for it to fail
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure runs all functions in each round and makes rows of them.
func measure(ctx context.Context, o options, progress io.Writer, functions []function) ([]row, error) {
	testing.Init()
	if err := flag.Set("test.benchtime", o.time.String()); err != nil {
		return nil, err
	}
	results := make([]measured, len(functions))
	for round := range o.rounds {
		for i, f := range functions {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			call, err := f.open()
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", f.what, f.who, err)
			}
			var used time.Duration // of the last, longest run
			r := testing.Benchmark(func(b *testing.B) {
				b.ReportAllocs()
				start := processorTime()
				defer func() { used = processorTime() - start }()
				b.RunParallel(func(pb *testing.PB) {
					// Cores begin far apart, so that they meet by chance only.
					n := uint64(time.Now().UnixNano()) * 0x9e3779b97f4a7c15
					for pb.Next() {
						n = n*6364136223846793005 + 1442695040888963407
						call(n >> 33)
					}
				})
			})
			ns := float64(r.T) / float64(r.N)
			processor := float64(used) / float64(r.N) / float64(runtime.GOMAXPROCS(0))
			results[i].ns = append(results[i].ns, ns)
			results[i].processor = append(results[i].processor, processor)
			results[i].allocs = r.AllocsPerOp()
			fmt.Fprintf(
				progress, "round %d: %s, %s: %.1f ns, processor %.1f ns\n", round+1, f.what, f.who, ns, processor,
			)
		}
	}
	return summarize(functions, results), nil
}

// summarize makes the rows: medians, and how each function does against its target and its peers.
func summarize(functions []function, results []measured) []row {
	var rows []row
	for i, f := range functions {
		m := median(results[i].ns)
		r := row{
			what: f.what, who: f.who,
			figure: fmt.Sprintf("%.0f ns", m),
			spread: spread(results[i].ns, "%.0f"),
			extra:  fmt.Sprintf("processor %.0f ns, %d allocs", median(results[i].processor), results[i].allocs),
		}
		if f.extra != "" {
			r.extra += ", " + f.extra
		}
		if f.target > 0 {
			r.target = verdict(fmt.Sprintf("< %.0f ns", f.target), m < f.target && results[i].allocs == 0)
		}
		for j, peer := range functions {
			if peer.what == f.what && peer.who == f.noSlowerThan {
				r.target += "; " + verdict("no slower than "+peer.who, m <= median(results[j].ns))
			}
		}
		rows = append(rows, r)
	}
	return rows
}
