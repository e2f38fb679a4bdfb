package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"log"
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

func single(limit throttle.Limit) *throttle.Single {
	limiter, err := throttle.NewSingle(limit)
	if err != nil {
		log.Fatal(err)
	}
	return limiter
}

func keyed(limit throttle.Limit) *throttle.Keyed {
	limiter, err := throttle.NewKeyed(limit, 1000)
	if err != nil {
		log.Fatal(err)
	}
	return limiter
}

// hourly is a limit of the examples: nothing is earned while they run.
var hourly = throttle.Limit{Count: 1, Per: time.Hour, Burst: 2}

func ExampleNewSingle() {
	_, err := throttle.NewSingle(throttle.PerSecond(100, 0))
	fmt.Println(err)
	// Output: throttle: Limit.Burst is 0, allowed is 1 to 31622400000 at 100 per 1s
}

func ExampleSingle_Allow() {
	limiter := single(hourly)
	fmt.Println(limiter.Allow(), limiter.Allow(), limiter.Allow())
	// Output: true true false
}

func ExampleSingle_AllowAt() {
	limiter, now := single(throttle.PerSecond(10, 1)), time.Now()
	fmt.Println(limiter.AllowAt(now), limiter.AllowAt(now), limiter.AllowAt(now.Add(100*time.Millisecond)))
	// Output: true false true
}

func ExampleSingle_Take() {
	d, err := single(hourly).Take(context.Background(), "", 2)
	fmt.Println(d.Allowed, d.Remaining, d.ResetAfter.Round(time.Minute), err)
	// Output: true 0 2h0m0s <nil>
}

func ExampleSingle_TakeAt() {
	limiter, now := single(throttle.PerSecond(10, 1)), time.Now()
	_, _ = limiter.TakeAt(now, 1)
	d, err := limiter.TakeAt(now.Add(30*time.Millisecond), 1)
	fmt.Println(d.Allowed, d.RetryAfter, err)
	// Output: false 70ms <nil>
}

func ExampleSingle_Restore() {
	ctx, limiter := context.Background(), single(hourly)
	_, _ = limiter.Take(ctx, "", 2)
	fmt.Println(limiter.Restore(ctx, "", 1), limiter.Allow(), limiter.Allow())
	// Output: <nil> true false
}

func ExampleSingle_RestoreAt() {
	limiter, now := single(hourly), time.Now()
	_, _ = limiter.TakeAt(now, 2)
	fmt.Println(limiter.RestoreAt(now, 2), limiter.AllowAt(now))
	// Output: <nil> true
}

func ExampleSingle_SetLimit() {
	limiter := single(hourly)
	fmt.Println(limiter.SetLimit(throttle.PerSecond(5, 5)), limiter.Limit())
	// Output: <nil> 5 per 1s, burst 5
}

func ExampleSingle_Limit() {
	var zero throttle.Single
	fmt.Println(single(hourly).Limit(), "and", zero.Limit())
	// Output: 1 per 1h0m0s, burst 2 and 0 per 0s, burst 0
}

func ExampleNewKeyed() {
	_, err := throttle.NewKeyed(hourly, 0)
	fmt.Println(err)
	// Output: throttle: maxKeys is 0, allowed is 1 to 1073741824
}

func ExampleKeyed_Take() {
	ctx, limiter := context.Background(), keyed(hourly)
	for _, user := range []string{"ann", "bob"} {
		d, err := limiter.Take(ctx, user, 2)
		fmt.Println(user, d.Allowed, err)
	}
	// Output:
	// ann true <nil>
	// bob true <nil>
}

func ExampleKeyed_TakeAt() {
	limiter, now := keyed(throttle.PerSecond(1, 1)), time.Now()
	_, _ = limiter.TakeAt(now, "ann", 1)
	d, err := limiter.TakeAt(now, "ann", 1)
	fmt.Println(d.Allowed, d.RetryAfter, err)
	// Output: false 1s <nil>
}

