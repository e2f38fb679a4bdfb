package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/sony/gobreaker/v2"

	"github.com/returnkit/returnkit/resilience"
)

var (
	errFailed = errors.New("failed")

	succeed = func() (int, error) { return 1, nil }
	work    = func(context.Context) (int, error) { return 1, nil }
)

// breakers measures a call that does nothing, through breakers that watch a
// failure rate of 50 % of at least 20 calls in 10 s.
func breakers(ctx context.Context, o options, progress io.Writer) ([]row, error) {
	rate := resilience.Config{Name: "rate", FailurePercent: 50, OpenFor: time.Hour}
	slow := rate
	slow.SlowPercent, slow.SlowCall = 50, time.Second
	const closed, closedSlow, open = "breaker closed, failure rate", "breaker closed, failure rate and slow calls",
		"breaker open"
	return measure(ctx, o, progress, []function{
		{what: closed, who: "returnkit Allow, Done", open: allowDone(rate, false), target: 100},
		{what: closed, who: "returnkit Do", open: do(rate), target: 100},
		{what: closed, who: "gobreaker", open: goBreaker(false)},
		{what: closed, who: "failsafe-go", open: failsafeBreaker(false)},
		{what: closedSlow, who: "returnkit Allow, Done", open: allowDone(slow, false), target: 130},
		{what: open, who: "returnkit Allow", open: allowDone(rate, true), target: 45},
		{what: open, who: "gobreaker", open: goBreaker(true)},
		{what: open, who: "failsafe-go", open: failsafeBreaker(true)},
	})
}

func allowDone(cfg resilience.Config, trip bool) func() (func(uint64), error) {
	return func() (func(uint64), error) {
		b, err := resilience.New(cfg)
		if err != nil {
			return nil, err
		}
		if trip {
			for range 20 {
				p, err := b.Allow()
				if err != nil {
					return nil, err
				}
				p.Done(resilience.Failure)
			}
			if s := b.State(); s != resilience.Open {
				return nil, errors.New("the breaker is " + s.String())
			}
		}
		return func(uint64) {
			if p, err := b.Allow(); err == nil {
				p.Done(resilience.Success)
			}
		}, nil
	}
}

func do(cfg resilience.Config) func() (func(uint64), error) {
	return func() (func(uint64), error) {
		b, err := resilience.New(cfg)
		if err != nil {
			return nil, err
		}
		ctx := context.Background()
		return func(uint64) { _, _ = resilience.Do(ctx, b, work) }, nil
	}
}

func goBreaker(trip bool) func() (func(uint64), error) {
	return func() (func(uint64), error) {
		b := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{
			Interval:     10 * time.Second,
			BucketPeriod: time.Second,
			Timeout:      time.Hour,
			ReadyToTrip: func(c gobreaker.Counts) bool {
				return c.Requests >= 20 && c.TotalFailures*100 >= 50*c.Requests
			},
		})
		if trip {
			for range 20 {
				_, _ = b.Execute(func() (int, error) { return 0, errFailed })
			}
			if s := b.State(); s != gobreaker.StateOpen {
				return nil, errors.New("gobreaker is " + s.String())
			}
		}
		return func(uint64) { _, _ = b.Execute(succeed) }, nil
	}
}

func failsafeBreaker(trip bool) func() (func(uint64), error) {
	return func() (func(uint64), error) {
		b := circuitbreaker.NewBuilder[int]().
			WithFailureRateThreshold(0.5, 20, 10*time.Second).
			WithDelay(time.Hour).
			Build()
		if trip {
			b.Open()
		}
		e := failsafe.With[int](b)
		return func(uint64) { _, _ = e.Get(succeed) }, nil
	}
}
