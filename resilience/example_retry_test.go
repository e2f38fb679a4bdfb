package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// One attempt has 10 ms. The error says whose deadline it was.
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
		Name: "list refunds", Budget: budget, Backoff: resilience.Backoff{Initial: time.Microsecond},
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

// The settings are checked once, where the program starts.
func ExampleNewRetrier() {
	_, err := resilience.NewRetrier(resilience.RetryConfig{Name: "get refund", Attempts: 1000})
	fmt.Println(err)
	// Output: resilience: retry "get refund": RetryConfig.Attempts is 1000, allowed is 1 to 100
}

func ExampleRetryConfig_Validate() {
	fmt.Println(resilience.RetryConfig{}.Validate())
	err := resilience.RetryConfig{Name: "get refund", Budget: new(resilience.Budget)}.Validate()
	fmt.Println(errors.Is(err, resilience.ErrZeroValue))
	// Output:
	// resilience: RetryConfig.Name is empty: name the call that is retried
	// true
}

// OnRetry reports each retry, to a log or a counter.
func ExampleRetryEvent() {
	retrier, err := resilience.NewRetrier(resilience.RetryConfig{
		Name:    "get refund",
		Backoff: resilience.Backoff{Initial: time.Millisecond, Jitter: resilience.Spread(0)},
		OnRetry: func(_ context.Context, e resilience.RetryEvent) {
			fmt.Printf("%s: attempt %d failed (%v), next in %v\n", e.Name, e.Attempt, e.Err, e.Wait)
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = resilience.Retry(context.Background(), retrier, resilience.Idempotent,
		func(context.Context) (int, error) { return 0, errors.New("503") })
	// Output:
	// get refund: attempt 1 failed (503), next in 1ms
	// get refund: attempt 2 failed (503), next in 2ms
}

// What made a retry give up is in its error, as is the last attempt's error.
func ExampleGaveUpError() {
	retrier, err := resilience.NewRetrier(resilience.RetryConfig{Name: "get refund"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	errBusy := errors.New("503")
	_, err = resilience.Retry(ctx, retrier, resilience.Idempotent,
		func(context.Context) (int, error) { return 0, errBusy })
	var gave *resilience.GaveUpError
	if errors.As(err, &gave) {
		fmt.Println(gave.Attempts, "attempt,", gave.Reason)
	}
	fmt.Println(errors.Is(err, errBusy))
	// Output:
	// 1 attempt, the next attempt would begin after the deadline
	// true
}

// An own rule usually narrows the default one.
func ExampleRetryableError() {
	errDeclined := errors.New("card declined")
	retryable := func(err error) bool {
		return !errors.Is(err, errDeclined) && resilience.RetryableError(err)
	}
	fmt.Println(retryable(errors.New("connection reset")))
	fmt.Println(retryable(errDeclined))
	fmt.Println(retryable(&resilience.OpenError{Name: "bank"}))
	fmt.Println(retryable(context.Canceled))
	// Output:
	// true
	// false
	// false
	// false
}

func ExampleNewBudget() {
	_, err := resilience.NewBudget(10, 0)
	fmt.Println(err)
	budget, err := resilience.NewBudget(10, 20)
	fmt.Println(budget.Left(), err)
	// Output:
	// resilience: retry budget with a reserve of 0, allowed is 1 to 1,000,000
	// 20 <nil>
}

// A client library that retries by itself draws on the same budget.
func ExampleBudget_Withdraw() {
	budget, err := resilience.NewBudget(10, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(budget.Withdraw(), budget.Withdraw(), budget.Withdraw())
	// Output: true true false
}

func ExampleBudget_Left() {
	budget, err := resilience.NewBudget(10, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	budget.Withdraw()
	fmt.Println(budget.Left())
	// Output: 1
}

// A timeout is a timeout for errors.Is and for code that looks for a net.Error.
func ExampleTimeoutError() {
	_, err := resilience.Timeout(context.Background(), time.Millisecond,
		func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
	var late *resilience.TimeoutError
	if errors.As(err, &late) {
		fmt.Println("the call had", late.After, late.Timeout())
	}
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// the call had 1ms true
	// true
}
