// Package outboxtest is the suite that every [outbox.Log] passes.
//
// [TestLog] is for a log, [TestInbox] for one that keeps the messages of others.
package outboxtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
)

// Bench is an empty log under test.
type Bench struct {
	Log outbox.Log
	// Append writes events, all or none, as the store of the log would.
	Append func(ctx context.Context, events ...event.Event) error
}

// TestLog runs the suite; open returns an empty log for each test in it. The
// tests call methods of the log from many goroutines, so run them with -race.
func TestLog(t *testing.T, open func(t *testing.T) Bench) {
	for _, tc := range []struct {
		name string
		test func(t *testing.T, b Bench)
	}{
		{"events come back as they were appended", eventsComeBack},
		{"append refuses what does not hold together", appendRefuses},
		{"a sequence number is used once", numberUsedOnce},
		{"each subscriber gets its types once", typesOnce},
		{"the handler gets the event that was appended", handlerGetsEvent},
		{"DeliverSync finishes one aggregate in order and no other", oneAggregate},
		{"DeliverSync reports a failure and continues with others", reportsFailure},
		{"a handler may deliver its own aggregate", ownAggregate},
		{"a worker that dies is replaced", deadWorker},
		{"a lost lease cancels the handler and keeps the row", lostLease},
		{"a lease is renewed while the handler runs", renewedLease},
		{"a stale lease changes nothing", staleLease},
		{"two dispatchers deliver each event once and in order", twoDispatchers},
		{"an event waits for an earlier one that is not fanned out", waitsForFanOut},
		{"a failing delivery is retried at growing intervals and shown", retried},
		{"what a clock that was set back has left due is due", clockSetBack},
		{"a panic is a failure of its event alone", panicAlone},
		{"stopping gives the delivery back without counting an attempt", stopping},
		{"a subscriber gets what was appended while it was down", whileDown},
		{"backfill makes up for fan-out without the subscriber", backfilled},
		{"a watcher sees each event once", watcherOnce},
		{"a watcher needs no subscriber", watcherAlone},
		{"a log without subscribers keeps its events for the first", unsubscribed},
		{"a reader gets the events in order and from its place on", readInOrder},
		{"a reader refuses what is no place", readRefuses},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.test(t, open(t)) })
	}
}

var day = time.Date(2026, 11, 24, 9, 30, 0, 123456000, time.UTC)

// NewEvent returns the event number seq of an aggregate, seq seconds after half
// past nine on 24 November 2026, with texts that need quoting.
func NewEvent(t testing.TB, aggregate string, seq int, typ string) event.Event {
	t.Helper()
	e, err := event.NewEvent(aggregate, seq, typ, event.Stamp{
		At:     day.Add(time.Duration(seq) * time.Second),
		By:     event.Actor{Kind: event.ActorStaff, ID: "u-" + aggregate, Name: "O'Neill ?"},
		Source: event.Source{Address: "2001:db8::" + aggregate, Request: fmt.Sprintf("r-%s-%d", aggregate, seq)},
	}, map[string]any{"seq": seq, "note": `"quoted" 'and' \ ? ☕`})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// append adds an event of each number, all of one type.
func (b Bench) append(t testing.TB, aggregate, typ string, seqs ...int) {
	t.Helper()
	var events []event.Event
	for _, seq := range seqs {
		events = append(events, NewEvent(t, aggregate, seq, typ))
	}
	if err := b.Append(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
}

func (b Bench) dispatcher(t testing.TB, c outbox.Config) *outbox.Dispatcher {
	t.Helper()
	return newDispatcher(t, c, b.Log)
}

func newDispatcher(t testing.TB, c outbox.Config, l outbox.Log) *outbox.Dispatcher {
	t.Helper()
	d, err := outbox.New(c, l)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (b Bench) subscribe(t testing.TB, d *outbox.Dispatcher, name string, h outbox.Handler, opts ...outbox.Option) {
	t.Helper()
	if err := d.Subscribe(b.Log.Stream(), name, nil, h, opts...); err != nil {
		t.Fatal(err)
	}
}

func (b Bench) deliver(t testing.TB, d *outbox.Dispatcher, aggregate string) {
	t.Helper()
	if err := d.DeliverSync(t.Context(), b.Log.Stream(), aggregate); err != nil {
		t.Fatal(err)
	}
}

// start runs d until the returned stop is called, at the latest at the end of
// the test.
func start(t *testing.T, d *outbox.Dispatcher) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { d.Run(ctx) })
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}

// eventually polls until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never happened: %s", what)
		}
	}
}

// pending returns the number of pending deliveries.
func pending(t testing.TB, d *outbox.Dispatcher) int {
	t.Helper()
	n, _, err := d.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// journal records what a handler was called with.
type journal struct {
	mu  sync.Mutex
	ids []string
}

func (j *journal) add(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ids = append(j.ids, id)
}

func (j *journal) list() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.ids...)
}

func (j *journal) record(_ context.Context, e event.Event) error {
	j.add(e.ID)
	return nil
}

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// logBuffer is a log that tests read.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(b, nil)) }

// spy is a log that records leases and outcomes. If dead is set, its process ends
// before it can write an outcome.
type spy struct {
	outbox.Log
	dead bool

	mu      sync.Mutex
	renewed time.Time
	retries []outbox.Retry
}

func (s *spy) Renew(ctx context.Context, d outbox.Delivery, until time.Time) (bool, error) {
	held, err := s.Log.Renew(ctx, d, until)
	s.mu.Lock()
	defer s.mu.Unlock()
	if held && err == nil {
		s.renewed = until
	}
	return held, err
}

func (s *spy) Complete(ctx context.Context, d outbox.Delivery, now time.Time) (bool, error) {
	if s.dead {
		return false, errors.New("the process ended")
	}
	return s.Log.Complete(ctx, d, now)
}

func (s *spy) Release(ctx context.Context, d outbox.Delivery, r outbox.Retry) (bool, error) {
	held, err := s.Log.Release(ctx, d, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if held && err == nil {
		s.retries = append(s.retries, r)
	}
	return held, err
}

// until returns the end of the lease that was renewed last.
func (s *spy) until() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.renewed
}

// released returns how often a delivery was given back, and the last time.
func (s *spy) released() (int, outbox.Retry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.retries) == 0 {
		return 0, outbox.Retry{}
	}
	return len(s.retries), s.retries[len(s.retries)-1]
}
