package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// A worker stores the number of attempts with the job. The time of the next one
// follows from that number, in whichever process it is.
func ExampleBackoff() {
	type job struct {
		Attempts int
		NextAt   time.Time
	}
	backoff := resilience.Backoff{
		Initial: time.Minute, Factor: 3, Max: 6 * time.Hour,
		Jitter: resilience.Spread(0), // in production leave it out: give or take a half
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	j := job{}
	for range 7 {
		j.NextAt = now.Add(backoff.Wait(j.Attempts))
		j.Attempts++
		fmt.Println(j.Attempts, j.NextAt.Sub(now))
	}
	// Output:
	// 1 1m0s
	// 2 3m0s
	// 3 9m0s
	// 4 27m0s
	// 5 1h21m0s
	// 6 4h3m0s
	// 7 6h0m0s
}

// A test injects a jitter of its own and sees exact waits.
func ExampleBackoff_Wait() {
	longest := func(d time.Duration) time.Duration { return d + d/2 }
	backoff := resilience.Backoff{Initial: 100 * time.Millisecond, Jitter: longest}
	fmt.Println(backoff.Wait(0), backoff.Wait(1), backoff.Wait(20))
	// Output: 150ms 300ms 1m30s
}

// Fast retries for five seconds in all, then patient ones.
func ExampleBackoff_Within() {
	exact := resilience.Spread(0)
	fast := resilience.Backoff{Initial: 100 * time.Millisecond, Jitter: exact}
	patient := resilience.Backoff{Initial: 10 * time.Second, Factor: 3, Max: time.Hour, Jitter: exact}
	wait := func(n int) time.Duration {
		if k := fast.Within(5 * time.Second); n >= k {
			return patient.Wait(n - k)
		}
		return fast.Wait(n)
	}
	for n := range 8 {
		fmt.Print(wait(n), " ")
	}
	// Output: 100ms 200ms 400ms 800ms 1.6s 10s 30s 1m30s
}

func ExampleBackoff_Validate() {
	fmt.Println(resilience.Backoff{Initial: time.Minute, Max: time.Second}.Validate())
	fmt.Println(resilience.Backoff{}.Validate())
	// Output:
	// resilience: Backoff.Max is 1s, allowed is Initial (1m0s) to 87600h0m0s
	// <nil>
}

// Replicas that poll every minute, give or take a fifth, do not poll in step.
func ExampleSpread() {
	spread := resilience.Spread(20)
	d := spread(time.Minute)
	fmt.Println(d >= 48*time.Second, d <= 72*time.Second)
	// Output: true true
}

// A loop that ends with its context.
func ExampleSleep() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	backoff := resilience.Backoff{Initial: time.Millisecond, Jitter: resilience.Spread(0)}
	var err error
	for n := 0; err == nil; n++ {
		err = resilience.Sleep(ctx, backoff.Wait(n))
	}
	fmt.Println(err)
	// Output: context deadline exceeded
}

// A dependency that asks for a wait gets it, and is not asked again if the wait
// is too long.
func ExampleRetryAfter() {
	retrier, err := resilience.NewRetrier(resilience.RetryConfig{Name: "list refunds", MaxRetryAfter: time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = resilience.Retry(context.Background(), retrier, resilience.Idempotent,
		func(context.Context) (int, error) {
			return 0, resilience.RetryAfter(errors.New("closed for maintenance"), time.Hour)
		})
	var gave *resilience.GaveUpError
	if errors.As(err, &gave) {
		fmt.Println(gave.Err, "-", gave.Reason)
	}
	// Output: closed for maintenance - the dependency demands a longer wait than MaxRetryAfter
}
