package resilience

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// Fault L12: a zero value refuses with a sentence that names its constructor.
// It neither crashes nor lets a call pass.
func TestZeroValuesRefuse(t *testing.T) {
	called := false
	fn := func(context.Context) (int, error) { called = true; return 0, nil }
	for name, b := range map[string]*Breaker{"zero": new(Breaker), "nil": nil} {
		_, allow := b.Allow()
		_, allowAt := b.AllowAt(time.Now())
		_, do := Do(t.Context(), b, fn)
		for call, err := range map[string]error{"Allow": allow, "AllowAt": allowAt, "Do": do} {
			refused(t, name+" Breaker, "+call, err, "resilience: Breaker refuses every call: ", "resilience.New")
		}
	}
	for name, r := range map[string]*Retrier{"zero": new(Retrier), "nil": nil} {
		for _, effect := range []Effect{Once, Idempotent} {
			_, err := Retry(t.Context(), r, effect, fn)
			refused(t, name+" Retrier", err, "resilience: Retrier refuses every call: ", "resilience.NewRetrier")
		}
	}
	_, err := NewRetrier(RetryConfig{Name: "x", Budget: new(Budget)})
	refused(t, "zero Budget", err, "RetryConfig.Budget grants no retry: ", "resilience.NewBudget")
	for name, b := range map[string]*Budget{"zero": new(Budget), "nil": nil} {
		if b.Withdraw() || b.Left() != 0 {
			t.Errorf("a %s Budget grants a retry", name)
		}
	}
	_, err = Timeout(t.Context(), 0, fn)
	if want := "call not made: its timeout is 0s, allowed is more than 0"; err == nil || err.Error() != want {
		t.Errorf("Timeout of 0: %v", err)
	}
	for config, err := range map[string]error{"Config": Config{}.Validate(), "RetryConfig": RetryConfig{}.Validate()} {
		if err == nil || !strings.Contains(err.Error(), config+".Name is empty") {
			t.Errorf("zero %s: %v", config, err)
		}
	}
	if called {
		t.Error("a call was made")
	}
}

func refused(t *testing.T, what string, err error, parts ...string) {
	t.Helper()
	if !errors.Is(err, ErrZeroValue) || errors.Is(err, ErrOpen) {
		t.Errorf("%s: error %v is not ErrZeroValue alone", what, err)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %q does not say %q", what, err, part)
		}
	}
}

// All other methods of a zero Breaker say that it lets no call pass, and nothing
// makes it let one pass.
func TestNothingMakesAZeroBreakerPass(t *testing.T) {
	for name, b := range map[string]*Breaker{"zero": new(Breaker), "nil": nil} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			cancel := b.Subscribe(func(Change) { t.Error("a change was reported") })
			defer cancel()
			b.Reset()
			b.ResetAt(now)
			b.Disable(time.Time{})
			b.DisableAt(now, now.Add(time.Hour))
			b.ForceOpen(now)
			b.ForceOpenAt(now, now)
			want := Snapshot{State: ForcedOpen}
			if b.State() != ForcedOpen || b.StateAt(now) != ForcedOpen ||
				b.Snapshot() != want || b.SnapshotAt(now) != want {
				t.Errorf("state %v, snapshot %+v", b.State(), b.Snapshot())
			}
			if b.Name() != "" || len(b.Outages()) != 0 {
				t.Errorf("name %q, outages %v", b.Name(), b.Outages())
			}
			if p, err := b.Allow(); !errors.Is(err, ErrZeroValue) {
				t.Errorf("Allow: %v", err)
			} else {
				p.Done(Success)
				p.DoneAt(Failure, now)
			}
		})
	}
}

// The zero values of results and errors can be printed and asked.
func TestOtherZeroValuesDoNotCrash(t *testing.T) {
	var p Permit
	p.Done(Success)
	p.DoneAt(Failure, time.Now())
	if d := (Outage{}).TimeToRepair(); d != 0 {
		t.Errorf("TimeToRepair of no outage: %v", d)
	}
	for _, err := range []error{new(OpenError), new(GaveUpError), new(TimeoutError)} {
		if err.Error() == "" || errors.Is(err, errDown) || errors.Is(err, context.Canceled) {
			t.Errorf("%T: %q", err, err)
		}
	}
	if d := (Backoff{}).Wait(0); d < ms(50) || d > ms(150) {
		t.Errorf("the first wait of the zero Backoff is %v, want 50 to 150 ms", d)
	}
}

func TestSubscribingNothingDoesNothing(t *testing.T) {
	b := mustNew(t, Config{ConsecutiveFailures: 1})
	cancel := b.Subscribe(nil)
	fail(b)
	cancel()
	if b.State() != Open {
		t.Error("the breaker did not open")
	}
}
