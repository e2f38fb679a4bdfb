package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/returnkit/returnkit/throttle"
)

// A limit is tried on real traffic before it is enforced.
func ExampleGuard() {
	limiter, err := throttle.NewKeyed(throttle.PerSecond(1, 1), 1000)
	if err != nil {
		fmt.Println(err)
		return
	}
	guard, err := throttle.NewGuard(throttle.GuardConfig{
		Limiter:    limiter,
		OnFailure:  throttle.FailOpen,
		RecordOnly: true,
		Observe:    func(v throttle.Verdict) { fmt.Println(v.Key, v.Result) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		fmt.Println(guard.Check(context.Background(), "ann", 1).Pass)
	}
	// Output:
	// ann admitted
	// true
	// ann refused
	// true
}

// Where the state lies in a store of your own, read the time ahead, decide, and
// write it back in one atomic step.
func ExampleLimit_Decide() {
	limit := throttle.PerSecond(10, 2)
	ahead := time.Duration(0)
	for range 3 {
		d, err := limit.Decide(ahead, 1)
		if err != nil {
			fmt.Println(err)
			return
		}
		if d.Allowed {
			ahead = d.ResetAfter
		}
		fmt.Println(d.Allowed, d.Remaining, d.RetryAfter, ahead)
	}
	// Output:
	// true 1 0s 100ms
	// true 0 0s 200ms
	// false 0 100ms 200ms
}

// What can never pass is told from what has to wait.
func ExampleCostError() {
	limiter, err := throttle.NewSingle(throttle.PerSecond(10, 5))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = limiter.Take(context.Background(), "", 6)
	fmt.Println(errors.Is(err, throttle.ErrCost), err)
	// Output: true throttle: cost 6 can never be admitted, allowed is 0 to the burst, 5
}

// A worker waits for its turn.
func ExampleSingle_Wait() {
	limiter, err := throttle.NewSingle(throttle.PerSecond(1000, 1))
	if err != nil {
		fmt.Println(err)
		return
	}
	start := time.Now()
	for range 3 {
		if err := limiter.Wait(context.Background(), 1); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(time.Since(start) >= 2*time.Millisecond)
	// Output: true
}

// The user's own limit, or that of the address for those not signed in. What a
// client writes into X-Forwarded-For counts only behind our own proxy.
func ExampleFirstKey() {
	proxies, err := throttle.ParseProxies("10.0.0.0/8")
	if err != nil {
		fmt.Println(err)
		return
	}
	key := throttle.FirstKey(
		throttle.UserKey(func(r *http.Request) string { return r.PathValue("session-user") }),
		throttle.AddressKey(proxies),
	)
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Forwarded-For", "1.2.3.4, 203.0.113.9")
	for _, remote := range []string{"10.1.1.1:5000", "198.51.100.7:5000", "[2001:db8::1]:5000"} {
		r.RemoteAddr = remote
		fmt.Println(key(r))
	}
	r.SetPathValue("session-user", "ann")
	fmt.Println(key(r))
	// Output:
	// addr:203.0.113.9 true
	// addr:198.51.100.7 true
	// addr:2001:db8::/64 true
	// user:ann true
}

func ExamplePolicyField() {
	limit := throttle.Limit{Count: 100, Per: time.Minute, Burst: 20}
	fmt.Println(throttle.PolicyField("checkout", limit))
	fmt.Println(throttle.RateLimitField("checkout", throttle.Decision{Remaining: 4, ResetAfter: 9500 * time.Millisecond}))
	// Output:
	// "checkout";q=100;w=60
	// "checkout";r=4;t=10
}

// One checkout at a time, nobody waits: the second is told so at once.
func ExampleQueue_Middleware() {
	queue, err := throttle.NewQueue(throttle.QueueConfig{Name: "checkout", Concurrency: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	var h http.Handler
	h = queue.Middleware(nil)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		second := httptest.NewRecorder()
		h.ServeHTTP(second, r)
		fmt.Println("second:", second.Code, "retry after", second.Header().Get("Retry-After"))
	}))
	first := httptest.NewRecorder()
	h.ServeHTTP(first, httptest.NewRequest("POST", "/checkout", nil))
	fmt.Println("first:", first.Code)
	// Output:
	// second: 429 retry after 1
	// first: 200
}
