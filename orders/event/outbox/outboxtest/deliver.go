package outboxtest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
)

func eventsComeBack(t *testing.T, b Bench) {
	want := []event.Event{NewEvent(t, "o1", 1, "made"), NewEvent(t, "o1", 2, "paid")}
	if err := b.Append(t.Context(), want[0], NewEvent(t, "o2", 1, "made"), want[1]); err != nil {
		t.Fatal(err)
	}
	got, err := b.Log.Events(t.Context(), "o1")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	none, err := b.Log.Events(t.Context(), "o3")
	if err != nil || len(none) != 0 {
		t.Errorf("events of an unknown aggregate: %v, %v; want none", none, err)
	}
}

func appendRefuses(t *testing.T, b Bench) {
	for name, spoil := range map[string]func(*event.Event){
		"it has no aggregate id":          func(e *event.Event) { e.AggregateID = "" },
		"seq is 0 and must be at least 1": func(e *event.Event) { e.Seq = 0 },
		"its id must be aggregate:seq":    func(e *event.Event) { e.ID = "o1:2" },
		"it has no type":                  func(e *event.Event) { e.Type = "" },
		"it has no time":                  func(e *event.Event) { e.At = time.Time{} },
		"its data is not JSON":            func(e *event.Event) { e.Data = []byte("{") },
	} {
		t.Run(name, func(t *testing.T) {
			e := NewEvent(t, "o1", 1, "made")
			spoil(&e)
			err := b.Append(t.Context(), NewEvent(t, "o9", 1, "made"), e)
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v, want an error saying %q", err, name)
			}
		})
	}
	if got, err := b.Log.Events(t.Context(), "o9"); err != nil || len(got) != 0 {
		t.Errorf("an event was appended beside a refused one: %v, %v", got, err)
	}
}

func numberUsedOnce(t *testing.T, b Bench) {
	b.append(t, "o1", "made", 1)
	if err := b.Append(t.Context(), NewEvent(t, "o1", 2, "paid"), NewEvent(t, "o1", 1, "again")); err == nil {
		t.Error("a number was used twice")
	}
	if err := b.Append(t.Context(), NewEvent(t, "o1", 2, "paid"), NewEvent(t, "o1", 2, "again")); err == nil {
		t.Error("a number was used twice in one call")
	}
	if got, err := b.Log.Events(t.Context(), "o1"); err != nil || len(got) != 1 || got[0].Type != "made" {
		t.Errorf("afterwards: %v, %v", got, err)
	}
}

func typesOnce(t *testing.T, b Bench) {
	d := b.dispatcher(t, outbox.Config{Poll: 5 * time.Millisecond, Batch: 3})
	var every, paid journal
	b.subscribe(t, d, "every", every.record)
	if err := d.Subscribe(b.Log.Stream(), "paid", []string{"paid", "refunded"}, paid.record); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 5 {
		id := fmt.Sprintf("o%d", i)
		b.append(t, id, "made", 1)
		b.append(t, id, "paid", 2)
		want = append(want, id+":1", id+":2")
	}
	start(t, d)
	eventually(t, "everything is delivered", func() bool { return pending(t, d) == 0 })
	got := every.list()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the subscriber of all got %v, want %v", got, want)
	}
	other := func(id string) bool { return !strings.HasSuffix(id, ":2") }
	if got := paid.list(); len(got) != 5 || slices.ContainsFunc(got, other) {
		t.Errorf("the subscriber of paid got %v", got)
	}
}

