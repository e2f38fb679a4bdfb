package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/returnkit/returnkit/throttle"
)

// newFair is the limiter of the examples: 10 a second, of which 4 at once.
func newFair() *throttle.Fair {
	limiter, err := throttle.NewFair(throttle.FairConfig{
		Limit: throttle.PerSecond(10, 4), MaxKeys: 1000, MaxWait: throttle.NoWait,
	})
	if err != nil {
		log.Fatal(err)
	}
	return limiter
}

// An attacker asks a thousand times a second, a customer now and then.
func ExampleFair() {
	limiter, start := newFair(), time.Now()
	passed := map[string]int{}
	for ms := range 10_000 {
		at := start.Add(time.Duration(ms) * time.Millisecond)
		keys := []string{"attacker"}
		if ms%500 == 0 {
			keys = append(keys, "customer")
		}
		for _, key := range keys {
			if d, _, err := limiter.ReserveAt(at, key, 1); err == nil && d.Allowed {
				passed[key]++
			}
		}
	}
	fmt.Println("customer:", passed["customer"], "of 20")
	fmt.Println("attacker gets the rest:", passed["attacker"] >= 80)
	// Output:
	// customer: 20 of 20
	// attacker gets the rest: true
}

// What is missing is said by name.
func ExampleNewFair() {
	_, err := throttle.NewFair(throttle.FairConfig{
		Limit: throttle.PerSecond(10, 1), MaxKeys: 1000, MaxWait: throttle.NoWait,
	})
	fmt.Println(strings.ReplaceAll(err.Error(), ": ", ":\n"))
	// Output:
	// throttle:
	// FairConfig with Limit.Burst 1 and a MaxWait of 0s keeps nothing for requests within their share:
	// raise Limit.Burst to 2, or MaxWait to 100ms
}

func ExampleFair_Take() {
	d, err := newFair().Take(context.Background(), "ann", 1)
	fmt.Println(d.Allowed, d.Remaining, err)
	// Output: true 3 <nil>
}

