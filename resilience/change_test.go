package resilience

import (
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func fail(b *Breaker) {
	if p, err := b.Allow(); err == nil {
		p.Done(Failure)
	}
}

func TestListenersMayUseTheBreakerAndAreCalledInOrder(t *testing.T) {
	b := mustNew(t, Config{ConsecutiveFailures: 1})
	var got []string
	b.Subscribe(func(c Change) {
		got = append(got, "first "+c.To.String())
		if c.To == Open {
			b.Reset()                  // a change within the delivery of a change
			got = append(got, "reset") // comes before its own delivery
			_ = b.Snapshot()
		}
	})
	b.Subscribe(func(c Change) { got = append(got, "second "+c.To.String()) })
	fail(b)
	want := []string{"first open", "reset", "second open", "first closed", "second closed"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestACanceledListenerIsNotCalled(t *testing.T) {
	b := mustNew(t, Config{ConsecutiveFailures: 1})
	n := 0
	var cancel func()
	b.Subscribe(func(Change) { cancel() })
	cancel = b.Subscribe(func(Change) { n++ })
	fail(b)
	b.Reset()
	if n != 0 {
		t.Errorf("got %d changes after the cancel", n)
	}
}

func TestAPanickingListenerDoesNotStopTheOthers(t *testing.T) {
	b := mustNew(t, Config{ConsecutiveFailures: 1})
	var got []State
	b.Subscribe(func(c Change) {
		if c.To == Open {
			panic("listener")
		}
	})
	b.Subscribe(func(c Change) { got = append(got, c.To) })
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		fail(b)
	}()
	b.Reset()
	if want := []State{Open, Closed}; !slices.Equal(got, want) {
		t.Errorf("the other listener got %v, want %v", got, want)
	}
}

func TestAListenerThatEndsItsGoroutineDoesNotStopTheOthers(t *testing.T) {
	b := mustNew(t, Config{ConsecutiveFailures: 1})
	got := 0
	b.Subscribe(func(c Change) {
		if c.To == Open {
			runtime.Goexit()
		}
	})
	b.Subscribe(func(Change) { got++ })
	var wg sync.WaitGroup
	wg.Go(func() { fail(b) })
	wg.Wait()
	b.Reset()
	if got != 2 {
		t.Errorf("got %d changes, want 2", got)
	}
}

func TestAnOutageLastsFromTheFirstOpeningToTheRepair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := mustNew(t, Config{ConsecutiveFailures: 2, OpenFor: 3 * time.Second, MaxOpenFor: 8 * time.Second,
			JitterPercent: NoJitter})
		var last Change
		b.Subscribe(func(c Change) { last = c })
		fail(b)
		fail(b)
		began := time.Now()
		if last.To != Open || last.Reason != ReasonConsecutiveFailures || last.Counts.ConsecutiveFailures != 2 ||
			!last.Outage.Started.Equal(began) || !last.Until.Equal(began.Add(3*time.Second)) {
			t.Errorf("the opening says %+v", last)
		}
		for range 4 {
			fail(b) // refused
		}
		time.Sleep(3 * time.Second)
		fail(b)
		time.Sleep(6 * time.Second)
		if s := b.Snapshot(); s.Outage.Openings != 2 || s.State != HalfOpen || s.Openings != 2 || s.Repairs != 0 {
			t.Errorf("during the outage: %+v", s)
		}
		p, err := b.Allow()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		p.Done(Success)
		want := Outage{Name: "payments", Started: began, Ended: began.Add(10 * time.Second),
			Repaired: true, Cause: ReasonConsecutiveFailures, Openings: 2, Rejected: 4}
		got := b.Outages()
		if len(got) != 1 || !sameOutage(got[0], want) || !sameOutage(last.Outage, want) {
			t.Errorf("outages %+v, last change %+v, want %+v", got, last.Outage, want)
		}

	})
}

func TestTheMeanTimeToRepairIsOfRepairedOutages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := mustNew(t, Config{ConsecutiveFailures: 1, OpenFor: 3 * time.Second, JitterPercent: NoJitter})
		for _, lasts := range []time.Duration{10 * time.Second, 5 * time.Second} {
			fail(b)
			time.Sleep(lasts) // half-open with the next call, which repairs
			p, err := b.Allow()
			if err != nil {
				t.Fatal(err)
			}
			p.Done(Success)
			time.Sleep(time.Minute)
		}
		s := b.Snapshot()
		if s.Repairs != 2 || s.MeanTimeToRepair != 7500*time.Millisecond || !s.Outage.Started.IsZero() {
			t.Errorf("after two outages of 10 s and 5 s: %+v", s)
		}

		fail(b)
		b.Reset()
		if o := b.Outages()[2]; o.Repaired || o.Ended.IsZero() || b.Snapshot().Repairs != 2 {
			t.Errorf("an outage ended by an operator counts as repaired: %+v", o)
		}
		b.ForceOpen(time.Time{})
		if n := len(b.Outages()); n != 3 {
			t.Errorf("forcing open made an outage of its own: %d", n)
		}
	})
}

func sameOutage(a, b Outage) bool {
	return a.Started.Equal(b.Started) && a.Ended.Equal(b.Ended) && a.Name == b.Name && a.Repaired == b.Repaired &&
		a.Cause == b.Cause && a.Openings == b.Openings && a.Rejected == b.Rejected
}

func TestOnlyTheLastOutagesAreKept(t *testing.T) {
	b := mustNew(t, Config{ConsecutiveFailures: 1})
	for range maxOutages + 10 {
		fail(b)
		b.Reset()
	}
	if n := len(b.Outages()); n != maxOutages {
		t.Errorf("%d outages kept, want %d", n, maxOutages)
	}
	if s := b.Snapshot(); s.Openings != maxOutages+10 {
		t.Errorf("%d openings counted, want %d", s.Openings, maxOutages+10)
	}
}
