package resilience_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// This breaker opens when half of at least 4 calls failed, or half were slow. Each
// setting left out has a default.
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
	const fast, slow = 10 * time.Millisecond, 3 * time.Second
	for _, took := range []time.Duration{fast, fast, slow, slow} {
		permit, err := b.AllowAt(now)
		if err != nil {
			fmt.Println(err)
			return
		}
		now = now.Add(took)
		permit.DoneAt(resilience.Success, now) // it works, but too slowly
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
		fmt.Println(o.Cause, "openings:", o.Openings, "refused:", o.Rejected)
		fmt.Println("repaired:", o.Repaired, "after", o.TimeToRepair())
	}
	fmt.Println("MTTR", b.SnapshotAt(now).MeanTimeToRepair)
	// Output:
	// circuit breaker "bank" is open: call refused, try again in 3s
	// consecutive_failures openings: 2 refused: 1
	// repaired: true after 9s
	// MTTR 9s
}

// Changes are delivered in order and without a lock held: a listener may use the
// breaker.
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
		_, _ = resilience.Do(context.Background(), b, func(context.Context) (int, error) {
			return 0, errors.New("down")
		})
	}
	s := b.Snapshot()
	fmt.Println(s.State, s.Counts.Failures, "of", s.Counts.Calls, "failed, too few to open")
	// Output: closed 3 of 3 failed, too few to open
}

// A Breaker, Retrier or Budget that its constructor did not make refuses, and
// says what to do.
func ExampleBreaker() {
	var forgotten resilience.Breaker
	_, err := resilience.Do(context.Background(), &forgotten,
		func(context.Context) (int, error) { return 1, nil })
	fmt.Println(err)
	fmt.Println(errors.Is(err, resilience.ErrZeroValue))
	// Output:
	// resilience: Breaker refuses every call: it is a zero value; make it with resilience.New
	// true
}

// A web handler answers a refusal with 503 and a Retry-After header.
func ExampleOpenError() {
	b, err := resilience.New(resilience.Config{Name: "bank"})
	if err != nil {
		fmt.Println(err)
		return
	}
	b.ForceOpenAt(time.Now(), time.Now().Add(time.Hour))
	_, err = b.Allow()
	var open *resilience.OpenError
	if errors.As(err, &open) {
		fmt.Println(open.Name, "Retry-After:", open.RetryAfter.Round(time.Minute))
	}
	// Output: bank Retry-After: 1h0m0s
}

// made is a breaker for the examples below.
func made() *resilience.Breaker {
	b, err := resilience.New(resilience.Config{
		Name: "bank", ConsecutiveFailures: 2, OpenFor: 3 * time.Second, JitterPercent: resilience.NoJitter,
	})
	if err != nil {
		panic(err) // the settings are constants
	}
	return b
}

func ExampleBreaker_Name() {
	fmt.Println(made().Name())
	// Output: bank
}

// Two failures in a row open this breaker, and its open time ends by itself. The
// twins that take the time let an example, or a simulation, pass it quickly.
func ExampleBreaker_AllowAt() {
	b, now := made(), time.Now()
	for range 2 {
		permit, err := b.AllowAt(now)
		if err != nil {
			fmt.Println(err)
			return
		}
		permit.DoneAt(resilience.Failure, now)
	}
	_, err := b.AllowAt(now)
	fmt.Println(err)
	permit, err := b.AllowAt(now.Add(3 * time.Second))
	fmt.Println("a probe:", err)
	permit.DoneAt(resilience.Success, now.Add(3*time.Second))
	fmt.Println(b.StateAt(now.Add(3 * time.Second)))
	// Output:
	// circuit breaker "bank" is open: call refused, try again in 3s
	// a probe: <nil>
	// closed
}

func ExamplePermit_Done() {
	b := made()
	for range 2 {
		permit, err := b.Allow()
		if err != nil {
			fmt.Println(err)
			return
		}
		permit.Done(resilience.Failure)
		permit.Done(resilience.Failure) // counts once
	}
	fmt.Println(b.State())
	// Output: open
}

func ExamplePermit_DoneAt() {
	b, now := made(), time.Now()
	permit, err := b.AllowAt(now)
	if err != nil {
		fmt.Println(err)
		return
	}
	permit.DoneAt(resilience.Failure, now.Add(time.Second))
	fmt.Println(b.SnapshotAt(now.Add(time.Second)).Counts.ConsecutiveFailures)
	// Output: 1
}

