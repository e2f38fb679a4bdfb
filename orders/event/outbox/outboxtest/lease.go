package outboxtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/resilience"
)

// deadWorker: a process handles an event and ends before it can say so; the
// lease it leaves behind is all that is left of it.
func deadWorker(t *testing.T, b Bench) {
	c := &clock{now: day}
	var j journal
	dead := newDispatcher(t, outbox.Config{Now: c.Now}, &spy{Log: b.Log, dead: true})
	b.subscribe(t, dead, "s", j.record)
	b.append(t, "o1", "made", 1)
	if err := dead.DeliverSync(t.Context(), b.Log.Stream(), "o1"); err == nil {
		t.Fatal("it could say so")
	}
	alive := b.dispatcher(t, outbox.Config{Now: c.Now, Poll: 5 * time.Millisecond})
	b.subscribe(t, alive, "s", j.record)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := alive.DeliverSync(ctx, b.Log.Stream(), "o1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v; the delivery must stay taken while its lease lasts", err)
	}
	if got := j.list(); len(got) != 1 {
		t.Fatalf("delivered %d times within one lease", len(got))
	}
	c.add(outbox.MaxLease)
	start(t, alive)
	eventually(t, "the event is delivered again", func() bool { return pending(t, alive) == 0 })
	if got := j.list(); !slices.Equal(got, []string{"o1:1", "o1:1"}) {
		t.Errorf("got %v, want the event twice", got)
	}
}

// take leases the next delivery of o1 to s, as a worker would whose clock is an
// hour ahead.
func take(t *testing.T, b Bench) outbox.Delivery {
	t.Helper()
	now := time.Now().Add(time.Hour)
	got, err := b.Log.Claim(t.Context(), outbox.Claim{
		Subscriber: "s", AggregateID: "o1", Now: now, Until: now.Add(time.Hour), Limit: 1,
	})
	if err != nil || len(got) != 1 {
		t.Fatalf("claimed %+v, %v", got, err)
	}
	return got[0]
}

func lostLease(t *testing.T, b Bench) {
	d := b.dispatcher(t, outbox.Config{Lease: 30 * time.Millisecond})
	var thief outbox.Delivery
	b.subscribe(t, d, "s", func(ctx context.Context, _ event.Event) error {
		thief = take(t, b)
		<-ctx.Done()
		return context.Cause(ctx)
	})
	b.append(t, "o1", "made", 1)
	err := d.DeliverSync(t.Context(), b.Log.Stream(), "o1")
	if !errors.Is(err, resilience.ErrLeaseLost) {
		t.Errorf("got %v, want %v", err, resilience.ErrLeaseLost)
	}
	stuck, err := b.Log.Stuck(t.Context(), []string{"s"}, 1, 10)
	if err != nil || len(stuck) != 1 || stuck[0].Attempts != 2 || stuck[0].LastError != "" {
		t.Errorf("the delivery of the other worker was changed: %+v, %v", stuck, err)
	}
	if held, err := b.Log.Complete(t.Context(), thief, time.Now()); !held || err != nil {
		t.Errorf("the other worker could not complete it: %v, %v", held, err)
	}
}

func staleLease(t *testing.T, b Bench) {
	d := b.dispatcher(t, outbox.Config{})
	var first outbox.Delivery
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.subscribe(t, d, "s", func(context.Context, event.Event) error {
		first = take(t, b)
		cancel() // DeliverSync would wait for the other worker
		return nil
	})
	b.append(t, "o1", "made", 1)
	if err := d.DeliverSync(ctx, b.Log.Stream(), "o1"); err == nil {
		t.Fatal("it is delivered, and another worker has the lease")
	}
	stale := first
	stale.Token = "of another"
	none := first
	none.Token = ""
	for _, s := range []outbox.Delivery{stale, none} {
		renewed, err1 := b.Log.Renew(t.Context(), s, time.Now())
		released, err2 := b.Log.Release(t.Context(), s, outbox.Retry{At: day, Attempts: 7, LastError: "x"})
		completed, err3 := b.Log.Complete(t.Context(), s, time.Now())
		if renewed || released || completed || errors.Join(err1, err2, err3) != nil {
			t.Errorf("token %q: renewed %v, released %v, completed %v; %v",
				s.Token, renewed, released, completed, errors.Join(err1, err2, err3))
		}
	}
	for i, want := range []bool{true, false} {
		if held, err := b.Log.Complete(t.Context(), first, time.Now()); held != want || err != nil {
			t.Errorf("completed, time %d: %v, %v", i+1, held, err)
		}
	}
	if held, err := b.Log.Renew(t.Context(), first, time.Now()); held || err != nil {
		t.Errorf("a delivery that is done was renewed: %v, %v", held, err)
	}
	if n := pending(t, d); n != 0 {
		t.Errorf("%d pending", n)
	}
}

