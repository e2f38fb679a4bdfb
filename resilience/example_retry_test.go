package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// One attempt has 10 ms; its error tells whose deadline it was.
func ExampleTimeout() {
	_, err := resilience.Timeout(context.Background(), 10*time.Millisecond,
		func(ctx context.Context) (string, error) {
			<-ctx.Done() // a provider that does not answer
			return "", fmt.Errorf("read: %w", ctx.Err())
		})
	var late *resilience.TimeoutError
	fmt.Println(errors.As(err, &late), err)
	// Output: true no answer within 10ms: read: context deadline exceeded
}

// A budget shared by all who call one dependency: when it is down, retries add a
// tenth to the load, and not three times as much.
func ExampleBudget() {
	budget, err := resilience.NewBudget(10, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	retrier, err := resilience.NewRetrier(resilience.RetryConfig{
		Name: "list refunds", Attempts: 3, Backoff: resilience.Backoff{Initial: time.Microsecond}, Budget: budget,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	calls := 0
	for range 20 {
		_, err = resilience.Retry(context.Background(), retrier, resilience.Idempotent,
			func(context.Context) (int, error) { calls++; return 0, errors.New("503") })
	}
	fmt.Println(calls, "calls for 20 requests, the last:", err)
	// Output: 23 calls for 20 requests, the last: list refunds: gave up after attempt 1 (retry budget spent): 503
}

// An error that no retry will change ends the retries, and is returned as it
// is.
func ExamplePermanent() {
	retrier, err := resilience.NewRetrier(resilience.RetryConfig{Name: "get refund"})
	if err != nil {
		fmt.Println(err)
		return
	}
	errUnknown := errors.New("no such refund")
	calls := 0
	_, err = resilience.Retry(context.Background(), retrier, resilience.Idempotent,
		func(context.Context) (int, error) { calls++; return 0, resilience.Permanent(errUnknown) })
	fmt.Println(calls, err, errors.Is(err, errUnknown))
	// Output: 1 no such refund true
}
