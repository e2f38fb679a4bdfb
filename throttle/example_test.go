package throttle_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
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

// The checkout of a shop: one limit for all, and its own words when it is
// reached.
func ExampleMiddleware() {
	limiter, err := throttle.NewSingle(throttle.Limit{Count: 1, Per: time.Minute, Burst: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	guard, err := throttle.NewGuard(throttle.GuardConfig{Limiter: limiter, OnFailure: throttle.FailOpen})
	if err != nil {
		fmt.Println(err)
		return
	}
	limit, err := throttle.Middleware(throttle.MiddlewareConfig{
		Guard:  guard,
		Policy: "checkout",
		Key:    throttle.FixedKey("checkout"),
		Refused: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprint(w, "System is busy")
		}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	checkout := limit(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "receipt") }))

	for range 2 {
		w := httptest.NewRecorder()
		checkout.ServeHTTP(w, httptest.NewRequest("POST", "/checkout", nil))
		fmt.Printf("%d %s, %s, retry after %q\n", w.Code, w.Body,
			w.Header().Get("RateLimit-Policy"), w.Header().Get("Retry-After"))
	}
	// Output:
	// 200 receipt, "checkout";q=1;w=60, retry after ""
	// 429 System is busy, "checkout";q=1;w=60, retry after "60"
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
