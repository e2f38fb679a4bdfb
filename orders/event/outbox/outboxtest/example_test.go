package outboxtest_test

import (
	"context"
	"testing"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/orders/event/outbox/outboxtest"
)

func ExampleTestLog() {
	// In a test of your log; this one is of the log in memory:
	_ = func(t *testing.T) {
		outboxtest.TestLog(t, func(*testing.T) outboxtest.Bench {
			m := outbox.NewMemory("shop")
			return outboxtest.Bench{Log: m, Append: func(_ context.Context, events ...event.Event) error {
				return m.Append(events...)
			}}
		})
	}
}

func ExampleTestInbox() {
	_ = func(t *testing.T) {
		outboxtest.TestInbox(t, func(*testing.T) outbox.Inbox { return outbox.NewMemoryInbox("webhooks") })
	}
}
