package app

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/internal/lease"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

func TestAStepIsDoneOnceByAllProcesses(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		sqlstoretest.Migrated(t, db, setupMigrations())
		broken := errors.New("broken")
		if err := once(t.Context(), db, "x", func(context.Context) error { return broken }); !errors.Is(err, broken) {
			t.Fatalf("a failure: %v", err)
		}
		var runs, elsewhere atomic.Int64
		inside, leave := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			err := once(t.Context(), db, "x", func(context.Context) error {
				close(inside)
				<-leave
				runs.Add(1)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		<-inside
		for range 3 {
			err := once(t.Context(), db, "x", func(context.Context) error { runs.Add(1); return nil })
			if errors.Is(err, errElsewhere) {
				elsewhere.Add(1)
			}
		}
		close(leave)
		wg.Wait()
		if err := once(t.Context(), db, "x", func(context.Context) error { runs.Add(1); return nil }); err != nil {
			t.Error(err)
		}
		if runs.Load() != 1 || elsewhere.Load() != 3 {
			t.Errorf(
				"it ran %d times, %d callers got the answer that another is running it", runs.Load(), elsewhere.Load(),
			)
		}
	})
}

func TestAStepIsNotHeldByAClockThatWasSetBack(t *testing.T) {
	t.Parallel()
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		sqlstoretest.Migrated(t, db, setupMigrations())
		for ahead, want := range map[time.Duration]error{time.Hour: nil, setupLease / 2: errElsewhere} {
			row := setupRow{
				Name:  ahead.String(),
				Lease: lease.Lease{LeaseUntil: sqldb.At(time.Now().Add(ahead)), LeaseToken: "another"},
			}
			if _, err := db.Writer().NewInsert().Model(&row).Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
			err := once(t.Context(), db, row.Name, func(context.Context) error { return nil })
			if !errors.Is(err, want) {
				t.Errorf("a lease that ends in %s: %v, want %v", ahead, err, want)
			}
		}
	})
}
