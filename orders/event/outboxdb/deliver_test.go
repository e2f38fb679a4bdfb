package outboxdb_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/event/outboxdb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

func TestEachSubscriberGetsTheTypesItAskedForOnce(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		d := newDispatcher(t, db, outboxdb.Config{Poll: 5 * time.Millisecond, Batch: 3})
		var every, paid journal
		subscribe(t, d, "every", nil, every.record)
		subscribe(t, d, "paid", []string{"paid", "refunded"}, paid.record)
		var want []string
		for i := range 5 {
			id := fmt.Sprintf("o%d", i)
			appendEvents(t, db, newEvent(t, id, 1, "made"), newEvent(t, id, 2, "paid"))
			want = append(want, id+":1", id+":2")
		}
		start(t, d)
		eventually(t, "everything is delivered", func() bool { return owes(t, d) == 0 })
		got := every.list()
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("the one who asked for all got %v, want %v", got, want)
		}
		if got := paid.list(); len(got) != 5 || slices.ContainsFunc(got, func(id string) bool { return !strings.HasSuffix(id, ":2") }) {
			t.Errorf("the one who asked for paid got %v", got)
		}
	})
}

func TestTheHandlerGetsTheEventThatWasAppended(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		d := newDispatcher(t, db, outboxdb.Config{})
		want := newEvent(t, "o1", 1, "made")
		var got event.Event
		subscribe(t, d, "s", nil, func(_ context.Context, e event.Event) error { got = e; return nil })
		appendEvents(t, db, want)
		if err := d.DeliverSync(t.Context(), prefix, "o1"); err != nil {
			t.Fatal(err)
		}
		if got.ID != want.ID || !got.At.Equal(want.At) || got.Actor != want.Actor || string(got.Data) != string(want.Data) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
}

func TestDeliverNowFinishesOneAggregateInOrderAndNoOther(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		d := newDispatcher(t, db, outboxdb.Config{Batch: 4})
		var j journal
		subscribe(t, d, "s", nil, j.record)
		var want []string
		for seq := 1; seq <= 12; seq++ {
			appendEvents(t, db, newEvent(t, "o1", seq, "changed"), newEvent(t, "o2", seq, "changed"))
			want = append(want, fmt.Sprintf("o1:%d", seq))
		}
		for range 2 { // the second time nothing is owed
			if err := d.DeliverSync(t.Context(), prefix, "o1"); err != nil {
				t.Fatal(err)
			}
		}
		if got := j.list(); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if n := owes(t, d); n != 12 {
			t.Errorf("%d deliveries are owed, want the 12 of the other aggregate", n)
		}
	})
}

func TestDeliverNowReportsAFailureAndGoesOnWithOthers(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		d := newDispatcher(t, db, outboxdb.Config{})
		broken := errors.New("out of order")
		fails := true
		var bad, good journal
		subscribe(t, d, "bad", nil, func(ctx context.Context, e event.Event) error {
			bad.add(e.ID)
			if fails {
				return broken
			}
			return nil
		})
		subscribe(t, d, "good", nil, good.record)
		appendEvents(t, db, newEvent(t, "o1", 1, "made"), newEvent(t, "o1", 2, "paid"))
		if err := d.DeliverSync(t.Context(), prefix, "o1"); !errors.Is(err, broken) {
			t.Errorf("got %v, want the error of the handler", err)
		}
		if got := bad.list(); !slices.Equal(got, []string{"o1:1"}) {
			t.Errorf("the broken one was called with %v; the second event must wait for the first", got)
		}
		if got := good.list(); !slices.Equal(got, []string{"o1:1", "o1:2"}) {
			t.Errorf("the other one was called with %v", got)
		}
		// The next try would be a second away; a request does not wait for it.
		fails = false
		if err := d.DeliverSync(t.Context(), prefix, "o1"); err != nil {
			t.Fatal(err)
		}
		if got := bad.list(); !slices.Equal(got, []string{"o1:1", "o1:1", "o1:2"}) {
			t.Errorf("after it works again: %v", got)
		}
	})
}

