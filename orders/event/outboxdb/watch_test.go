package outboxdb_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/sqlstore"
)

// TestAWatcherSeesEachEventOnce: those of its types, and what it writes is kept
// with the mark that they were fanned out. While it fails they go to nobody.
func TestAWatcherSeesEachEventOnce(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		if _, err := db.Writer().ExecContext(t.Context(), "CREATE TABLE notes (id TEXT)"); err != nil {
			t.Fatal(err)
		}
		d := newDispatcher(t, db, outboxdb.Config{Batch: 2})
		var fails error
		note := func(ctx context.Context, tx bun.IDB, events []event.Event) error {
			for _, e := range events {
				if _, err := tx.NewRaw("INSERT INTO notes (id) VALUES (?)", e.ID).Exec(ctx); err != nil {
					return err
				}
			}
			return fails
		}
		if err := d.Watch(prefix, []string{"a", "b"}, note); err != nil {
			t.Fatal(err)
		}
		if err := d.Watch(prefix, nil, nil); err == nil {
			t.Error("a watcher of nothing was taken")
		}
		if err := d.Watch(`"x"`, nil, note); err == nil {
			t.Error("a quoted table was taken")
		}
		delivered := 0
		subscribe(t, d, "s", nil, func(context.Context, event.Event) error { delivered++; return nil })
		appendEvents(t, db, newEvent(t, "one", 1, "a"), newEvent(t, "one", 2, "c"), newEvent(t, "one", 3, "b"))

		fails = errors.New("not now")
		if err := d.DeliverSync(t.Context(), prefix, "one"); !errors.Is(err, fails) {
			t.Errorf("it failed with %v", err)
		}
		notes := func() string {
			t.Helper()
			var ids []string
			if err := db.Read().NewRaw("SELECT id FROM notes").Scan(t.Context(), &ids); err != nil {
				t.Fatal(err)
			}
			slices.Sort(ids)
			return strings.Join(ids, " ")
		}
		if got := notes(); got != "" || delivered != 0 {
			t.Errorf("noted %q, %d delivered, and the watcher failed", got, delivered)
		}
		fails = nil
		for range 2 {
			if err := d.DeliverSync(t.Context(), prefix, "one"); err != nil {
				t.Fatal(err)
			}
		}
		if got := notes(); got != "one:1 one:3" || delivered != 3 {
			t.Errorf("noted %q, %d delivered", got, delivered)
		}
		if n, _, err := d.Pending(t.Context()); n != 0 || err != nil {
			t.Errorf("%d owed, %v", n, err)
		}
	})
}

// TestAWatcherNeedsNoSubscriber: Run fans out for it alone.
func TestAWatcherNeedsNoSubscriber(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		d := newDispatcher(t, db, outboxdb.Config{})
		var seen journal
		err := d.Watch(prefix, nil, func(ctx context.Context, _ bun.IDB, events []event.Event) error {
			for _, e := range events {
				seen.add(e.ID)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		appendEvents(t, db, newEvent(t, "one", 1, "a"), newEvent(t, "one", 2, "b"))
		defer start(t, d)()
		eventually(t, "both events are seen", func() bool { return len(seen.list()) == 2 })
		if n := owes(t, d); n != 0 {
			t.Errorf("%d owed", n)
		}
	})
}
