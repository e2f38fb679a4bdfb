package throttle_test

import (
	"context"
	"errors"
	"fmt"
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