func TestAHandlerMayDeliverItsOwnAggregate(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		d := newDispatcher(t, db, outboxdb.Config{})
		var j journal
		subscribe(t, d, "s", nil, func(ctx context.Context, e event.Event) error {
			j.add(e.ID)
			if e.Seq == 1 {
				appendEvents(t, db, newEvent(t, "o1", 2, "followed"))
				return d.DeliverSync(ctx, prefix, "o1")
			}
			return nil
		})
		appendEvents(t, db, newEvent(t, "o1", 1, "made"))
		if err := d.DeliverSync(t.Context(), prefix, "o1"); err != nil {
			t.Fatal(err)
		}
		if got := j.list(); !slices.Equal(got, []string{"o1:1", "o1:2"}) {
			t.Errorf("got %v", got)
		}
	})
}

func TestAWorkerThatDiesBeforeItFinishesIsReplaced(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		c := &clock{now: day}
		var j journal
		// The first worker handles the event; the process then dies before it
		// can say so: the lease it leaves behind is all that is left of it.
		dead := newDispatcher(t, db, outboxdb.Config{Now: c.Now})
		subscribe(t, dead, "s", nil, func(ctx context.Context, e event.Event) error {
			j.add(e.ID)
			if _, err := db.Writer().ExecContext(ctx, "UPDATE ?(rk)orders_deliveries SET lease_token = 'of the dead'"); err != nil {
				t.Error(err)
			}
			return nil
		})
		appendEvents(t, db, newEvent(t, "o1", 1, "made"))
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if err := dead.DeliverSync(ctx, prefix, "o1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v; the row must stay taken while its lease lasts", err)
		}
		if got := j.list(); len(got) != 1 {
			t.Fatalf("delivered %d times within one lease", len(got))
		}

		c.add(outboxdb.MaxLease)
		alive := newDispatcher(t, db, outboxdb.Config{Now: c.Now, Poll: 5 * time.Millisecond})
		subscribe(t, alive, "s", nil, j.record)
		start(t, alive)
		eventually(t, "the event is delivered again", func() bool { return owes(t, alive) == 0 })
		if got := j.list(); !slices.Equal(got, []string{"o1:1", "o1:1"}) {
			t.Errorf("got %v, want the event twice", got)
		}
	})
}

func TestALostLeaseCancelsTheHandlerAndKeepsTheRow(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		d := newDispatcher(t, db, outboxdb.Config{Lease: 30 * time.Millisecond})
		subscribe(t, d, "s", nil, func(ctx context.Context, e event.Event) error {
			_, err := db.Writer().ExecContext(ctx, "UPDATE ?(rk)orders_deliveries SET lease_token = 'of another'")
			if err != nil {
				t.Error(err)
			}
			<-ctx.Done()
			return context.Cause(ctx)
		})
		appendEvents(t, db, newEvent(t, "o1", 1, "made"))
		if err := d.DeliverSync(t.Context(), prefix, "o1"); err == nil || !strings.Contains(err.Error(), "taken the delivery over") {
			t.Errorf("got %v, want to hear that the lease is lost", err)
		}
		var row struct {
			Token string `bun:"lease_token"`
			Error string `bun:"last_error"`
		}
		if err := db.Read().NewRaw("SELECT lease_token, last_error FROM ?(rk)orders_deliveries").Scan(t.Context(), &row); err != nil {
			t.Fatal(err)
		}
		if row.Token != "of another" || row.Error != "" {
			t.Errorf("the row of the other worker was changed: %+v", row)
		}
	})
}

