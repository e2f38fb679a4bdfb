package redisthrottle_test

import (
	"context"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/returnkit/returnkit/throttle"
	"github.com/returnkit/returnkit/throttle/redisthrottle"
)

// away is a client of a Redis that does not run.
func away() rueidis.Client {
	client, err := redisthrottle.Dial("unix:///run/no-redis-here.sock")
	if err != nil {
		log.Fatal(err)
	}
	return client
}

// One limit for all replicas of a shop, shared fairly by all customers. Without
// Redis each of three replicas keeps to a third of it.
func ExampleFair() {
	client := away()
	defer client.Close()
	config := throttle.FairConfig{Limit: throttle.Limit{Count: 60, Per: time.Hour, Burst: 30}, MaxKeys: 10_000}
	shared, err := redisthrottle.NewFair(client, "throttle:checkout:", config)
	if err != nil {
		log.Fatal(err)
	}
	config.Limit = config.Limit.Share(3)
	local, err := throttle.NewFair(config)
	if err != nil {
		log.Fatal(err)
	}
	limiter, err := throttle.NewFallback(throttle.FallbackConfig{Shared: shared, Local: local})
	if err != nil {
		log.Fatal(err)
	}
	passed := 0
	for range 100 {
		if d, err := limiter.Take(context.Background(), "ann", 1); err == nil && d.Allowed {
			passed++
		}
	}
	fmt.Println(passed, "passed, degraded:", limiter.Degraded() != nil)
	// Output: 10 passed, degraded: true
}

// Each key has a limit for itself, at whatever process it asks.
func ExampleLimiter() {
	limiter, closeClient := export()
	defer closeClient()
	guard, err := throttle.NewGuard(throttle.GuardConfig{
		Limiter: limiter, OnFailure: throttle.FailClosed, Budget: 15 * time.Millisecond,
	})
	if err != nil {
		log.Fatal(err)
	}
	v := guard.Check(context.Background(), "ann", 1)
	fmt.Println(v.Pass, v.Result)
	// Output: false failed_closed
}

// export is a limiter whose Redis does not run.
func export() (limiter *redisthrottle.Limiter, closeClient func()) {
	client := away()
	limiter, err := redisthrottle.New(client, "throttle:export:", throttle.PerSecond(100, 5))
	if err != nil {
		log.Fatal(err)
	}
	return limiter, client.Close
}

func ExampleNew() {
	_, err := redisthrottle.New(nil, "throttle:export:", throttle.PerSecond(100, 5))
	fmt.Println(err)
	// Output: redisthrottle: client is nil: make one with Dial
}

func ExampleLimiter_Limit() {
	limiter, closeClient := export()
	defer closeClient()
	fmt.Println(limiter.Limit())
	// Output: 100 per 1s, burst 5
}

func ExampleLimiter_Restore() {
	limiter, closeClient := export()
	defer closeClient()
	fmt.Println(limiter.Restore(context.Background(), "ann", -1))
	// Output: throttle: cost -1 can never be admitted, allowed is 0 to the burst, 5
}

func ExampleNewFair() {
	client := away()
	defer client.Close()
	_, err := redisthrottle.NewFair(client, "", throttle.FairConfig{Limit: throttle.PerSecond(100, 5)})
	fmt.Println(err)
	// Output: redisthrottle: prefix is empty: name what is limited, such as "throttle:checkout:"
}

func ExampleLimiter_Take() {
	limiter, closeClient := export()
	defer closeClient()
	_, err := limiter.Take(context.Background(), "ann", 1)
	fmt.Println("decided:", err == nil)
	_, err = limiter.Take(context.Background(), "ann", 6)
	fmt.Println(err)
	// Output:
	// decided: false
	// throttle: cost 6 can never be admitted, allowed is 0 to the burst, 5
}

func ExampleLimiter_Ping() {
	limiter, closeClient := export()
	defer closeClient()
	fmt.Println("works:", limiter.Ping(context.Background()) == nil)
	// Output: works: false
}

func ExampleFair_Reserve() {
	var zero redisthrottle.Fair
	_, _, err := zero.Reserve(context.Background(), "ann", 1)
	fmt.Println(err)
	// Output: redisthrottle: this Fair is a zero value and refuses everything: make one with NewFair
}

func ExampleFair_Limit() {
	client := away()
	defer client.Close()
	limiter, err := redisthrottle.NewFair(client, "throttle:checkout:",
		throttle.FairConfig{Limit: throttle.PerSecond(100, 5)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(limiter.Limit())
	// Output: 100 per 1s, burst 5
}

// An error does not repeat the address, which may hold a password.
func ExampleDial() {
	_, err := redisthrottle.Dial("https://user:secret@example.com")
	fmt.Println(strings.ReplaceAll(err.Error(), ", allowed", ",\nallowed"))
	// Output:
	// redisthrottle: the Redis URL cannot be read,
	// allowed is redis://user:password@host:port/db, rediss:// or unix:///path
}
