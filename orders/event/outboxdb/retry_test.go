package outboxdb_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

func TestAFailingDeliveryIsTriedAtGrowingDistanceAndShown(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		c := &clock{now: day}
		var log logBuffer
		d := newDispatcher(t, db, outboxdb.Config{
			Now: c.Now, Poll: 2 * time.Millisecond, MaxAttempts: 3,
			MinRetry: time.Minute, MaxRetry: 4 * time.Minute, Log: log.logger(),
		})
		var calls atomic.Int64
		var broken atomic.Bool
		broken.Store(true)
		subscribe(t, d, "s", nil, func(_ context.Context, e event.Event) error {
			calls.Add(1)
			if broken.Load() {
				return errors.New("no answer\x00\xff from " + strings.Repeat("é", 1000))
			}
			return nil
		})
		appendEvents(t, db, newEvent(t, "o1", 1, "made"), newEvent(t, "o1", 2, "paid"))
		start(t, d)

		next := func() (attempts int, at time.Time) {
			var row struct {
				Attempts int        `bun:"attempts"`
				NextAt   sqldb.Time `bun:"next_at"`
				Lease    sqldb.Time `bun:"lease_until"`
			}
			err := db.Read().NewRaw("SELECT attempts, next_at, lease_until FROM ?(rk)orders_deliveries WHERE event_id = 'o1:1'").Scan(t.Context(), &row)
			if err != nil || !row.Lease.IsZero() {
				return 0, time.Time{}
			}
			return row.Attempts, row.NextAt.Time()
		}
		for i, distance := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 4 * time.Minute} {
			want := i + 1
			eventually(t, "the next attempt", func() bool { n, _ := next(); return n == want })
			if _, at := next(); !at.Equal(c.Now().Add(distance)) {
				t.Fatalf("after attempt %d the next is in %v, want %v", want, at.Sub(c.Now()), distance)
			}
			stuck, err := d.Stuck(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if want < 3 && len(stuck) != 0 || want >= 3 && len(stuck) != 1 {
				t.Fatalf("after attempt %d stuck are %+v", want, stuck)
			}
			if want < 4 {
				c.add(distance)
			}
		}
		stuck, err := d.Stuck(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f := stuck[0]
		if f.EventID != "o1:1" || f.Subscriber != "s" || f.Type != "made" || f.Attempts != 4 || !f.EventAt.Equal(day.Add(time.Second)) {
			t.Errorf("got %+v", f)
		}
		if !strings.HasPrefix(f.LastError, "no answer") || len([]rune(f.LastError)) > 503 {
			t.Errorf("the error is kept as %q", f.LastError)
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
		eventually(t, "both are delivered once it works", func() bool { return owes(t, d) == 0 })
		if got := calls.Load(); got != 6 {
			t.Errorf("%d calls, want 4 failed and 2 good ones", got)
		}
		if n, oldest, err := d.Pending(t.Context()); n != 0 || !oldest.IsZero() || err != nil {
			t.Errorf("pending afterwards: %d, %v, %v", n, oldest, err)
		}
	})
}

func TestAPanicIsAFailureOfItsEventAlone(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		d := newDispatcher(t, db, outboxdb.Config{Poll: 2 * time.Millisecond, MaxAttempts: 1, MinRetry: time.Hour, MaxRetry: time.Hour})
		var j journal
		subscribe(t, d, "s", nil, func(ctx context.Context, e event.Event) error {
			if e.AggregateID == "o1" {
				panic("boom")
			}
			return j.record(ctx, e)
		})
		appendEvents(t, db, newEvent(t, "o1", 1, "made"), newEvent(t, "o2", 1, "made"))
		start(t, d)
		eventually(t, "the other event is delivered", func() bool { return slices.Equal(j.list(), []string{"o2:1"}) })
		eventually(t, "the panic is recorded", func() bool {
			stuck, err := d.Stuck(t.Context())
			return err == nil && len(stuck) == 1 && strings.HasPrefix(stuck[0].LastError, "panic: boom")
		})
	})
}

