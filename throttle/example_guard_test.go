package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"log"
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

// What can never pass is another error than what has to wait.
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

func ExampleNewGuard() {
	_, err := throttle.NewGuard(throttle.GuardConfig{Limiter: single(hourly)})
	fmt.Println(err)
	// Output: throttle: GuardConfig.OnFailure is FailMode(0), allowed is FailOpen or FailClosed
}

func newGuard(limiter throttle.Limiter) *throttle.Guard {
	guard, err := throttle.NewGuard(throttle.GuardConfig{Limiter: limiter, OnFailure: throttle.FailClosed})
	if err != nil {
		log.Fatal(err)
	}
	return guard
}

func ExampleGuard_Check() {
	v := newGuard(single(hourly)).Check(context.Background(), "ann", 3)
	fmt.Println(v.Pass, v.Result)
	// Output: false refused_cost
}

func ExampleGuard_Limit() {
	fmt.Println(newGuard(single(hourly)).Limit())
	// Output: 1 per 1h0m0s, burst 2
}

// A request that turned out to do nothing.
func ExampleGuard_Reserve() {
	ctx := context.Background()
	guard := newGuard(single(hourly))
	for _, empty := range []bool{true, true, true, false} {
		r := guard.Reserve(ctx, "ann", 1)
		if empty {
			_ = r.GiveBack(ctx)
		}
	}
	fmt.Println(guard.Check(ctx, "ann", 0).Decision.Remaining, "of 2 remain")
	// Output: 1 of 2 remain
}

func ExampleReservation_GiveBack() {
	ctx := context.Background()
	guard := newGuard(single(hourly))
	r := guard.Reserve(ctx, "ann", 2)
	fmt.Println(r.Pass, r.GiveBack(ctx), guard.Check(ctx, "ann", 2).Pass)
	// Output: true <nil> true
}

func ExampleFailMode_String() {
	fmt.Println(throttle.FailOpen, throttle.FailClosed)
	// Output: fail_open fail_closed
}

// Why a request was shed, and when to come again.
func ExampleShedError() {
	queue, err := throttle.NewQueue(throttle.QueueConfig{Name: "reports", Concurrency: 1})
	if err != nil {
		log.Fatal(err)
	}
	_, _ = queue.Acquire(context.Background())
	_, err = queue.Acquire(context.Background())
	if shed, ok := errors.AsType[*throttle.ShedError](err); ok {
		fmt.Println(shed.Reason, errors.Is(err, throttle.ErrShed))
	}
	// Output: queue_full true
}
