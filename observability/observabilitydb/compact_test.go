package observabilitydb

import (
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// TestOldDeltasAreAddedUpByTheHour writes five days of two processes, and then
// has several at once add up what is older than two days.
func TestOldDeltasAreAddedUpByTheHour(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		sqlstoretest.Migrated(t, db, Migrations())
		begin := time.Date(2026, 5, 10, 0, 0, 3, 0, time.UTC)
		end := begin.AddDate(0, 0, 5)
		a, b := newProcess(t, db, begin), newProcess(t, db, begin)
		var accepted, failed int64
		for now := begin; now.Before(end); now = now.Add(7 * time.Minute) {
			for i, p := range []*process{a, b} {
				p.pruned = end // not yet
				p.now = now
				p.Accepted(time.Duration(1+i*400) * time.Millisecond)
				p.Failed()
				accepted, failed = accepted+1, failed+1
				if len(p.pending) >= 100 {
					p.orders(t, 0, 0, 0)
				}
			}
		}
		a.orders(t, 0, 0, 0)
		b.orders(t, 0, 0, 0)
		rows := func() (n int) {
			t.Helper()
			if err := db.Read().QueryRowContext(t.Context(),
				"SELECT COUNT(*) FROM ?(rk)slo_deltas").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		was, day, month := rows(), slo(t, db, end, 24*time.Hour), slo(t, db, end, 28*24*time.Hour)
		if month.Acceptance.Good != (Rate{accepted, accepted + failed}) {
			t.Fatalf("before: %+v, want %d of %d", month.Acceptance.Good, accepted, accepted+failed)
		}
		for _, now := range []time.Time{end, end.Add(3 * time.Hour)} { // hours that are added up stay so
			done := make(chan error)
			const many = 4
			for range many {
				p := newProcess(t, db, now)
				go func() { done <- p.Flush(t.Context()) }()
			}
			for range many {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
			if got := slo(t, db, end, 24*time.Hour); got != day {
				t.Errorf("the last day was %+v and is %+v", day, got)
			}
			if got := slo(t, db, end, 28*24*time.Hour); got != month {
				t.Errorf("the last weeks were %+v and are %+v", month, got)
			}
		}
		// Three days and three hours are hours, two days less three hours are not.
		if n, want := rows(), 75+(was*45/120); n < want-10 || n > want+10 {
			t.Errorf("%d rows of %d are left, want some %d", n, was, want)
		}
	})
}