func TestALeaseIsRenewedWhileTheHandlerRuns(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
		// The clock moves by hand, never further than the lease that is left,
		// so that only a missing renewal can let it end.
		c := &clock{now: day}
		config := outboxdb.Config{Now: c.Now, Lease: 60 * time.Millisecond, Poll: 5 * time.Millisecond}
		var j journal
		release := make(chan struct{})
		handler := func(ctx context.Context, e event.Event) error {
			j.add(e.ID)
			<-release
			return ctx.Err()
		}
		slow, other := newDispatcher(t, db, config), newDispatcher(t, db, config)
		subscribe(t, slow, "s", nil, handler)
		subscribe(t, other, "s", nil, handler)
		appendEvents(t, db, newEvent(t, "o1", 1, "made"))
		start(t, slow)
		start(t, other)
		eventually(t, "a worker has it", func() bool { return len(j.list()) > 0 })
		for range 6 {
			c.add(config.Lease / 2)
			eventually(t, "the lease is renewed", func() bool {
				var until sqldb.Time
				if err := db.Read().NewRaw("SELECT max(lease_until) FROM ?(rk)orders_deliveries").Scan(t.Context(), &until); err != nil {
					t.Fatal(err)
				}
				return until == sqldb.At(c.Now().Add(config.Lease))
			})
		}
		close(release)
		eventually(t, "it is delivered", func() bool { return owes(t, slow) == 0 })
		if got := j.list(); len(got) != 1 {
			t.Errorf("called %d times, want once: the lease never ended", len(got))
		}
	})
}

func TestTwoDispatchersDeliverEachEventOnceAndInOrder(t *testing.T) {
	each(t, func(t *testing.T, db *sqlstore.DB) {
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
		var ds []*outboxdb.Dispatcher
		for range 2 {
			d := newDispatcher(t, db, outboxdb.Config{Poll: 2 * time.Millisecond, Batch: 3})
			subscribe(t, d, "s", nil, handler)
			start(t, d)
			ds = append(ds, d)
		}
		// Events are written while the dispatchers run, in other transactions.
		var writers sync.WaitGroup
		for a := range aggregates {
			writers.Go(func() {
				id := fmt.Sprintf("o%d", a)
				for seq := 1; seq <= length; seq++ {
					appendEvents(t, db, newEvent(t, id, seq, "changed"))
					if seq%4 == 0 {
						if err := ds[seq/4%2].DeliverSync(t.Context(), prefix, id); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		writers.Wait()
		eventually(t, "everything is delivered", func() bool { return owes(t, ds[0]) == 0 })
		mu.Lock()
		defer mu.Unlock()
		if total != aggregates*length || len(last) != aggregates {
			t.Errorf("%d deliveries to %d aggregates, want %d to %d: %v", total, len(last), aggregates*length, aggregates, slices.Collect(maps.Values(last)))
		}
	})
}

func TestAnEventWaitsForAnEarlierOneThatIsNotFannedOut(t *testing.T) {
	db := sqlstoretest.Postgres(t)
	migrate(t, db)
	d := newDispatcher(t, db, outboxdb.Config{Poll: 2 * time.Millisecond})
	var j journal
	subscribe(t, d, "s", nil, j.record)
	appendEvents(t, db, newEvent(t, "o1", 1, "made"), newEvent(t, "o1", 2, "paid"))
	// Another dispatcher is about to fan out the first event.
	err := db.Tx(t.Context(), "fan out", func(ctx context.Context, tx bun.IDB) error {
		if _, err := tx.ExecContext(ctx, "SELECT 1 FROM ?(rk)orders_events WHERE id = 'o1:1' FOR UPDATE"); err != nil {
			return err
		}
		start(t, d)
		eventually(t, "the second is fanned out", func() bool {
			var n int
			err := db.Read().NewRaw("SELECT count(*) FROM ?(rk)orders_deliveries WHERE event_id = 'o1:2'").Scan(t.Context(), &n)
			return err == nil && n == 1
		})
		appendEvents(t, db, newEvent(t, "o2", 1, "made"))
		eventually(t, "one that came later is delivered", func() bool { return len(j.list()) > 0 })
		if got := j.list(); !slices.Equal(got, []string{"o2:1"}) {
			t.Errorf("got %v, want only the other aggregate", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "all, in order", func() bool { return slices.Equal(j.list(), []string{"o2:1", "o1:1", "o1:2"}) })
}