func ExampleBreaker_State() {
	b := made()
	fmt.Println(b.State())
	b.ForceOpen(time.Time{})
	fmt.Println(b.State())
	// Output:
	// closed
	// forced_open
}

func ExampleBreaker_StateAt() {
	b, now := made(), time.Now()
	b.ForceOpenAt(now, now.Add(time.Hour))
	fmt.Println(b.StateAt(now.Add(59*time.Minute)), b.StateAt(now.Add(time.Hour)))
	// Output: forced_open half_open
}

func ExampleBreaker_ForceOpen() {
	b := made()
	b.ForceOpen(time.Time{}) // no end
	_, err := b.Allow()
	fmt.Println(err)
	b.Reset()
	_, err = b.Allow()
	fmt.Println(err)
	// Output:
	// circuit breaker "bank" is open: call refused
	// <nil>
}

// A disabled breaker lets all calls pass and counts none.
func ExampleBreaker_Disable() {
	b := made()
	b.Disable(time.Time{})
	for range 10 {
		permit, err := b.Allow()
		if err != nil {
			fmt.Println(err)
			return
		}
		permit.Done(resilience.Failure)
	}
	fmt.Println(b.State())
	// Output: disabled
}

func ExampleBreaker_DisableAt() {
	b, now := made(), time.Now()
	b.DisableAt(now, now.Add(time.Hour))
	fmt.Println(b.StateAt(now), b.StateAt(now.Add(time.Hour)))
	// Output: disabled closed
}

func ExampleBreaker_Reset() {
	b := made()
	b.ForceOpen(time.Time{})
	b.Reset()
	fmt.Println(b.State())
	// Output: closed
}

// The state a dashboard shows, at an instant of its choice.
func ExampleBreaker_SnapshotAt() {
	b, now := made(), time.Now()
	b.ForceOpenAt(now, now.Add(time.Minute))
	s := b.SnapshotAt(now.Add(45 * time.Second))
	fmt.Println(s.Name, s.State, "for", s.RetryAfter)
	// Output: bank forced_open for 15s
}

func ExampleOutage_TimeToRepair() {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	o := resilience.Outage{Started: began}
	fmt.Println(o.TimeToRepair())
	o.Ended = began.Add(90 * time.Second)
	fmt.Println(o.TimeToRepair())
	// Output:
	// 0s
	// 1m30s
}

// States and reasons are words in JSON and logs.
func ExampleState_MarshalText() {
	text, err := json.Marshal(map[string]any{"state": resilience.HalfOpen, "reason": resilience.ReasonTimeOver})
	fmt.Println(string(text), err)
	// Output: {"reason":"time_over","state":"half_open"} <nil>
}

func ExampleState() {
	for s := resilience.Closed; s <= resilience.Disabled; s++ {
		fmt.Print(s, " ")
	}
	// Output: closed open half_open forced_open disabled
}

func ExampleReason() {
	for r := resilience.ReasonConsecutiveFailures; r <= resilience.ReasonOperator; r++ {
		fmt.Println(r)
	}
	// Output:
	// consecutive_failures
	// failure_rate
	// slow_rate
	// time_over
	// probe_failed
	// probe_slow
	// probes_succeeded
	// operator
}

func ExampleOutcome() {
	fmt.Println(resilience.Success, resilience.Failure, resilience.Neutral)
	var unset resilience.Outcome
	fmt.Println(unset)
	// Output:
	// success failure neutral
	// failure
}

// A metric of the time to repair, recorded when the breaker closes.
func ExampleChange() {
	b := made()
	b.Subscribe(func(c resilience.Change) {
		if c.To == resilience.Closed && c.Outage.Repaired {
			fmt.Println(c.Name, "was down for", c.Outage.TimeToRepair())
		}
	})
	now := time.Now()
	for _, call := range []struct {
		at      time.Duration
		outcome resilience.Outcome
	}{{0, resilience.Failure}, {0, resilience.Failure}, {4 * time.Second, resilience.Success}} {
		permit, err := b.AllowAt(now.Add(call.at))
		if err != nil {
			fmt.Println(err)
			return
		}
		permit.DoneAt(call.outcome, now.Add(call.at))
	}
	// Output: bank was down for 4s
}
