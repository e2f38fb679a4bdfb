package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
)

// A shop books each refund that succeeds. The first call fails, so the refund
// is delivered again; the event that came after it waits. A subscriber that is
// added later replays what happened before.
func Example() {
	ctx := context.Background()
	log := outbox.NewMemory("refunds")
	d, err := outbox.New(outbox.Config{}, log)
	if err != nil {
		fmt.Println(err)
		return
	}
	down := true
	book := func(_ context.Context, e event.Event) error {
		if down {
			return errors.New("the ledger is down")
		}
		fmt.Println("booked", e.ID, e.Type)
		return nil
	}
	if err := d.Subscribe("refunds", "accounting", []string{"refund.succeeded", "refund.reversed"}, book); err != nil {
		fmt.Println(err)
		return
	}

	at := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	for i, typ := range []string{"refund.requested", "refund.succeeded", "refund.reversed"} {
		e, err := event.NewEvent("r1", i+1, typ, event.Stamp{At: at, By: event.System("example")}, nil)
		if err == nil {
			err = log.Append(e)
		}
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(d.DeliverSync(ctx, "refunds", "r1"))
	down = false
	fmt.Println(d.DeliverSync(ctx, "refunds", "r1"))

	// A release later, a second subscriber.
	next, err := outbox.New(outbox.Config{}, log)
	if err != nil {
		fmt.Println(err)
		return
	}
	replayed := make(chan string)
	mail := func(_ context.Context, e event.Event) error {
		replayed <- e.Type
		return nil
	}
	if err := next.Subscribe("refunds", "mail", nil, mail, outbox.Backfill(time.Time{})); err != nil {
		fmt.Println(err)
		return
	}
	run, stop := context.WithCancel(ctx)
	defer stop()
	go next.Run(run)
	for range 3 {
		fmt.Println("mailed", <-replayed)
	}
	// Output:
	// outbox: deliver refunds r1 to accounting: the ledger is down
	// booked r1:2 refund.succeeded
	// booked r1:3 refund.reversed
	// <nil>
	// mailed refund.requested
	// mailed refund.succeeded
	// mailed refund.reversed
}

// Webhooks of a payment provider, kept once by their id. The first call of the
// handler fails, which is no concern of the provider's: the message is kept, and
// handled when it comes again, or by Run.
func ExampleDispatcher_Receive() {
	ctx := context.Background()
	d, err := outbox.New(outbox.Config{}, outbox.NewMemoryInbox("webhooks"))
	if err != nil {
		fmt.Println(err)
		return
	}
	down := true
	err = d.Subscribe("webhooks", "refunds", []string{"refund.updated"}, func(_ context.Context, e event.Event) error {
		if down {
			return errors.New("the database is down")
		}
		fmt.Println("looked up after", e.AggregateID, string(e.Data))
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	m := outbox.Message{ID: "evt_1", Type: "refund.updated", Data: []byte(`{"refund":"re_1"}`)}
	fmt.Println(d.Receive(ctx, "webhooks", m))
	down = false
	fmt.Println(d.Receive(ctx, "webhooks", m))
	fmt.Println(d.Receive(ctx, "webhooks", m))
	// Output:
	// true <nil>
	// looked up after evt_1 {"refund":"re_1"}
	// false <nil>
	// false <nil>
}

// An export reads what is new, from the place where it stopped the last time.
func ExampleMemory_Read() {
	log := outbox.NewMemory("refunds")
	at := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	for i, typ := range []string{"refund.created", "refund.submitted", "refund.succeeded"} {
		e, err := event.NewEvent("r1", i+1, typ, event.Stamp{At: at.Add(time.Duration(i) * time.Minute)}, nil)
		if err == nil {
			err = log.Append(e)
		}
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	q := outbox.ReadQuery{Before: at.Add(time.Hour), Limit: 2}
	for {
		p, err := log.Read(context.Background(), q)
		if err != nil || len(p.Events) == 0 {
			fmt.Println("up to date", err)
			return
		}
		for _, e := range p.Events {
			fmt.Println(e.ID, e.Type)
		}
		q.After = p.Next // kept with what was exported
	}
	// Output:
	// r1:1 refund.created
	// r1:2 refund.submitted
	// r1:3 refund.succeeded
	// up to date <nil>
}
