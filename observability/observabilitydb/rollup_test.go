package observabilitydb

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/seedtest"
	"github.com/returnkit/returnkit/orders"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refunds"
)

func appendEvents(t *testing.T, db *sqlstore.DB, prefix string, events ...event.Event) {
	t.Helper()
	err := db.Tx(context.Background(), "append", func(ctx context.Context, tx bun.IDB) error {
		return outboxdb.Append(ctx, tx, prefix, events)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestALateEventIsCountedOnceHoweverOftenItIsDelivered(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		r := rolled(
			t,
			db,
			seedtest.Filling{
				Tag:     "a",
				Orders:  40,
				Returns: 10,
				From:    time.Date(2026, 5, 12, 8, 0, 0, 0, time.UTC),
				Span:    2 * time.Hour,
			},
		)
		old, err := event.NewEvent(
			"late",
			1,
			refunds.EventFailed,
			event.Stamp{At: time.Date(2026, 5, 12, 9, 44, 0, 0, time.UTC)},
			struct{}{},
		)
		if err != nil {
			t.Fatal(err)
		}
		q, replica := Quarter{2026, 2}, New(db)
		if before, err := replica.KPIs(t.Context(), q, time.UTC); err != nil || before.Total.Orders != 40 {
			t.Fatalf("%d orders, %v", before.Total.Orders, err)
		}
		appendEvents(t, db, "refunds", old)
		for range 3 {
			if err := touch(t.Context(), r, old.At); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Roll(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, reader := range []*Reader{replica, New(db)} {
				got, err := reader.KPIs(t.Context(), q, time.UTC)
				if err != nil {
					t.Fatal(err)
				}
				sameKPIs(t, got, readRaw(t, db).recount(q, time.UTC))
			}
		}
	})
}

func TestRollupCountsWhatCameSinceTheLastSweep(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		stores(t, db)
		now := time.Date(2026, 5, 12, 12, 0, 1, 0, time.UTC)
		r, err := NewRollup(db, RollupConfig{Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		reader := New(db)
		count := func() int64 {
			t.Helper()
			if _, err := r.Roll(t.Context()); err != nil {
				t.Fatal(err)
			}
			k, err := reader.KPIs(t.Context(), Quarter{2026, 2}, time.UTC)
			if err != nil {
				t.Fatal(err)
			}
			return k.Total.Orders
		}
		place := func(id string, at time.Time) {
			t.Helper()
			e, err := event.NewEvent(id, 1, orders.EventPlaced, event.Stamp{At: at}, struct{}{})
			if err != nil {
				t.Fatal(err)
			}
			appendEvents(t, db, "orders", e)
		}
		place("a", now.Add(-48*time.Hour)) // before there was a rollup
		place("b", now)
		if n := count(); n != 2 {
			t.Fatalf("%d orders, want all of history, 2", n)
		}
		place("c", now.Add(-4*time.Minute)) // committed late, into the quarter before
		now = now.Add(9 * time.Hour)        // nobody ran meanwhile
		place("d", now.Add(-8*time.Hour))
		if n := count(); n != 4 {
			t.Errorf("%d orders, want 4", n)
		}
		if n, err := r.Roll(t.Context()); err != nil || n != 0 {
			t.Errorf("a second roll counted %d quarters (%v), want none", n, err)
		}
	})
}

// TestConcurrentRollupsLoseNothing: events are committed and told of while
// several processes count the same quarter.
func TestConcurrentRollupsLoseNothing(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		stores(t, db)
		at := time.Date(2026, 5, 12, 12, 0, 1, 0, time.UTC) // long ago: found by Handle alone
		const writers, each = 4, 15
		done := make(chan error, 2*writers)
		stop := make(chan struct{})
		for range 2 {
			go func() {
				r, err := NewRollup(db, RollupConfig{Now: func() time.Time { return at.AddDate(1, 0, 0) }})
				for err == nil {
					select {
					case <-stop:
						done <- nil
						return
					default:
						_, err = r.Roll(context.Background())
					}
				}
				done <- err
			}()
		}
		written := make(chan error, writers)
		for w := range writers {
			go func() {
				r, err := NewRollup(db, RollupConfig{})
				for i := 0; i < each && err == nil; i++ {
					var e event.Event
					if e, err = event.NewEvent(fmt.Sprintf("w%d-%d", w, i), 1, orders.EventPlaced,
						event.Stamp{At: at}, struct{}{}); err != nil {
						break
					}
					err = db.Tx(context.Background(), "append", func(ctx context.Context, tx bun.IDB) error {
						return outboxdb.Append(ctx, tx, "orders", []event.Event{e})
					})
					if err == nil {
						err = touch(context.Background(), r, e.At)
					}
				}
				written <- err
			}()
		}
		for range writers {
			if err := <-written; err != nil {
				t.Error(err)
			}
		}
		close(stop)
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		roll(t, db)
		k, err := New(db).KPIs(t.Context(), Quarter{2026, 2}, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		if k.Total.Orders != writers*each {
			t.Errorf("%d orders, want %d", k.Total.Orders, writers*each)
		}
	})
}

// touch marks the quarter of an instant to be counted again, in a transaction of its own.
func touch(ctx context.Context, r *Rollup, at time.Time) error {
	return r.db.Tx(ctx, "observabilitydb: mark quarters", func(ctx context.Context, tx bun.IDB) error {
		return markQuarters(ctx, tx, []time.Time{at})
	})
}