func ExampleKeyed_Restore() {
	ctx, limiter := context.Background(), keyed(hourly)
	_, _ = limiter.Take(ctx, "ann", 2)
	fmt.Println(limiter.Restore(ctx, "ann", 2))
	d, _ := limiter.Take(ctx, "ann", 0)
	fmt.Println(d.Remaining)
	// Output:
	// <nil>
	// 2
}

func ExampleKeyed_RestoreAt() {
	limiter, now := keyed(hourly), time.Now()
	_, _ = limiter.TakeAt(now, "ann", 2)
	fmt.Println(limiter.RestoreAt(now, "ann", 1))
	// Output: <nil>
}

func ExampleKeyed_SetLimit() {
	limiter := keyed(hourly)
	fmt.Println(limiter.SetLimit(throttle.PerSecond(5, 5)), limiter.Limit())
	// Output: <nil> 5 per 1s, burst 5
}

// A partner has more than the others.
func ExampleKeyed_SetKeyLimit() {
	ctx, limiter := context.Background(), keyed(hourly)
	if err := limiter.SetKeyLimit("partner", throttle.PerSecond(50, 100)); err != nil {
		log.Fatal(err)
	}
	for _, key := range []string{"partner", "ann"} {
		d, err := limiter.Take(ctx, key, 1)
		fmt.Println(key, d.Limit, err)
	}
	// Output:
	// partner 100 <nil>
	// ann 2 <nil>
}

func ExampleKeyed_Limit() {
	fmt.Println(keyed(hourly).Limit())
	// Output: 1 per 1h0m0s, burst 2
}

func ExampleKeyed_Active() {
	limiter := keyed(hourly)
	_, _ = limiter.Take(context.Background(), "ann", 1)
	fmt.Println(limiter.Active())
	// Output: 1
}

func ExamplePerSecond() {
	fmt.Println(throttle.PerSecond(100, 5))
	// Output: 100 per 1s, burst 5
}

func ExampleLimit() {
	l := throttle.Limit{Count: 100, Per: time.Minute, Burst: 20}
	fmt.Println(l, l.Validate())
	// Output: 100 per 1m0s, burst 20 <nil>
}

func ExampleLimit_Validate() {
	fmt.Println(throttle.PerSecond(-1, 5).Validate())
	// Output: throttle: Limit.Count is -1, allowed is 1 to 1000000000 (one per nanosecond of Per)
}

func ExampleLimit_Interval() {
	fmt.Println(throttle.PerSecond(100, 5).Interval())
	// Output: 10ms
}

func ExampleLimit_Tolerance() {
	fmt.Println(throttle.PerSecond(100, 5).Tolerance())
	// Output: 50ms
}

func ExampleNewQueue() {
	_, err := throttle.NewQueue(throttle.QueueConfig{Name: "checkout"})
	fmt.Println(err)
	// Output: throttle: queue "checkout": QueueConfig.Concurrency is 0, allowed is 1 or more
}

func ExampleQueue_Acquire() {
	queue, err := throttle.NewQueue(throttle.QueueConfig{
		Name: "reports", Concurrency: 2, MaxWaiting: 10, MaxWait: time.Second,
	})
	if err != nil {
		log.Fatal(err)
	}
	place, err := queue.Acquire(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	defer place.Release()
	fmt.Println("running")
	// Output: running
}

func ExampleQueue_Stats() {
	queue, err := throttle.NewQueue(throttle.QueueConfig{Name: "reports", Concurrency: 2})
	if err != nil {
		log.Fatal(err)
	}
	place, _ := queue.Acquire(context.Background())
	s := queue.Stats()
	fmt.Println(s.Running, s.Waiting, s.Admitted)
	place.Release()
	fmt.Println(queue.Stats().Running)
	// Output:
	// 1 0 1
	// 0
}

func ExamplePlace_Release() {
	var place throttle.Place
	place.Release() // nothing to give back
	fmt.Println("ok")
	// Output: ok
}

// A mistake in the program refuses, and names the constructor.
func ExampleErrZeroValue() {
	var limiter throttle.Single
	_, err := limiter.Take(context.Background(), "", 1)
	fmt.Println(errors.Is(err, throttle.ErrZeroValue), err)
	// Output: true throttle: this Single is a zero value and refuses everything: make one with NewSingle
}