func handlerGetsEvent(t *testing.T, b Bench) {
	d := b.dispatcher(t, outbox.Config{})
	var got event.Event
	b.subscribe(t, d, "s", func(_ context.Context, e event.Event) error { got = e; return nil })
	b.append(t, "o1", "made", 1)
	b.deliver(t, d, "o1")
	if want := NewEvent(t, "o1", 1, "made"); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func oneAggregate(t *testing.T, b Bench) {
	d := b.dispatcher(t, outbox.Config{Batch: 4})
	var j journal
	b.subscribe(t, d, "s", j.record)
	var want []string
	for seq := 1; seq <= 12; seq++ { // ten or more shows that order is by number
		b.append(t, "o1", "changed", seq)
		b.append(t, "o2", "changed", seq)
		want = append(want, fmt.Sprintf("o1:%d", seq))
	}
	for range 2 { // the second time nothing is pending
		b.deliver(t, d, "o1")
	}
	if got := j.list(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if n := pending(t, d); n != 12 {
		t.Errorf("%d deliveries are pending, want the 12 of the other aggregate", n)
	}
}

func reportsFailure(t *testing.T, b Bench) {
	d := b.dispatcher(t, outbox.Config{})
	broken := errors.New("out of order")
	fails := true
	var bad, good journal
	b.subscribe(t, d, "bad", func(_ context.Context, e event.Event) error {
		bad.add(e.ID)
		if fails {
			return broken
		}
		return nil
	})
	b.subscribe(t, d, "good", good.record)
	b.append(t, "o1", "made", 1, 2)
	if err := d.DeliverSync(t.Context(), b.Log.Stream(), "o1"); !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of the handler", err)
	}
	if got := bad.list(); !slices.Equal(got, []string{"o1:1"}) {
		t.Errorf("the broken one was called with %v; the second event must wait for the first", got)
	}
	if got := good.list(); !slices.Equal(got, []string{"o1:1", "o1:2"}) {
		t.Errorf("the other one was called with %v", got)
	}
	// The next attempt would be a second away; a request does not wait for it.
	fails = false
	b.deliver(t, d, "o1")
	if got := bad.list(); !slices.Equal(got, []string{"o1:1", "o1:1", "o1:2"}) {
		t.Errorf("after it works again: %v", got)
	}
}

func ownAggregate(t *testing.T, b Bench) {
	d := b.dispatcher(t, outbox.Config{})
	var j journal
	b.subscribe(t, d, "s", func(ctx context.Context, e event.Event) error {
		j.add(e.ID)
		if e.Seq == 1 {
			b.append(t, "o1", "followed", 2)
			return d.DeliverSync(ctx, b.Log.Stream(), "o1")
		}
		return nil
	})
	b.append(t, "o1", "made", 1)
	b.deliver(t, d, "o1")
	if got := j.list(); !slices.Equal(got, []string{"o1:1", "o1:2"}) {
		t.Errorf("got %v", got)
	}
}

func twoDispatchers(t *testing.T, b Bench) {
	const aggregates, length = 6, 10
	var mu sync.Mutex
	last := map[string]int{}
	total := 0
	handler := func(_ context.Context, e event.Event) error {
		mu.Lock()
		defer mu.Unlock()
		total++
		if e.Seq != last[e.AggregateID]+1 {
			t.Errorf("%s came after number %d", e.ID, last[e.AggregateID])
		}
		last[e.AggregateID] = e.Seq
		return nil
	}
	var ds []*outbox.Dispatcher
	for range 2 {
		d := b.dispatcher(t, outbox.Config{Poll: 2 * time.Millisecond, Batch: 3})
		b.subscribe(t, d, "s", handler)
		start(t, d)
		ds = append(ds, d)
	}
	// Events are written while the dispatchers run, in other transactions.
	var writers sync.WaitGroup
	for a := range aggregates {
		writers.Go(func() {
			id := fmt.Sprintf("o%d", a)
			for seq := 1; seq <= length; seq++ {
				if err := b.Append(t.Context(), NewEvent(t, id, seq, "changed")); err != nil {
					t.Error(err)
				}
				if seq%4 == 0 {
					if err := ds[seq/4%2].DeliverSync(t.Context(), b.Log.Stream(), id); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	writers.Wait()
	eventually(t, "everything is delivered", func() bool { return pending(t, ds[0]) == 0 })
	mu.Lock()
	defer mu.Unlock()
	if total != aggregates*length || len(last) != aggregates {
		t.Errorf("%d deliveries to %d aggregates, want %d to %d", total, len(last), aggregates*length, aggregates)
	}
}

func whileDown(t *testing.T, b Bench) {
	b.append(t, "o1", "made", 1, 2)
	d := b.dispatcher(t, outbox.Config{Poll: 2 * time.Millisecond})
	var j journal
	b.subscribe(t, d, "s", j.record)
	start(t, d)
	eventually(t, "both events", func() bool { return slices.Equal(j.list(), []string{"o1:1", "o1:2"}) })
}

// waitsForFanOut: a store may commit an earlier event after a later one.
func waitsForFanOut(t *testing.T, b Bench) {
	d := b.dispatcher(t, outbox.Config{Poll: 2 * time.Millisecond})
	var j journal
	b.subscribe(t, d, "s", j.record)
	now := time.Now()
	b.append(t, "o1", "paid", 2)
	n, err := b.Log.FanOut(t.Context(), outbox.FanOut{
		Subscribers: []outbox.Subscriber{{Name: "s"}}, Now: now, Limit: 10,
	})
	if err != nil || n != 1 {
		t.Fatalf("fanned out %d, %v", n, err)
	}
	b.append(t, "o1", "made", 1)
	claim := outbox.Claim{Subscriber: "s", Now: now, Until: now.Add(time.Minute), Limit: 10}
	for _, aggregate := range []string{"", "o1"} {
		claim.AggregateID = aggregate
		if got, err := b.Log.Claim(t.Context(), claim); err != nil || len(got) != 0 {
			t.Fatalf("claimed %+v, %v; the earlier event is not fanned out", got, err)
		}
	}
	b.deliver(t, d, "o1")
	if got := j.list(); !slices.Equal(got, []string{"o1:1", "o1:2"}) {
		t.Errorf("got %v, want them in order", got)
	}
}

func backfilled(t *testing.T, b Bench) {
	old := b.dispatcher(t, outbox.Config{})
	b.subscribe(t, old, "old", new(journal).record)
	b.append(t, "o1", "changed", 1, 2, 3, 4, 5)
	b.deliver(t, old, "o1")

	d := b.dispatcher(t, outbox.Config{Poll: 2 * time.Millisecond, Batch: 2})
	var none, some, all journal
	b.subscribe(t, d, "none", none.record)
	b.subscribe(t, d, "some", some.record, outbox.Backfill(day.Add(4*time.Second)))
	b.subscribe(t, d, "all", all.record, outbox.Backfill(time.Time{}))
	stop := start(t, d)
	eventually(t, "all of history", func() bool {
		return slices.Equal(all.list(), []string{"o1:1", "o1:2", "o1:3", "o1:4", "o1:5"})
	})
	eventually(t, "the delivery of its types", func() bool {
		return slices.Equal(some.list(), []string{"o1:4",
			"o1:5"})
	})
	stop()
	// A second start finds nothing to make up for.
	start(t, d)
	b.append(t, "o1", "changed", 6)
	eventually(t, "the next event", func() bool { return pending(t, d) == 0 && len(none.list()) == 1 })
	if len(all.list()) != 6 || len(some.list()) != 3 {
		t.Errorf("after a second start: all %v, some %v", all.list(), some.list())
	}
}

// unsubscribed: nothing is fanned out to nobody.
func unsubscribed(t *testing.T, b Bench) {
	b.append(t, "o1", "made", 1)
	idle := b.dispatcher(t, outbox.Config{Poll: 2 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	idle.Run(ctx) // one round
	b.deliver(t, idle, "o1")
	d := b.dispatcher(t, outbox.Config{})
	var j journal
	b.subscribe(t, d, "s", j.record)
	b.deliver(t, d, "o1")
	if got := j.list(); !slices.Equal(got, []string{"o1:1"}) {
		t.Errorf("got %v", got)
	}
}

func watcherOnce(t *testing.T, b Bench) {
	d := b.dispatcher(t, outbox.Config{Batch: 2})
	var fails error
	var noted journal
	note := func(_ context.Context, _ any, events []event.Event) error {
		if fails != nil {
			return fails
		}
		for _, e := range events {
			noted.add(e.ID)
		}
		return nil
	}
	if err := d.Watch(b.Log.Stream(), []string{"a", "b"}, note); err != nil {
		t.Fatal(err)
	}
	if err := d.Watch(b.Log.Stream(), nil, nil); err == nil {
		t.Error("a watcher of nothing was taken")
	}
	if err := d.Watch("nowhere", nil, note); err == nil {
		t.Error("a watcher of an unknown stream was taken")
	}
	var delivered journal
	b.subscribe(t, d, "s", delivered.record)
	b.append(t, "one", "a", 1)
	b.append(t, "one", "c", 2)
	b.append(t, "one", "b", 3)

	fails = errors.New("not now")
	if err := d.DeliverSync(t.Context(), b.Log.Stream(), "one"); !errors.Is(err, fails) {
		t.Errorf("it failed with %v", err)
	}
	if len(delivered.list()) != 0 {
		t.Errorf("%v delivered, and the watcher failed", delivered.list())
	}
	fails = nil
	for range 2 {
		b.deliver(t, d, "one")
	}
	if !slices.Equal(noted.list(), []string{"one:1", "one:3"}) || len(delivered.list()) != 3 {
		t.Errorf("noted %v, delivered %v", noted.list(), delivered.list())
	}
	if n := pending(t, d); n != 0 {
		t.Errorf("%d pending", n)
	}
}

func watcherAlone(t *testing.T, b Bench) {
	d := b.dispatcher(t, outbox.Config{})
	var seen journal
	err := d.Watch(b.Log.Stream(), nil, func(_ context.Context, _ any, events []event.Event) error {
		for _, e := range events {
			seen.add(e.ID)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.append(t, "one", "a", 1, 2)
	defer start(t, d)()
	eventually(t, "both events are seen", func() bool { return len(seen.list()) == 2 })
	eventually(t, "nothing is pending", func() bool { return pending(t, d) == 0 })
}