func TestStoppingGivesTheRowBackWithoutCountingAnAttempt(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		d := newDispatcher(t, db, outboxdb.Config{Poll: 2 * time.Millisecond})
		called := make(chan struct{})
		subscribe(t, d, "s", nil, func(ctx context.Context, e event.Event) error {
			close(called)
			<-ctx.Done()
			return ctx.Err()
		})
		appendEvents(t, db, newEvent(t, "o1", 1, "made"))
		stop := start(t, d)
		<-called
		stop()

		var j journal
		next := newDispatcher(t, db, outboxdb.Config{})
		subscribe(t, next, "s", nil, j.record)
		if err := next.DeliverSync(t.Context(), prefix, "o1"); err != nil {
			t.Fatal(err)
		}
		var attempts int
		if err := db.Read().NewRaw("SELECT attempts FROM ?(rk)orders_deliveries").Scan(t.Context(), &attempts); err != nil {
			t.Fatal(err)
		}
		if attempts != 1 || len(j.list()) != 1 {
			t.Errorf("%d attempts are counted and %d deliveries made, want 1 and 1", attempts, len(j.list()))
		}
	})
}

func TestASubscriberGetsWhatWasPublishedWhileItWasDown(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		appendEvents(t, db, newEvent(t, "o1", 1, "made"), newEvent(t, "o1", 2, "paid"))
		d := newDispatcher(t, db, outboxdb.Config{Poll: 2 * time.Millisecond})
		var j journal
		subscribe(t, d, "s", nil, j.record)
		start(t, d)
		eventually(t, "both events", func() bool { return slices.Equal(j.list(), []string{"o1:1", "o1:2"}) })
	})
}

func TestBackfillMakesUpForFanOutWithoutTheSubscriber(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		old := newDispatcher(t, db, outboxdb.Config{})
		subscribe(t, old, "old", nil, new(journal).record)
		for seq := 1; seq <= 5; seq++ {
			appendEvents(t, db, newEvent(t, "o1", seq, "changed"))
		}
		if err := old.DeliverSync(t.Context(), prefix, "o1"); err != nil {
			t.Fatal(err)
		}

		d := newDispatcher(t, db, outboxdb.Config{Poll: 2 * time.Millisecond, Batch: 2})
		var none, some, all journal
		subscribe(t, d, "none", nil, none.record)
		subscribe(t, d, "some", nil, some.record, outboxdb.Backfill(day.Add(4*time.Second)))
		subscribe(t, d, "all", nil, all.record, outboxdb.Backfill(time.Time{}))
		stop := start(t, d)
		eventually(t, "all of history", func() bool {
			return slices.Equal(all.list(), []string{"o1:1", "o1:2", "o1:3", "o1:4", "o1:5"})
		})
		eventually(t, "what was asked for", func() bool { return slices.Equal(some.list(), []string{"o1:4", "o1:5"}) })
		stop()
		// A second start finds nothing to make up for.
		start(t, d)
		appendEvents(t, db, newEvent(t, "o1", 6, "changed"))
		eventually(t, "the next event", func() bool { return owes(t, d) == 0 && len(none.list()) == 1 })
		if len(all.list()) != 6 || len(some.list()) != 3 {
			t.Errorf("after a second start: all %v, some %v", all.list(), some.list())
		}
	})
}

func TestConfigurationThatCanNotWorkIsRefused(t *testing.T) {
	for name, c := range map[string]outboxdb.Config{
		"a lease over ten seconds":  {Lease: 11 * time.Second},
		"a negative lease":          {Lease: -time.Second},
		"no workers":                {Workers: -1},
		"MaxRetry below MinRetry":   {MinRetry: time.Hour, MaxRetry: time.Minute},
		"a negative poll":           {Poll: -1},
		"a negative handler limit":  {HandlerTimeout: -1},
		"a batch of less than none": {Batch: -1},
	} {
		if _, err := outboxdb.New(&sqlstore.DB{}, c); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	d := newDispatcher(t, &sqlstore.DB{}, outboxdb.Config{})
	ok := func(context.Context, event.Event) error { return nil }
	subscribe(t, d, "s", nil, ok)
	for name, err := range map[string]error{
		"a name twice":   d.Subscribe(prefix, "s", nil, ok),
		"no name":        d.Subscribe(prefix, "", nil, ok),
		"no handler":     d.Subscribe(prefix, "t", nil, nil),
		"a quoted table": d.Subscribe(`"x"`, "t", nil, ok),
	} {
		if err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