func renewedLease(t *testing.T, b Bench) {
	// The clock moves with the test, never further than the lease that is left,
	// so that only a missing renewal can let it end.
	c := &clock{now: day}
	config := outbox.Config{Now: c.Now, Lease: 60 * time.Millisecond, Poll: 5 * time.Millisecond}
	var j journal
	release := make(chan struct{})
	handler := func(ctx context.Context, e event.Event) error {
		j.add(e.ID)
		select {
		case <-release:
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	s := &spy{Log: b.Log}
	slow, other := newDispatcher(t, config, s), newDispatcher(t, config, s)
	b.subscribe(t, slow, "s", handler)
	b.subscribe(t, other, "s", handler)
	b.append(t, "o1", "made", 1)
	start(t, slow)
	start(t, other)
	eventually(t, "a worker has it", func() bool { return len(j.list()) > 0 })
	for range 6 {
		c.add(config.Lease / 2)
		eventually(t, "the lease is renewed", func() bool { return s.until().Equal(c.Now().Add(config.Lease)) })
	}
	close(release)
	eventually(t, "it is delivered", func() bool { return pending(t, slow) == 0 })
	if got := j.list(); len(got) != 1 {
		t.Errorf("called %d times, want once: the lease never ended", len(got))
	}
}

func retried(t *testing.T, b Bench) {
	c := &clock{now: day}
	var log logBuffer
	s := &spy{Log: b.Log}
	d := newDispatcher(t, outbox.Config{
		Now: c.Now, Poll: 2 * time.Millisecond, MaxAttempts: 3, Log: log.logger(),
		Retry: resilience.Backoff{Initial: time.Minute, Max: 4 * time.Minute, Jitter: resilience.Spread(0)},
	}, s)
	var calls atomic.Int64
	var broken atomic.Bool
	broken.Store(true)
	b.subscribe(t, d, "s", func(context.Context, event.Event) error {
		calls.Add(1)
		if broken.Load() {
			return errors.New("no answer\x00\xff from " + strings.Repeat("é", 1000))
		}
		return nil
	})
	b.append(t, "o1", "made", 1, 2)
	start(t, d)

	stuck := func() []outbox.Failure {
		t.Helper()
		all, err := d.Stuck(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	for i, backoff := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 4 * time.Minute} {
		want := i + 1
		eventually(t, "the next attempt", func() bool { n, _ := s.released(); return n == want })
		if _, r := s.released(); !r.At.Equal(c.Now().Add(backoff)) || r.Attempts != want {
			t.Fatalf("after attempt %d the next is in %v, want %v", r.Attempts, r.At.Sub(c.Now()), backoff)
		}
		if all := stuck(); want < 3 && len(all) != 0 || want >= 3 && len(all) != 1 {
			t.Fatalf("after attempt %d stuck are %+v", want, all)
		}
		if want < 4 {
			c.add(backoff)
		}
	}
	f := stuck()[0]
	lastError := f.LastError
	f.LastError = ""
	want := outbox.Failure{
		Stream: b.Log.Stream(), Subscriber: "s", EventID: "o1:1", AggregateID: "o1", Seq: 1, Type: "made",
		EventAt: day.Add(time.Second), NextAt: c.Now().Add(4 * time.Minute), Attempts: 4,
	}
	if f != want {
		t.Errorf("got %+v, want %+v", f, want)
	}
	if !strings.HasPrefix(lastError, "no answer") || len([]rune(lastError)) > 503 {
		t.Errorf("the error is kept as %q", lastError)
	}
	if !strings.Contains(log.String(), `"level":"ERROR","msg":"outbox: delivery is stuck"`) {
		t.Errorf("the log says nothing of it: %s", log.String())
	}
	n, oldest, err := d.Pending(t.Context())
	if err != nil || n != 2 || !oldest.Equal(day.Add(time.Second)) {
		t.Errorf("pending: %d, %v, %v", n, oldest, err)
	}

	broken.Store(false)
	c.add(4 * time.Minute)
	eventually(t, "both are delivered once it works", func() bool { return pending(t, d) == 0 })
	if got := calls.Load(); got != 6 {
		t.Errorf("%d calls, want 4 failed and 2 good ones", got)
	}
	if n, oldest, err := d.Pending(t.Context()); n != 0 || !oldest.IsZero() || err != nil {
		t.Errorf("pending afterwards: %d, %v, %v", n, oldest, err)
	}
}

// clockSetBack: what is due by a clock that is set back by an hour, or a year, must not wait as long.
func clockSetBack(t *testing.T, b Bench) {
	now := time.Now()
	at := func(ahead time.Duration) bool {
		t.Helper()
		due, err := b.Log.Due(t.Context(), "s", "", now.Add(-ahead))
		if err != nil {
			t.Fatal(err)
		}
		until := now.Add(-ahead).Add(outbox.MaxLease)
		got, err := b.Log.Claim(t.Context(), outbox.Claim{
			Subscriber: "s", Now: now.Add(-ahead), Until: until, Limit: 1,
		})
		if err != nil || len(got) == 1 != due {
			t.Fatalf("due %v, claimed %+v, %v", due, got, err)
		}
		for _, d := range got {
			r := outbox.Retry{At: now.Add(time.Minute), Attempts: d.Attempts, LastError: "no answer"}
			if held, err := b.Log.Release(t.Context(), d, r); !held || err != nil {
				t.Fatal(held, err)
			}
		}
		return due
	}
	b.append(t, "o1", "made", 1)
	_, err := b.Log.FanOut(t.Context(), outbox.FanOut{
		Subscribers: []outbox.Subscriber{{Name: "s"}}, Now: now, Limit: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	if at(time.Second) {
		t.Error("a new delivery is due a second early")
	}
	if !at(time.Hour) {
		t.Error("an hour back, a new delivery waits")
	}
	for _, ahead := range []time.Duration{0, time.Hour, outbox.MaxWait - time.Minute} {
		if at(ahead) {
			t.Errorf("%v back, a delivery that has failed does not wait", ahead)
		}
	}
	if !at(365 * 24 * time.Hour) {
		t.Error("a year back, a delivery that has failed waits")
	}
}

func panicAlone(t *testing.T, b Bench) {
	d := b.dispatcher(t, outbox.Config{
		Poll: 2 * time.Millisecond, MaxAttempts: 1, Retry: resilience.Backoff{Initial: time.Hour, Max: time.Hour},
	})
	var j journal
	b.subscribe(t, d, "s", func(ctx context.Context, e event.Event) error {
		if e.AggregateID == "o1" {
			panic("boom")
		}
		return j.record(ctx, e)
	})
	b.append(t, "o1", "made", 1)
	b.append(t, "o2", "made", 1)
	start(t, d)
	eventually(t, "the other event is delivered", func() bool { return slices.Equal(j.list(), []string{"o2:1"}) })
	eventually(t, "the panic is recorded", func() bool {
		stuck, err := d.Stuck(t.Context())
		return err == nil && len(stuck) == 1 && strings.HasPrefix(stuck[0].LastError, "panic: boom")
	})
}

func stopping(t *testing.T, b Bench) {
	s := &spy{Log: b.Log}
	d := newDispatcher(t, outbox.Config{Poll: 2 * time.Millisecond}, s)
	called := make(chan struct{})
	b.subscribe(t, d, "s", func(ctx context.Context, _ event.Event) error {
		close(called)
		<-ctx.Done()
		return ctx.Err()
	})
	b.append(t, "o1", "made", 1)
	stop := start(t, d)
	<-called
	stop()
	if n, r := s.released(); n != 1 || r.Attempts != 0 || r.LastError != "" {
		t.Errorf("released %d times, %+v; want once, without an attempt", n, r)
	}
	var j journal
	next := b.dispatcher(t, outbox.Config{})
	b.subscribe(t, next, "s", j.record)
	b.deliver(t, next, "o1")
	if len(j.list()) != 1 {
		t.Errorf("%d deliveries, want 1", len(j.list()))
	}
}
