package observabilitydb

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/resilience"
)

// process is a recorder with a clock of its own.
type process struct {
	*Recorder
	now     time.Time
	outages []resilience.Outage
}

func newProcess(t *testing.T, db *sqlstore.DB, now time.Time) *process {
	t.Helper()
	p := &process{now: now}
	var err error
	p.Recorder, err = NewRecorder(db, RecorderConfig{
		Now:     func() time.Time { return p.now },
		Outages: func() []resilience.Outage { return p.outages },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *process) orders(t *testing.T, accepted int, took time.Duration, failed int) {
	t.Helper()
	for range accepted {
		p.Accepted(took)
	}
	for range failed {
		p.Failed()
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func slo(t *testing.T, db *sqlstore.DB, now time.Time, window time.Duration) SLO {
	t.Helper()
	s, err := New(db).SLO(t.Context(), now, window)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCardsAddUpOverReplicasAndRestarts(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		sqlstoretest.Migrated(t, db, Migrations())
		now := time.Date(2026, 5, 12, 12, 0, 3, 0, time.UTC)
		if s := slo(t, db, now, time.Hour); s.Acceptance.Status != NoData || s.Latency.Status != NoData ||
			s.Acceptance.HasBurn {
			t.Fatalf("without orders: %+v", s)
		}
		a, b := newProcess(t, db, now), newProcess(t, db, now)
		a.orders(t, 60, 20*time.Millisecond, 0)
		a.orders(t, 10, 20*time.Millisecond, 0) // the same slot continues
		b.orders(t, 28, 300*time.Millisecond, 1)
		again := newProcess(t, db, now) // b after a restart, in the same slot
		again.orders(t, 1, 2*time.Second, 0)
		s := slo(t, db, now.Add(time.Minute), time.Hour)
		if s.Acceptance.Good != (Rate{99, 100}) || s.Acceptance.Status != Fulfilled || !s.Acceptance.HasBurn ||
			s.Acceptance.Burn != 1 {
			t.Errorf("A.1: %+v", s.Acceptance)
		}
		if s.Latency.Good != (Rate{98, 99}) || s.Latency.Status != Fulfilled {
			t.Errorf("P.1: %+v", s.Latency)
		}
		if p := s.Latency.P95; p < 250*time.Millisecond || p > 500*time.Millisecond {
			t.Errorf("the 95th percentile is %v, want it in the bucket of 300 ms", p)
		}

		b.now = now.Add(10 * time.Second)
		b.orders(t, 0, 0, 1)
		b.orders(t, 10, 600*time.Millisecond, 0)
		s = slo(t, db, now.Add(time.Minute), time.Hour)
		if s.Acceptance.Good != (Rate{109, 111}) || s.Acceptance.Status != NeedsAttention {
			t.Errorf("A.1: %+v", s.Acceptance)
		}
		if s.Latency.Good != (Rate{98, 109}) || s.Latency.Status != NeedsAttention {
			t.Errorf("P.1: %+v", s.Latency)
		}
		if s := slo(t, db, now.Add(2*time.Hour), time.Hour); s.Acceptance.Status != NoData {
			t.Errorf("two hours later: %+v", s.Acceptance)
		}
	})
}

func TestOutagesOfAllProcesses(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		sqlstoretest.Migrated(t, db, Migrations())
		now := time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC)
		a, b := newProcess(t, db, now), newProcess(t, db, now)
		first := resilience.Outage{Name: "payments", Started: now.Add(-time.Minute), Openings: 1}
		a.outages = []resilience.Outage{first}
		a.orders(t, 100, time.Millisecond, 0)
		b.orders(t, 100, time.Millisecond, 0)
		s := slo(t, db, now, time.Hour)
		if s.Outages.OpenProcesses != 1 || !s.Outages.OpenSince.Equal(first.Started) ||
			s.Acceptance.Status != Fulfilled {
			t.Errorf("during the outage: %+v", s)
		}
		first.Ended, first.Repaired, first.Rejected = now.Add(time.Minute), true, 7
		a.now = now.Add(time.Minute)
		a.outages = []resilience.Outage{first}
		a.orders(t, 1, time.Millisecond, 0)
		s = slo(t, db, a.now, time.Hour)
		if o := s.Outages; o.N != 1 || o.Repaired != 1 || o.MTTR != 2*time.Minute || o.Longest != 2*time.Minute ||
			o.OpenProcesses != 0 {
			t.Errorf("after the outage: %+v", o)
		}
		// A process that dies in an outage does not leave it open forever.
		b.now = now.Add(10 * time.Minute)
		b.outages = []resilience.Outage{{Name: "payments", Started: now.Add(2 * time.Minute), Openings: 3}}
		b.orders(t, 1, time.Millisecond, 0)
		s = slo(t, db, b.now.Add(20*time.Minute), time.Hour)
		if o := s.Outages; o.N != 2 || o.OpenProcesses != 0 || o.Longest != 8*time.Minute ||
			s.Acceptance.Status != NeedsAttention {
			t.Errorf("after the process died: %+v, %v", o, s.Acceptance.Status)
		}
	})
}

func TestRecorderKeepsWhatItCouldNotWriteAndCountsItOnce(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		sqlstoretest.Migrated(t, db, Migrations())
		now := time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC)
		p := newProcess(t, db, now)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for i := range 400 { // more than is written at a time
			p.now = now.Add(time.Duration(i) * slot)
			p.Accepted(time.Millisecond)
			if err := p.Flush(gone); !errors.Is(err, context.Canceled) {
				t.Fatalf("flush without a database: %v", err)
			}
		}
		for range 3 {
			p.orders(t, 0, 0, 0)
		}
		if s := slo(t, db, p.now, 4*time.Hour); s.Acceptance.Good != (Rate{400, 400}) {
			t.Errorf("%+v, want 400 of 400", s.Acceptance.Good)
		}
		if len(p.pending) != 0 {
			t.Errorf("%d deltas still wait", len(p.pending))
		}
		p.now = now.AddDate(0, 3, 0)
		p.orders(t, 0, 0, 0)
		var left int
		if err := db.Read().NewRaw("SELECT COUNT(*) FROM ?(rk)slo_deltas").Scan(t.Context(), &left); err != nil ||
			left != 0 {
			t.Errorf("%d deltas (%v) are kept for three months, want none", left, err)
		}
	})
}

func TestConcurrentRecordingLosesNothing(t *testing.T) {
	db := sqlstoretest.SQLite(t)
	sqlstoretest.Migrated(t, db, Migrations())
	r, err := NewRecorder(db, RecorderConfig{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				r.Accepted(time.Millisecond)
			}
		})
		wg.Go(func() {
			for range 10 {
				if err := r.Flush(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := slo(t, db, time.Now(), time.Hour); s.Acceptance.Good.Part != 2000 {
		t.Errorf("%d orders, want 2000", s.Acceptance.Good.Part)
	}
}

func TestRecordingServiceLevelsDoesNotAllocate(t *testing.T) {
	r, err := NewRecorder(nil, RecorderConfig{Now: func() time.Time { return time.Unix(1e9, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1000, func() { r.Accepted(3 * time.Millisecond); r.Failed() }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkRecorder(b *testing.B) {
	r, err := NewRecorder(nil, RecorderConfig{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r.Accepted(3 * time.Millisecond)
	}
}

func TestSLORefusesAnImpossibleWindow(t *testing.T) {
	for _, w := range []time.Duration{0, time.Minute, 29 * 24 * time.Hour} {
		if _, err := New(nil).SLO(t.Context(), time.Now(), w); err == nil {
			t.Errorf("window %v: no error", w)
		}
	}
}
