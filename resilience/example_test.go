package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// One breaker for the provider, shared by the whole process. After five
// failures in a row it refuses calls without making them.
func ExampleDo() {
	breaker, err := resilience.New(resilience.Config{
		Name:                "payment provider",
		ConsecutiveFailures: 5,
		OpenFor:             3 * time.Second,
		MaxOpenFor:          8 * time.Second,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	breaker.Subscribe(func(c resilience.Change) {
		fmt.Println(c.Name, "is now", c.To, "for", c.Reason)
	})

	charge := func(context.Context) (string, error) { return "", errors.New("connection refused") }
	for range 6 {
		_, err = resilience.Do(context.Background(), breaker, charge)
	}
	fmt.Println("refused:", errors.Is(err, resilience.ErrOpen))
	// Output:
	// payment provider is now open for consecutive_failures
	// refused: true
}

// The same in two halves, for code that cannot pass a function.
func ExampleBreaker_Allow() {
	breaker, err := resilience.New(resilience.Config{Name: "search", FailurePercent: 50})
	if err != nil {
		fmt.Println(err)
		return
	}
	permit, err := breaker.Allow()
	if err != nil {
		fmt.Println("refused:", err)
		return
	}
	outcome := resilience.Failure // what a panic leaves behind
	defer func() { permit.Done(outcome) }()

	fmt.Println("searching")
	outcome = resilience.Success
	// Output: searching
}

// An operator takes a provider out of use during its maintenance.
func ExampleBreaker_ForceOpenAt() {
	breaker, err := resilience.New(resilience.Config{Name: "bank"})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Now()
	breaker.ForceOpenAt(now, now.Add(time.Hour))

	_, err = breaker.AllowAt(now)
	fmt.Println(err)
	fmt.Println(breaker.StateAt(now.Add(time.Hour)))
	// Output:
	// circuit breaker "bank" is open: call refused, try again in 1h0m0s
	// half_open
}

// Retry around breaker around timeout, and a budget that bounds the retries of
// all calls together.
func ExampleRetry() {
	budget, err := resilience.NewBudget(10, 20)
	if err != nil {
		fmt.Println(err)
		return
	}
	retrier, err := resilience.NewRetrier(resilience.RetryConfig{
		Name: "look up refund", Attempts: 4, Budget: budget,
		Backoff: resilience.Backoff{Initial: time.Millisecond},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	breaker, err := resilience.New(resilience.Config{Name: "payment provider"})
	if err != nil {
		fmt.Println(err)
		return
	}

	calls := 0
	lookUp := func(context.Context) (string, error) {
		if calls++; calls < 3 {
			return "", errors.New("503 from the provider")
		}
		return "succeeded", nil
	}
	status, err := resilience.Retry(context.Background(), retrier, resilience.Idempotent,
		func(ctx context.Context) (string, error) {
			return resilience.Do(ctx, breaker, func(ctx context.Context) (string, error) {
				return resilience.Timeout(ctx, 500*time.Millisecond, lookUp)
			})
		})
	fmt.Println(status, err, "after", calls, "calls")
	// Output: succeeded <nil> after 3 calls
}

// A charge without an idempotency key must not be made twice, and is not.
func ExampleEffect() {
	retrier, err := resilience.NewRetrier(resilience.RetryConfig{Name: "charge"})
	if err != nil {
		fmt.Println(err)
		return
	}
	calls := 0
	_, err = resilience.Retry(context.Background(), retrier, resilience.Once,
		func(context.Context) (string, error) {
			calls++
			return "", errors.New("connection reset")
		})
	fmt.Println(err, "after", calls, "call")
	// Output: connection reset after 1 call
}
