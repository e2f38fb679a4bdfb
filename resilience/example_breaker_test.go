package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// Opens when half of at least 4 calls failed, or half were slow; each setting
// left out has a default.
func ExampleNew() {
	b, err := resilience.New(resilience.Config{
		Name:           "search",
		FailurePercent: 50, MinCalls: 4, Window: time.Minute,
		SlowPercent: 50, SlowCall: 2 * time.Second,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Now()
	for _, took := range []time.Duration{10 * time.Millisecond, 10 * time.Millisecond, 3 * time.Second, 3 * time.Second} {
		permit, err := b.AllowAt(now)
		if err != nil {
			fmt.Println(err)
			return
		}
		now = now.Add(took)
		permit.DoneAt(resilience.Success, now) // it works, but nobody waits for 3 s
	}
	fmt.Println(b.StateAt(now))
	// Output: open
}

func ExampleConfig_Validate() {
	err := resilience.Config{Name: "search", FailurePercent: 120}.Validate()
	fmt.Println(err)
	// Output: resilience: breaker "search": Config.FailurePercent is 120, allowed is 0 to 100
}

// A caller who hangs up says nothing about the provider, and a definite answer
// is a good sign.
func ExampleClassifyError() {
	errDeclined := errors.New("card declined")
	classify := func(ctx context.Context, err error) resilience.Outcome {
		if errors.Is(err, errDeclined) {
			return resilience.Success
		}
		return resilience.ClassifyError(ctx, err)
	}
	ctx, hangUp := context.WithCancel(context.Background())
	fmt.Println(classify(ctx, errDeclined))
	fmt.Println(classify(ctx, context.DeadlineExceeded))
	hangUp()
	fmt.Println(classify(ctx, context.Canceled))
	// Output:
	// success
	// failure
	// neutral
}

// What an outage looked like, from the first opening to the repair.
func ExampleBreaker_Outages() {
	b, err := resilience.New(resilience.Config{
		Name: "bank", ConsecutiveFailures: 1, OpenFor: 3 * time.Second, JitterPercent: resilience.NoJitter,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Now()
	call := func(o resilience.Outcome) {
		permit, err := b.AllowAt(now)
		if err != nil {
			fmt.Println(err)
			return
		}
		permit.DoneAt(o, now)
	}
	call(resilience.Failure)
	call(resilience.Success) // refused
	now = now.Add(3 * time.Second)
	call(resilience.Failure) // a probe that fails: twice as long now
	now = now.Add(6 * time.Second)
	call(resilience.Success)

	for _, o := range b.Outages() {
		fmt.Println(o.Cause, "openings:", o.Openings, "refused:", o.Rejected, "repaired:", o.Repaired, "after", o.TimeToRepair())
	}
	fmt.Println("MTTR", b.SnapshotAt(now).MeanTimeToRepair)
	// Output:
	// circuit breaker "bank" is open: call refused, try again in 3s
	// consecutive_failures openings: 2 refused: 1 repaired: true after 9s
	// MTTR 9s
}

// News come in order, and outside of any lock: a listener may use the breaker.
func ExampleBreaker_Subscribe() {
	b, err := resilience.New(resilience.Config{Name: "bank"})
	if err != nil {
		fmt.Println(err)
		return
	}
	cancel := b.Subscribe(func(c resilience.Change) {
		fmt.Println(c.Generation, c.From, "->", c.To, c.Reason)
		if c.To == resilience.ForcedOpen {
			b.Reset()
		}
	})
	b.ForceOpen(time.Time{})
	cancel()
	b.Disable(time.Time{})
	fmt.Println(b.State())
	// Output:
	// 2 closed -> forced_open operator
	// 3 forced_open -> closed operator
	// disabled
}

func ExampleBreaker_Snapshot() {
	b, err := resilience.New(resilience.Config{Name: "search", FailurePercent: 50})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		_, _ = resilience.Do(context.Background(), b, func(context.Context) (int, error) { return 0, errors.New("down") })
	}
	s := b.Snapshot()
	fmt.Println(s.State, s.Counts.Failures, "of", s.Counts.Calls, "failed, too few to tell")
	// Output: closed 3 of 3 failed, too few to tell
}
