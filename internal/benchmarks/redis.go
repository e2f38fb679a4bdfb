package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/returnkit/returnkit/internal/redistest"
	"github.com/returnkit/returnkit/throttle"
	"github.com/returnkit/returnkit/throttle/redisthrottle"
)

const (
	redisCallers = 256
	redisRound   = time.Second
	redisTarget  = 50_000 // decisions a second
)

// redis measures decisions of one process through a Redis on this machine, which
// shares its cores with the callers.
func redis(ctx context.Context, o options, progress io.Writer) ([]row, error) {
	var perSecond []float64
	err := with(ctx, func(e *env) error {
		client, err := redisthrottle.Dial(redistest.Start(e).URL())
		if err != nil {
			return err
		}
		defer client.Close()
		l, err := redisthrottle.New(client, "bench:", throttle.PerSecond(1_000_000, 1_000_000))
		if err != nil {
			return err
		}
		for round := range o.rounds {
			n, err := decisions(ctx, l)
			if err != nil {
				return err
			}
			perSecond = append(perSecond, n)
			fmt.Fprintf(progress, "round %d: redis: %.0f decisions/s\n", round+1, n)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	m := median(perSecond)
	return []row{{
		what: "limiter through Redis", who: "returnkit redisthrottle",
		figure: fmt.Sprintf("%.0f/s", m), spread: spread(perSecond, "%.0f"),
		extra:  fmt.Sprintf("%d callers, 1,000 keys, Unix socket", redisCallers),
		target: verdict(fmt.Sprintf("%d/s", redisTarget), m >= redisTarget),
	}}, nil
}

func decisions(ctx context.Context, l *redisthrottle.Limiter) (perSecond float64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var n atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	end := start.Add(redisRound)
	for range redisCallers {
		wg.Go(func() {
			for time.Now().Before(end) {
				key := fmt.Sprint("user:", n.Add(1)%1000)
				if _, err := l.Take(ctx, key, 1); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	return float64(n.Load()) / time.Since(start).Seconds(), nil
}
