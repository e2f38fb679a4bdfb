package outboxtest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/resilience"
)

// TestInbox runs the suite of an [outbox.Inbox]; open returns an empty one for each
// test in it. An inbox is a log as well: run TestLog too.
func TestInbox(t *testing.T, open func(t *testing.T) outbox.Inbox) {
	for _, tc := range []struct {
		name string
		test func(b inbox, t *testing.T)
	}{
		{"a message is kept once by its id", inbox.keepsOnce},
		{"messages that come at once are kept once", inbox.keepsOnceAtOnce},
		{"a message that fails is kept and handled later", inbox.handlesLater},
		{"a message that came before is handed to those alone who miss it", inbox.handsOnAgain},
		{"what can not be a message is refused", inbox.refuses},
		{"old messages that were handled are forgotten, and others stay", inbox.forgets},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.test(inbox{open(t)}, t) })
	}
}

type inbox struct{ log outbox.Inbox }

// message is one with texts that need quoting.
func message(id string) outbox.Message {
	return outbox.Message{
		ID: id, Type: "refund.updated", By: event.Actor{Kind: event.ActorProvider, Name: "webhook"},
		Data: json.RawMessage(`{"note": "\"quoted\" 'and' ? ☕"}`),
	}
}

func (b inbox) receive(t *testing.T, d *outbox.Dispatcher, m outbox.Message) (fresh bool) {
	t.Helper()
	fresh, err := d.Receive(t.Context(), b.log.Stream(), m)
	if err != nil {
		t.Fatal(err)
	}
	return fresh
}

func (b inbox) subscribe(t *testing.T, d *outbox.Dispatcher, name string, h outbox.Handler) {
	t.Helper()
	if err := d.Subscribe(b.log.Stream(), name, nil, h); err != nil {
		t.Fatal(err)
	}
}

func (b inbox) keepsOnce(t *testing.T) {
	d := newDispatcher(t, outbox.Config{}, b.log)
	var got []event.Event
	b.subscribe(t, d, "s", func(_ context.Context, e event.Event) error {
		got = append(got, e)
		return nil
	})
	other := message("m1")
	other.Type = "another"
	if !b.receive(t, d, message("m1")) || b.receive(t, d, other) {
		t.Error("a message was not new, or new twice")
	}
	if len(got) != 1 || got[0].AggregateID != "m1" || got[0].Type != "refund.updated" ||
		got[0].Actor != message("m1").By || !sameJSON(got[0].Data, message("m1").Data) {
		t.Errorf("the handler got %+v", got)
	}
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && x.(map[string]any)["note"] ==
		y.(map[string]any)["note"]
}

func (b inbox) keepsOnceAtOnce(t *testing.T) {
	d := newDispatcher(t, outbox.Config{}, b.log)
	var j journal
	b.subscribe(t, d, "s", j.record)
	var mu sync.Mutex
	var wg sync.WaitGroup
	news := 0
	for range 8 {
		wg.Go(func() {
			fresh, err := d.Receive(t.Context(), b.log.Stream(), message("m1"))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			} else if fresh {
				news++
			}
		})
	}
	wg.Wait()
	if got := j.list(); news != 1 || !slices.Equal(got, []string{"m1:1"}) {
		t.Errorf("new %d times, handled %v; want once each", news, got)
	}
}

func (b inbox) handlesLater(t *testing.T) {
	d := newDispatcher(
		t,
		outbox.Config{Poll: 5 * time.Millisecond, Retry: resilience.Backoff{Initial: time.Millisecond}},
		b.log,
	)
	var j journal
	fails := true
	b.subscribe(t, d, "s", func(_ context.Context, e event.Event) error {
		if fails {
			fails = false
			return errors.New("the database is down")
		}
		j.add(e.ID)
		return nil
	})
	if !b.receive(t, d, message("m1")) || len(j.list()) != 0 || pending(t, d) != 1 {
		t.Error("a message whose handler failed is not kept for later")
	}
	start(t, d)
	eventually(t, "the message is handled", func() bool { return len(j.list()) == 1 && pending(t, d) == 0 })
}

func (b inbox) handsOnAgain(t *testing.T) {
	d := newDispatcher(t, outbox.Config{}, b.log)
	var well, badly journal
	fails := true
	b.subscribe(t, d, "well", well.record)
	b.subscribe(t, d, "badly", func(_ context.Context, e event.Event) error {
		if fails {
			return errors.New("no")
		}
		badly.add(e.ID)
		return nil
	})
	b.receive(t, d, message("m1"))
	fails = false
	b.receive(t, d, message("m1"))
	b.receive(t, d, message("m1"))
	if len(well.list()) != 1 || len(badly.list()) != 1 {
		t.Errorf("handled %v and %v, want once each", well.list(), badly.list())
	}
}

func (b inbox) refuses(t *testing.T) {
	d := newDispatcher(t, outbox.Config{}, b.log)
	for name, change := range map[string]func(*outbox.Message){
		"no id":              func(m *outbox.Message) { m.ID = "" },
		"a long id":          func(m *outbox.Message) { m.ID = strings.Repeat("x", 256) },
		"an id that is none": func(m *outbox.Message) { m.ID = "a\x00b" },
		"no type":            func(m *outbox.Message) { m.Type = "" },
		"no JSON":            func(m *outbox.Message) { m.Data = json.RawMessage("id=tr_1") },
	} {
		m := message("m1")
		change(&m)
		if _, err := d.Receive(t.Context(), b.log.Stream(), m); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	long := message(strings.Repeat("é", 127))
	if !b.receive(t, d, long) {
		t.Error("a long id was not new")
	}
}

func (b inbox) forgets(t *testing.T) {
	c := &clock{now: day}
	d := newDispatcher(t, outbox.Config{Now: c.Now}, b.log)
	b.receive(t, d, message("unseen")) // by no subscriber yet
	b.subscribe(t, d, "s", func(_ context.Context, e event.Event) error {
		if e.AggregateID == "failing" {
			return errors.New("no")
		}
		return nil
	})
	b.receive(t, d, message("failing"))
	b.receive(t, d, message("old"))
	c.add(time.Hour)
	b.receive(t, d, message("young"))
	n, err := b.log.Forget(t.Context(), day.Add(time.Minute))
	if err != nil || n != 1 {
		t.Errorf("forgot %d, %v; want the old one that was handled", n, err)
	}
	for _, id := range []string{"unseen", "failing", "young"} {
		if b.receive(t, d, message(id)) {
			t.Errorf("%s was forgotten", id)
		}
	}
	if !b.receive(t, d, message("old")) {
		t.Error("the old one is still known")
	}
}
