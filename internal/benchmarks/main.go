// Command benchmarks measures the parts of returnkit beside their peers, all in
// one run on one machine, and prints the result as a Markdown table.
//
//	go run -C internal/benchmarks .
//
// It is a module of its own, so that nobody who uses returnkit downloads the
// peers. Every case is measured in several rounds, all cases in turn, and the
// median is shown: a busy moment then strikes all alike.
//
//	go run -C internal/benchmarks . -against REV -rounds 7
//
// measures HEAD and another revision in turns instead: breakers, limiters, allocation,
// checkouts and refunds over HTTP.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

type options struct {
	rounds int
	time   time.Duration
	orders int
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	var o options
	flags := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.IntVar(&o.rounds, "rounds", 5, "rounds of each measurement; the median is shown")
	flags.DurationVar(&o.time, "time", 300*time.Millisecond, "least duration of a round of a function")
	flags.IntVar(&o.orders, "orders", 6400, "checkouts in a round")
	only := flags.String("only", "", "one section: breaker, limiter, redis or checkout")
	rev := flags.String("against", "", "measure HEAD and this revision in turns instead, and fail where HEAD is slower")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.rounds < 1 || o.time <= 0 || o.orders < submitters {
		return fmt.Errorf("-rounds, -time and -orders must be positive, -orders at least %d", submitters)
	}
	if *rev != "" {
		return against(ctx, o, *rev, *only, out, progress)
	}
	sections := []struct {
		name string
		run  func(context.Context, options, io.Writer) ([]row, error)
	}{
		{"breaker", breakers}, {"limiter", limiters}, {"redis", redis}, {"checkout", checkout},
	}
	fmt.Fprintf(
		out,
		"%s, %s/%s, %d cores, median of %d rounds\n\n",
		runtime.Version(),
		runtime.GOOS,
		runtime.GOARCH,
		runtime.GOMAXPROCS(0),
		o.rounds,
	)
	head(out)
	found := false
	for _, s := range sections {
		if *only != "" && *only != s.name {
			continue
		}
		found = true
		rows, err := s.run(ctx, o, progress)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		for _, r := range rows {
			r.write(out)
		}
	}
	if !found {
		return fmt.Errorf("-only %q: allowed is breaker, limiter, redis or checkout", *only)
	}
	return nil
}
