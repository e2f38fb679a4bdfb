package main

import (
	"context"
	"flag"
	"fmt"
	"io"
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
	// extra is said of the function whatever the figures.
	extra string
}

type measured struct {
	ns     []float64
	allocs int64
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
			r := testing.Benchmark(func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					// Cores begin far apart, so that they meet by chance only.
					n := uint64(time.Now().UnixNano()) * 0x9e3779b97f4a7c15
					for pb.Next() {
						n = n*6364136223846793005 + 1442695040888963407
						call(n >> 33)
					}
				})
			})
			ns := float64(r.T.Nanoseconds()) / float64(r.N)
			results[i].ns = append(results[i].ns, ns)
			results[i].allocs = r.AllocsPerOp()
			fmt.Fprintf(progress, "round %d: %s, %s: %.1f ns\n", round+1, f.what, f.who, ns)
		}
	}
	var rows []row
	for i, f := range functions {
		m := median(results[i].ns)
		r := row{
			what: f.what, who: f.who,
			figure: fmt.Sprintf("%.0f ns", m),
			spread: spread(results[i].ns, "%.0f"),
			extra:  fmt.Sprintf("%d allocs", results[i].allocs),
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
	return rows, nil
}
