package returnsdb_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders/event"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/returns"
	"github.com/returnkit/returnkit/returns/returnsdb"
)

// deadlocks counts the statements that the database ended for one. Tx makes
// them again, so nobody else sees them.
type deadlocks struct{ n atomic.Int64 }

func (*deadlocks) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (d *deadlocks) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	if e.Err != nil && strings.Contains(e.Err.Error(), "deadlock") {
		d.n.Add(1)
	}
}

// processes are two stores on one database, each with a pool of its own.
func processes(t *testing.T, c sqlstore.Config) (first, second bundle, seen *deadlocks) {
	t.Helper()
	seen = &deadlocks{}
	one, other := sqlstoretest.Open(t, c), sqlstoretest.Open(t, c)
	one.AddQueryHook(seen)
	other.AddQueryHook(seen)
	first = meeting(t, one)
	second = bundle{t, returnsdb.New(other), first.terms}
	return first, second, seen
}

// waits returns when n transactions of this process wait for locks. Only
// PostgreSQL tells; on SQLite an update is under way, and it has one writer.
func (b bundle) waits(look *sqlstore.DB, n int) {
	b.t.Helper()
	for b.t.Context().Err() == nil {
		runtime.Gosched()
		got := 0
		if look.Dialect() == sqlstore.Postgres {
			err := look.Reader().NewRaw(`SELECT COUNT(*) FROM pg_stat_activity
				WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(b.t.Context(), &got)
			if err != nil {
				b.t.Fatal(err)
			}
		} else if _, working := b.store.UpdatesWaiting(); working {
			got = n
		}
		if got >= n {
			return
		}
	}
}

// TestProcessesThatChangeTheSameReturns at once: batches of both overlap, in
// returns and in orders, and none is lost.
func TestProcessesThatChangeTheSameReturns(t *testing.T) {
	sqlstoretest.EachConfig(t, func(t *testing.T, c sqlstore.Config) {
		first, second, seen := processes(t, c)
		const orders, each, callers, rounds = 4, 3, 10, 8
		var ids []string
		for i := range orders {
			o := order(fmt.Sprint("o", i), 1000)
			for j := range each {
				id := fmt.Sprintf("r%d-%d", i, j)
				if _, err := first.file(o, id, 1, true); err != nil {
					t.Fatal(err)
				}
				ids = append(ids, id)
			}
		}
		var changed [orders * each]atomic.Int64
		var all sync.WaitGroup
		for _, b := range []bundle{first, second} {
			for range callers {
				all.Go(func() {
					for range rounds {
						i := rand.N(len(ids))
						// One more unit each time, so that what is claimed tells how
						// many there were.
						c := call{id: ids[i], change: func(r *returns.Return) error {
							r.Lines[0].Quantity++
							return r.Override(
								stamp, returns.Override{
									Rules: []string{returns.RuleRefundEarly}, Reason: "one of many",
								},
							)
						}}
						if c.run(b); c.err != nil || c.panicked != nil {
							t.Errorf("%s: %v, %v", c.id, c.err, c.panicked)
						}
						changed[i].Add(1)
					}
				})
			}
		}
		all.Wait()
		for i := range orders {
			held := 0
			for j := range each {
				n := int(changed[i*each+j].Load())
				r, err := second.store.Return(t.Context(), ids[i*each+j])
				if err != nil || len(r.Overrides) != n || r.Version != 3+n || r.Lines[0].Quantity != 1+n {
					t.Errorf("after %d changes: %+v, %v", n, r, err)
				}
				held += 1 + n
			}
			id := fmt.Sprint("o", i)
			claims, err := second.store.Claims(t.Context(), id)
			if err != nil || claims[id][id+"-b"] != held {
				t.Errorf("claims of order %s are %v, %v; want %d", id, claims, err, held)
			}
		}
		if n := seen.n.Load(); n > 0 {
			t.Errorf("%d deadlocks", n)
		}
	})
}

// TestProcessesWaitForEachOther: while one changes a return, the other neither
// changes it nor files another one of its order.
func TestProcessesWaitForEachOther(t *testing.T) {
	sqlstoretest.EachConfig(t, func(t *testing.T, c sqlstore.Config) {
		first, second, _ := processes(t, c)
		watch := sqlstoretest.Open(t, c) // now: on SQLite it needs the lock that is held below
		o := order("o", 1)
		if _, err := first.file(o, "r", 1, true); err != nil {
			t.Fatal(err)
		}
		begun, let := make(chan struct{}), make(chan struct{})
		begin := sync.OnceFunc(func() { close(begun) })
		var released atomic.Bool
		var all sync.WaitGroup
		all.Go(func() {
			c := call{id: "r", change: func(r *returns.Return) error {
				begin()
				<-let
				return errors.Join(look(r), cancel(r))
			}}
			if c.run(first); c.err != nil {
				t.Error(c.err)
			}
		})
		<-begun
		all.Go(func() {
			c := call{id: "r", change: func(r *returns.Return) error {
				if !released.Load() {
					t.Error("it was changed by both at once")
				}
				return r.CloseTask(stamp, 1, "seen")
			}}
			if c.run(second); c.err != nil {
				t.Error(c.err)
			}
		})
		all.Go(func() {
			_, err := second.create(o, func(claims returns.Claims) (*returns.Return, error) {
				if !released.Load() || len(claims) > 0 {
					t.Errorf("filed meanwhile, with claims %v", claims)
				}
				return nil, errNo
			})
			if !errors.Is(err, errNo) {
				t.Error(err)
			}
		})
		second.waits(watch, 2)
		released.Store(true)
		close(let)
		all.Wait()
		second.stored("r")
	})
}

// TestRMANumbersOfUpdatesThatMeet in two processes, on two days, of which each
// begins with another one: each day has its numbers without gaps, and what is
// refused uses none up.
func TestRMANumbersOfUpdatesThatMeet(t *testing.T) {
	sqlstoretest.EachConfig(t, func(t *testing.T, c sqlstore.Config) {
		first, second, seen := processes(t, c)
		const n = 10 // of each process, half of them on each day
		begun := make(chan struct{})
		begin := sync.OnceFunc(func() { close(begun) })
		var calls []*call
		for i := range 2 * n {
			at := event.Stamp{At: day.Add(time.Duration((i+i/n)%2) * 24 * time.Hour), By: staff}
			id := fmt.Sprintf("r%02d", i)
			first.filed(id, 1, false)
			authorize := func(r *returns.Return) error {
				begin()
				runtime.Gosched() // the other process comes meanwhile
				return r.Authorize(at, "")
			}
			calls = append(calls, &call{id: id, change: authorize},
				&call{id: id, change: func(r *returns.Return) error { return errors.Join(authorize(r), errNo) }})
		}
		var all sync.WaitGroup
		for _, c := range calls[2*n:] {
			all.Go(func() {
				<-begun
				c.run(second)
			})
		}
		first.meet(calls[:2*n]...)
		all.Wait()
		given := map[string]bool{}
		for i, c := range calls {
			switch {
			case c.panicked != nil || i%2 == 0 && c.err != nil || i%2 == 1 && c.err == nil:
				t.Errorf("%s: %v, %v", c.id, c.err, c.panicked)
			case i%2 == 0:
				given[c.saved.RMA] = true
				if r := first.stored(c.id); r.RMA != c.saved.RMA {
					t.Errorf("%s has the number %q, and was given %q", c.id, r.RMA, c.saved.RMA)
				}
			}
		}
		for i := range n {
			for _, day := range []string{"20260504", "20260505"} {
				// The case that holds up the others has the first of its day.
				number := i + 1
				if day == "20260504" {
					number++
				}
				if want := fmt.Sprintf("RMA-%s-%05d", day, number); !given[want] {
					t.Errorf("nobody got %s: %v", want, given)
				}
			}
		}
		if n := seen.n.Load(); n > 0 {
			t.Errorf("%d deadlocks", n)
		}
	})
}
