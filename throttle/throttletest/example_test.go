package throttletest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/returnkit/returnkit/throttle"
	"github.com/returnkit/returnkit/throttle/throttletest"
)

// A limiter of your own, here one that keeps its state in a map, and the test
// that holds it to the law.
func ExampleSteps() {
	open := func(_ *testing.T, l throttle.Limit) throttletest.Take {
		due := map[string]time.Duration{}
		return func(at time.Duration, key string, cost int64) (throttle.Decision, error) {
			d, err := l.Decide(due[key]-at, cost)
			if err == nil && d.Allowed {
				due[key] = at + d.ResetAfter
			}
			return d, err
		}
	}
	_ = func(t *testing.T) { throttletest.Steps(t, open) } // the body of TestSteps

	take := open(nil, throttle.PerSecond(10, 1))
	first, _ := take(0, "a", 1)
	second, _ := take(0, "a", 1)
	fmt.Println(first.Allowed, second.Allowed, second.RetryAfter)
	// Output: true false 100ms
}

// Limiters that share their state, as two processes with one store do.
func ExampleLaw() {
	limiter, err := throttle.NewKeyed(throttle.PerSecond(1000, 20), 10)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = func(t *testing.T) { throttletest.Law(t, 10_000, limiter, limiter) } // the body of TestLaw
	fmt.Println(limiter.Limit())
	// Output: 1000 per 1s, burst 20
}
