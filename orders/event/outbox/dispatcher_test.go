package outbox_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/orders/event/outbox/outboxtest"
	"github.com/returnkit/returnkit/resilience"
)

func TestMemory(t *testing.T) {
	outboxtest.TestLog(t, func(*testing.T) outboxtest.Bench {
		m := outbox.NewMemory("orders")
		return outboxtest.Bench{Log: m, Append: func(_ context.Context, events ...event.Event) error {
			return m.Append(events...)
		}}
	})
}

func TestMemoryInbox(t *testing.T) {
	outboxtest.TestInbox(t, func(*testing.T) outbox.Inbox { return outbox.NewMemoryInbox("webhooks") })
}

// TestMemorySharesNoData: a handler that changes the event it got changes
// neither the log nor what another subscriber gets.
func TestMemorySharesNoData(t *testing.T) {
	m := outbox.NewMemory("orders")
	e := outboxtest.NewEvent(t, "o1", 1, "made")
	want := string(e.Data)
	if err := m.Append(e); err != nil {
		t.Fatal(err)
	}
	e.Data[0] = '!'
	d, err := outbox.New(outbox.Config{}, m)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		err := d.Subscribe("orders", name, nil, func(_ context.Context, e event.Event) error {
			if string(e.Data) != want {
				t.Errorf("%s got %s", name, e.Data)
			}
			e.Data[0] = '!'
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := d.DeliverSync(t.Context(), "orders", "o1"); err != nil {
		t.Fatal(err)
	}
	events, err := m.Events(t.Context(), "o1")
	if err != nil || string(events[0].Data) != want {
		t.Errorf("the log has %v, %v", events, err)
	}
}

func TestConfigurationThatCanNotWorkIsRefused(t *testing.T) {
	m := outbox.NewMemory("orders")
	for name, c := range map[string]outbox.Config{
		"Config.Lease is 11s":          {Lease: 11 * time.Second},
		"Config.Lease is -1s":          {Lease: -time.Second},
		"Config.Workers is -1":         {Workers: -1},
		"Config.Batch is -1":           {Batch: -1},
		"Config.MaxAttempts is -1":     {MaxAttempts: -1},
		"Config.Retry":                 {Retry: resilience.Backoff{Initial: time.Hour, Max: time.Minute}},
		"Config.Poll is -1ns":          {Poll: -1},
		"Config.HandlerTimeout is -1s": {HandlerTimeout: -time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := outbox.New(c, m); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := outbox.New(outbox.Config{}); err == nil {
		t.Error("a dispatcher of no log was made")
	}
	if _, err := outbox.New(outbox.Config{}, m, outbox.NewMemory("orders")); err == nil {
		t.Error("two logs of one stream were taken")
	}
}

func TestSubscriptionsThatCanNotWorkAreRefused(t *testing.T) {
	d, err := outbox.New(outbox.Config{}, outbox.NewMemory("orders"), outbox.NewMemory("refunds"))
	if err != nil {
		t.Fatal(err)
	}
	ok := func(context.Context, event.Event) error { return nil }
	if err := d.Subscribe("orders", "s", nil, ok); err != nil {
		t.Fatal(err)
	}
	if err := d.Subscribe("refunds", "s", nil, ok); err != nil {
		t.Errorf("one name for two streams: %v", err)
	}
	for name, err := range map[string]error{
		"a name twice":       d.Subscribe("orders", "s", nil, ok),
		"no name":            d.Subscribe("orders", "", nil, ok),
		"no handler":         d.Subscribe("orders", "t", nil, nil),
		"an unknown stream":  d.Subscribe("returns", "t", nil, ok),
		"no aggregate":       d.DeliverSync(t.Context(), "orders", ""),
		"deliver an unknown": d.DeliverSync(t.Context(), "returns", "o1"),
	} {
		if err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if err := d.Subscribe("returns", "t", nil, ok); !strings.Contains(err.Error(), "orders, refunds") {
		t.Errorf("the error does not name the streams: %v", err)
	}
}