// A caller that waits by itself, or has a clock of its own.
func ExampleFair_Reserve() {
	limiter, err := throttle.NewFair(throttle.FairConfig{
		Limit: throttle.Limit{Count: 1, Per: time.Minute, Burst: 1}, MaxKeys: 10, MaxWait: time.Minute,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, key := range []string{"ann", "bob"} {
		d, wait, err := limiter.Reserve(context.Background(), key, 1)
		fmt.Println(key, d.Allowed, wait.Round(time.Minute), err)
	}
	// Output:
	// ann true 0s <nil>
	// bob true 1m0s <nil>
}

func ExampleFair_ReserveAt() {
	limiter, now := newFair(), time.Now()
	for range 4 {
		_, _, _ = limiter.ReserveAt(now, "ann", 1)
	}
	d, _, _ := limiter.ReserveAt(now, "ann", 1)
	fmt.Println(d.Allowed, d.RetryAfter.Round(10*time.Millisecond))
	d, _, _ = limiter.ReserveAt(now.Add(100*time.Millisecond), "ann", 1)
	fmt.Println(d.Allowed)
	// Output:
	// false 100ms
	// true
}

// A request that did nothing gives its unit back to all.
func ExampleFair_Restore() {
	ctx, limiter := context.Background(), newFair()
	_, _ = limiter.Take(ctx, "ann", 3)
	_ = limiter.Restore(ctx, "ann", 3)
	d, _ := limiter.Take(ctx, "bob", 0)
	fmt.Println(d.Remaining)
	// Output: 4
}

func ExampleFair_RestoreAt() {
	limiter, now := newFair(), time.Now()
	_, _, _ = limiter.ReserveAt(now, "ann", 4)
	fmt.Println(limiter.RestoreAt(now, 1))
	d, _, _ := limiter.ReserveAt(now, "ann", 0)
	fmt.Println(d.Remaining)
	// Output:
	// <nil>
	// 1
}

func ExampleFair_SetLimit() {
	limiter := newFair()
	fmt.Println(limiter.SetLimit(throttle.PerSecond(500, 50)), limiter.Limit())
	fmt.Println(limiter.SetLimit(throttle.Limit{}))
	// Output:
	// <nil> 500 per 1s, burst 50
	// throttle: Limit.Per is 0s, allowed is 1ns to 8784h0m0s
}

func ExampleFair_Limit() {
	fmt.Println(newFair().Limit())
	// Output: 10 per 1s, burst 4
}

func ExampleFair_Asking() {
	limiter := newFair()
	for _, key := range []string{"ann", "bob", "ann"} {
		_, _ = limiter.Take(context.Background(), key, 1)
	}
	fmt.Println(limiter.Asking())
	// Output: 2
}

func ExampleFairConfig_Validate() {
	fmt.Println(throttle.FairConfig{Limit: throttle.PerSecond(10, 4)}.Validate())
	// Output: throttle: FairConfig.MaxKeys is 0, allowed is 1 to 1073741824
}

func ExampleFairConfig_WithDefaults() {
	c := throttle.FairConfig{Limit: throttle.PerSecond(100, 5)}.WithDefaults()
	fmt.Println(c.ShareBurst, c.MaxWait, c.Window)
	// Output: 5 30ms 1s
}

// lost is a shared limiter whose store is away.
type lost struct{ *throttle.Single }

func (lost) Take(context.Context, string, int64) (throttle.Decision, error) {
	return throttle.Decision{}, errors.New("store is away")
}

func newFallback() *throttle.Fallback {
	limit := throttle.Limit{Count: 100, Per: time.Hour, Burst: 20}
	shared, err := throttle.NewSingle(limit)
	if err != nil {
		log.Fatal(err)
	}
	local, err := throttle.NewSingle(limit.Share(4))
	if err != nil {
		log.Fatal(err)
	}
	fallback, err := throttle.NewFallback(throttle.FallbackConfig{
		Shared: lost{shared}, Local: local,
		OnChange: func(err error) { fmt.Println("degraded:", err) },
	})
	if err != nil {
		log.Fatal(err)
	}
	return fallback
}

// While the store is away, one of four replicas keeps to a quarter of the limit.
func ExampleFallback() {
	fallback, passed := newFallback(), 0
	for range 100 {
		if d, err := fallback.Take(context.Background(), "", 1); err == nil && d.Allowed {
			passed++
		}
	}
	fmt.Println(passed, "of 100 passed")
	// Output:
	// degraded: store is away
	// 5 of 100 passed
}

func ExampleNewFallback() {
	_, err := throttle.NewFallback(throttle.FallbackConfig{})
	fmt.Println(err)
	// Output: throttle: FallbackConfig.Shared is nil: set the limiter that decides while it can
}

func ExampleFallback_Take() {
	d, err := newFallback().Take(context.Background(), "", 1)
	fmt.Println(d.Allowed, d.Limit, err)
	// Output: true 5 <nil>
}

// A health check sees an outage without traffic.
func ExampleFallback_Check() {
	fmt.Println(newFallback().Check(context.Background()))
	// Output:
	// degraded: store is away
	// store is away
}

func ExampleFallback_Degraded() {
	fallback := newFallback()
	fmt.Println(fallback.Degraded())
	_ = fallback.Check(context.Background())
	fmt.Println(fallback.Degraded())
	// Output:
	// <nil>
	// degraded: store is away
	// store is away
}

func ExampleAwait() {
	d, err := throttle.Await(context.Background(), newFair(), "ann", 2)
	fmt.Println(d.Allowed, d.Remaining, err)
	// Output: true 2 <nil>
}

func ExampleLimit_Share() {
	fmt.Println(throttle.PerSecond(100, 6).Share(3))
	fmt.Println(throttle.PerSecond(2, 1).Share(8))
	// Output:
	// 33 per 1s, burst 2
	// 2 per 8s, burst 1
}
