package throttle_test

import (
	"context"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/throttle"
)

// One limit for one thing: 100 a second, of which 5 may come at once.
func ExampleSingle() {
	limiter, err := throttle.NewSingle(throttle.PerSecond(100, 5))
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Now()
	passed := 0
	for range 20 {
		if limiter.AllowAt(now) {
			passed++
		}
	}
	d, err := limiter.TakeAt(now, 1)
	fmt.Println(passed, "passed, then:", d.Allowed, d.RetryAfter, err)
	// Output: 5 passed, then: false 10ms <nil>
}

// Each user has a limit, in memory that does not grow.
func ExampleKeyed() {
	limiter, err := throttle.NewKeyed(throttle.PerSecond(1, 2), 10_000)
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Now()
	for _, user := range []string{"ann", "ann", "ann", "bob"} {
		d, err := limiter.TakeAt(now, user, 1)
		fmt.Println(user, d.Allowed, d.Remaining, err)
	}
	// Output:
	// ann true 1 <nil>
	// ann true 0 <nil>
	// ann false 0 <nil>
	// bob true 1 <nil>
}

// A queue gives a place, or says at once that there is none in time.
func ExampleQueue() {
	queue, err := throttle.NewQueue(throttle.QueueConfig{Name: "checkout", Concurrency: 1, MaxWaiting: 0})
	if err != nil {
		fmt.Println(err)
		return
	}
	place, err := queue.Acquire(context.Background())
	fmt.Println("first:", err)
	_, err = queue.Acquire(context.Background())
	fmt.Println("second:", err)
	place.Release()
	_, err = queue.Acquire(context.Background())
	fmt.Println("third:", err)
	// Output:
	// first: <nil>
	// second: throttle: queue "checkout" shed the request (queue_full), try again in 0s
	// third: <nil>
}
