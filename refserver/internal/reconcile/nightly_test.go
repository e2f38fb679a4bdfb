package reconcile_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/reconcile"
	"github.com/returnkit/returnkit/refunds"
)

// bench is a night with a clock and a provider of its own.
type bench struct {
	reconcile.Nightly

	now  atomic.Int64
	runs atomic.Int64
	fail error
}

func newBench(t *testing.T, db *sqlstore.DB) *bench {
	t.Helper()
	sqlstoretest.Migrated(t, db, reconcile.Migrations())
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{}
	b.at(time.Date(2026, 11, 24, 0, 30, 0, 0, zone))
	b.Nightly = reconcile.Nightly{
		DB: db, Zone: zone, Now: func() time.Time { return time.Unix(0, b.now.Load()) },
		Compare: func(_ context.Context, from, to time.Time) (refunds.Reconciliation, error) {
			b.runs.Add(1)
			return refunds.Reconciliation{
				From: from, To: to,
				Totals: refunds.Totals{
					Count: map[refunds.MatchStatus]int{refunds.Matched: 3, refunds.MissingLocally: 1},
				},
				Differences: 1,
				Rows: []refunds.Match{
					{Match: refunds.MissingLocally, ProviderID: "re_1", ProviderAmount: 5, ProviderCurrency: "USD"},
				},
			}, b.fail
		},
	}
	return b
}

func (b *bench) at(t time.Time) { b.now.Store(t.UnixNano()) }

func TestANightIsRunOnceByOneProcessAndKept(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		zone := b.Zone
		// At half past midnight the night before counts.
		run, ran, err := b.Due(t.Context())
		if err != nil || !ran || run.Night != "2026-11-23" {
			t.Fatalf("%+v, %v, %v", run, ran, err)
		}
		if want := time.Date(2026, 11, 23, 0, 0, 0, 0, zone); !run.To.Equal(want) ||
			!run.From.Equal(want.AddDate(0, 0, -7)) {
			t.Errorf("from %s to %s", run.From, run.To)
		}
		b.at(time.Date(2026, 11, 24, 1, 0, 0, 0, zone))
		var ran8 atomic.Int64
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if _, ran, err := b.Due(t.Context()); err != nil {
					t.Error(err)
				} else if ran {
					ran8.Add(1)
				}
			})
		}
		group.Wait()
		if ran8.Load() != 1 || b.runs.Load() != 2 {
			t.Errorf("the night ran in %d of 8 processes, %d runs in all", ran8.Load(), b.runs.Load())
		}
		if _, ran, err := b.Due(t.Context()); ran || err != nil {
			t.Errorf("it ran again: %v", err)
		}
		last, err := b.Last(t.Context(), 1)
		if err != nil || len(last) != 1 || last[0].Night != "2026-11-24" || last[0].Differences != 1 ||
			last[0].DoneAt.IsZero() ||
			last[0].Report.Rows[0].ProviderID != "re_1" ||
			last[0].Report.Totals.Count[refunds.Matched] != 3 {
			t.Errorf("%+v, %v", last, err)
		}
	})
}

func TestANightThatFailsIsTriedAgainAWhileLater(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		begin := b.Now()
		b.fail = errors.New("the list broke off")
		if run, ran, err := b.Due(t.Context()); !ran || !errors.Is(err, b.fail) || !run.DoneAt.IsZero() {
			t.Fatalf("%+v, %v", run, err)
		}
		b.fail = nil
		if _, ran, err := b.Due(t.Context()); ran || err != nil {
			t.Errorf("at once: %v, %v", ran, err)
		}
		if last, err := b.Last(t.Context(), 1); err != nil || !strings.Contains(last[0].LastError, "broke off") {
			t.Errorf("%+v, %v", last, err)
		}
		b.at(begin.Add(16 * time.Minute))
		settled := 0
		b.Settle = func(_ context.Context, c refunds.Match) error { settled++; return nil }
		run, ran, err := b.Due(t.Context())
		if err != nil || !ran || run.Tries != 2 || run.LastError != "" || settled != 1 {
			t.Errorf("%+v, %v, %v; %d settled", run, ran, err, settled)
		}
	})
}

func TestAProcessThatWasFrozenOverwritesNothing(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		begin := b.Now()
		held, release := make(chan struct{}), make(chan struct{})
		good := b.Compare
		frozen := b.Nightly
		frozen.Compare = func(context.Context, time.Time, time.Time) (refunds.Reconciliation, error) {
			close(held)
			<-release
			return refunds.Reconciliation{}, errors.New("late")
		}
		var group sync.WaitGroup
		group.Go(func() { _, _, _ = frozen.Due(t.Context()) })
		<-held
		b.at(begin.Add(2 * time.Minute)) // past its lease
		b.Compare = good
		if _, ran, err := b.Due(t.Context()); !ran || err != nil {
			t.Errorf("not taken over: %v", err)
		}
		close(release)
		group.Wait()
		if last, err := b.Last(t.Context(), 1); err != nil || last[0].DoneAt.IsZero() || last[0].LastError != "" {
			t.Errorf("%+v, %v", last, err)
		}
	})
}

func TestAProcessThatHasJustStartedWaits(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		b.NotBefore = b.Now().Add(time.Minute)
		if _, ran, err := b.Due(t.Context()); ran || err != nil {
			t.Errorf("%v, %v", ran, err)
		}
	})
}

// TestAClockThatWasSetBackLocksNobodyOut: a night that was to wait is not kept waiting by a
// clock that was ahead.
func TestAClockThatWasSetBackLocksNobodyOut(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		five := time.Date(2026, 11, 24, 5, 0, 0, 0, b.Zone)
		b.fail = errors.New("the provider is away")
		for _, try := range []struct {
			at   time.Time
			want bool
		}{{five, true}, {five.Add(time.Minute), false}, {five.Add(-time.Hour), true}} {
			b.at(try.at)
			if _, ran, _ := b.Due(t.Context()); ran != try.want {
				t.Errorf("at %s it ran: %t, want %t", try.at.Format(time.TimeOnly), ran, try.want)
			}
		}
	})
}
