package outboxdb_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/testreq"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outbox"
	"github.com/returnkit/returnkit/orders/event/outbox/outboxtest"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

func TestLog(t *testing.T) {
	for name, open := range map[string]func(testing.TB, ...sqlstore.Migrations) *sqlstore.DB{
		"sqlite": sqlstoretest.SQLite, "postgres": sqlstoretest.Postgres,
	} {
		t.Run(name, func(t *testing.T) {
			outboxtest.TestLog(t, func(t *testing.T) outboxtest.Bench {
				db := open(t)
				migrate(t, db)
				l := newLog(t, db)
				return outboxtest.Bench{Log: l, Append: func(ctx context.Context, events ...event.Event) error {
					return db.Tx(ctx, "append", func(ctx context.Context, tx bun.IDB) error {
						return l.Append(ctx, tx, events)
					})
				}}
			})
		})
	}
}

func TestInbox(t *testing.T) {
	for name, open := range map[string]func(testing.TB, ...sqlstore.Migrations) *sqlstore.DB{
		"sqlite": sqlstoretest.SQLite, "postgres": sqlstoretest.Postgres,
	} {
		t.Run(name, func(t *testing.T) {
			outboxtest.TestInbox(t, func(t *testing.T) outbox.Inbox {
				db := open(t)
				if err := sqlstore.Migrate(t.Context(), db, outboxdb.Migrations("webhooks")); err != nil {
					t.Fatal(err)
				}
				b, err := outboxdb.NewInbox(db, "webhooks")
				if err != nil {
					t.Fatal(err)
				}
				return b
			})
		})
	}
}

// TestAWatcherWritesInTheTransactionOfTheFanOut: what it wrote before it failed
// is undone.
func TestAWatcherWritesInTheTransactionOfTheFanOut(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		if _, err := db.Writer().ExecContext(t.Context(), "CREATE TABLE notes (id TEXT)"); err != nil {
			t.Fatal(err)
		}
		d := newDispatcher(t, newLog(t, db), outbox.Config{Batch: 2})
		fails := errors.New("not now")
		note := func(ctx context.Context, tx bun.IDB, events []event.Event) error {
			for _, e := range events {
				if _, err := tx.NewRaw("INSERT INTO notes (id) VALUES (?)", e.ID).Exec(ctx); err != nil {
					return err
				}
			}
			return fails
		}
		if err := d.Watch(stream, nil, outboxdb.Watcher(nil)); err == nil {
			t.Error("a watcher of nothing was taken")
		}
		if err := d.Watch(stream, nil, outboxdb.Watcher(note)); err != nil {
			t.Fatal(err)
		}
		if err := d.Subscribe(stream, "s", nil, func(context.Context, event.Event) error { return nil }); err != nil {
			t.Fatal(err)
		}
		appendEvents(t, db, outboxtest.NewEvent(t, "one", 1, "a"), outboxtest.NewEvent(t, "one", 2, "b"))
		notes := func() string {
			t.Helper()
			var ids []string
			if err := db.Read().NewRaw("SELECT id FROM notes ORDER BY id").Scan(t.Context(), &ids); err != nil {
				t.Fatal(err)
			}
			return strings.Join(ids, " ")
		}
		if err := d.DeliverSync(t.Context(), stream, "one"); !errors.Is(err, fails) || notes() != "" {
			t.Errorf("it failed with %v and left %q", err, notes())
		}
		fails = nil
		for range 2 {
			if err := d.DeliverSync(t.Context(), stream, "one"); err != nil || notes() != "one:1 one:2" {
				t.Errorf("%v; noted %q", err, notes())
			}
		}
	})
}

func TestAWatcherOfADatabaseRefusesAnotherLog(t *testing.T) {
	m := outbox.NewMemory(stream)
	d := newDispatcher(t, m, outbox.Config{})
	err := d.Watch(stream, nil, outboxdb.Watcher(func(context.Context, bun.IDB, []event.Event) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Subscribe(stream, "s", nil, func(context.Context, event.Event) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := m.Append(outboxtest.NewEvent(t, "one", 1, "a")); err != nil {
		t.Fatal(err)
	}
	if err := d.DeliverSync(t.Context(), stream, "one"); err == nil || !strings.Contains(err.Error(), "bun.IDB") {
		t.Errorf("got %v", err)
	}
}

func TestAnEventWaitsForAnEarlierOneThatAnotherFansOut(t *testing.T) {
	db := sqlstoretest.Postgres(t)
	migrate(t, db)
	d := newDispatcher(t, newLog(t, db), outbox.Config{Poll: 2 * time.Millisecond})
	var mu sync.Mutex
	var ids []string
	list := func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(ids)
	}
	err := d.Subscribe(stream, "s", nil, func(_ context.Context, e event.Event) error {
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, e.ID)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	appendEvents(t, db, outboxtest.NewEvent(t, "o1", 1, "made"), outboxtest.NewEvent(t, "o1", 2, "paid"))
	// Another dispatcher is about to fan out the first event.
	err = db.Tx(t.Context(), "fan out", func(ctx context.Context, tx bun.IDB) error {
		if _, err := tx.ExecContext(ctx, "SELECT 1 FROM ?(rk)orders_events WHERE id = 'o1:1' FOR UPDATE"); err != nil {
			return err
		}
		run, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { d.Run(run); close(done) }()
		t.Cleanup(func() { cancel(); <-done })
		testreq.Until(t, "the second is fanned out", func() bool {
			var n int
			err := db.Read().NewRaw("SELECT count(*) FROM ?(rk)orders_deliveries WHERE event_id = 'o1:2'").
				Scan(t.Context(), &n)
			return err == nil && n == 1
		})
		appendEvents(t, db, outboxtest.NewEvent(t, "o2", 1, "made"))
		testreq.Until(t, "one that came later is delivered", func() bool { return len(list()) > 0 })
		if got := list(); !slices.Equal(got, []string{"o2:1"}) {
			t.Errorf("got %v, want only the other aggregate", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	testreq.Until(t, "all, in order", func() bool { return slices.Equal(list(), []string{"o2:1", "o1:1", "o1:2"}) })
}

// TestAClockThatWasSetBackLocksNobodyOut: the deliveries that a process leased in its future
// are due, and are claimed, as soon as no lease taken now could end so late.
func TestAClockThatWasSetBackLocksNobodyOut(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		l := newLog(t, db)
		appendEvents(t, db, outboxtest.NewEvent(t, "o1", 1, "made"))
		_, err := l.FanOut(t.Context(), outbox.FanOut{
			Subscribers: []outbox.Subscriber{{Name: "s"}}, Now: day, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		claim := func(now time.Time) (bool, int) {
			t.Helper()
			due, err := l.Due(t.Context(), "s", "", now)
			if err != nil {
				t.Fatal(err)
			}
			got, err := l.Claim(t.Context(), outbox.Claim{
				Subscriber: "s", Now: now, Until: now.Add(outbox.MaxLease), Limit: 1})
			if err != nil {
				t.Fatal(err)
			}
			return due, len(got)
		}
		ahead := day.Add(time.Hour)
		if due, n := claim(ahead); !due || n != 1 {
			t.Fatalf("due %t, %d claimed", due, n)
		}
		if due, n := claim(ahead.Add(-time.Second)); due || n != 0 {
			t.Errorf("a leased delivery: due %t, %d claimed", due, n)
		}
		if due, n := claim(day); !due || n != 1 {
			t.Errorf("an hour back: due %t, %d claimed, want it free", due, n)
		}
	})
}
