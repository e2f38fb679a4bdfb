package lease_test

import (
	"context"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/internal/lease"
	"github.com/returnkit/returnkit/internal/sqldb"
	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
)

// job is a leased row.
type job struct {
	bun.BaseModel `bun:"table:jobs,alias:j"`

	Name string `bun:",pk"`
	Done bool
	lease.Lease
}

const lasts = 10 * time.Second

// jobs is a table of jobs.
type jobs struct {
	t  *testing.T
	db *sqlstore.DB
}

// timeOf is the type of a column with an instant.
func timeOf(db *sqlstore.DB) string {
	if db.Reader() != db.Writer() {
		return "INTEGER"
	}
	return "TIMESTAMPTZ"
}

func newJobs(t *testing.T, db *sqlstore.DB) jobs {
	t.Helper()
	kind := timeOf(db)
	_, err := db.Writer().ExecContext(t.Context(), `CREATE TABLE jobs (name TEXT PRIMARY KEY, done BOOLEAN NOT NULL,
		lease_until `+kind+` NOT NULL, lease_token TEXT NOT NULL)`)
	if err != nil {
		t.Fatal(err)
	}
	return jobs{t, db}
}

// do runs fn in a transaction.
func (j jobs) do(fn func(ctx context.Context, tx bun.IDB) (bool, error)) (ok bool) {
	j.t.Helper()
	err := j.db.Tx(j.t.Context(), "test", func(ctx context.Context, tx bun.IDB) (err error) {
		ok, err = fn(ctx, tx)
		return err
	})
	if err != nil {
		j.t.Fatal(err)
	}
	return ok
}

func (j jobs) claim(row *job, now time.Time) bool {
	j.t.Helper()
	return j.do(func(ctx context.Context, tx bun.IDB) (bool, error) {
		return lease.Claim(ctx, tx, row, now, lasts, func() bool { return !row.Done })
	})
}

func (j jobs) renew(row *job, now time.Time) bool {
	j.t.Helper()
	return j.do(func(ctx context.Context, tx bun.IDB) (bool, error) {
		return lease.Renew(ctx, tx, row, now, lasts)
	})
}

func (j jobs) save(row *job) bool {
	j.t.Helper()
	return j.do(func(ctx context.Context, tx bun.IDB) (bool, error) { return lease.Save(ctx, tx, row) })
}

// TestALeaseHasOneHolder: nobody else takes it before it has run out, whoever has
// lost it writes nothing, and what is done is not leased again.
func TestALeaseHasOneHolder(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		jobs, now := newJobs(t, db), time.Now()
		first, second := &job{Name: "a"}, &job{Name: "a"}
		if !jobs.claim(first, now) || jobs.claim(second, now.Add(lasts-time.Second)) {
			t.Fatal("a lease of two, or of nobody")
		}
		if !jobs.renew(first, now.Add(lasts-time.Second)) || jobs.claim(second, now.Add(lasts+time.Second)) {
			t.Fatal("the lease was not renewed")
		}
		if !jobs.claim(second, now.Add(2*lasts)) {
			t.Fatal("a lease that has run out was not taken over")
		}
		if first.Done = true; jobs.renew(first, now.Add(2*lasts)) || jobs.save(first) {
			t.Error("who has lost the lease changed the row")
		}
		third := &job{Name: "a"}
		if jobs.claim(third, now.Add(2*lasts)); third.Done || third.LeaseToken != second.LeaseToken {
			t.Errorf("the row is %+v, want the second's %+v", third, second)
		}
		if second.Done = true; !jobs.save(second) {
			t.Error("the holder could not write the row")
		}
		if jobs.claim(third, now.Add(time.Hour)) || !third.Done {
			t.Errorf("what is done was leased again, or not read: %+v", third)
		}
	})
}

// TestARowThatIsReleasedIsFreeAtOnce, also for one whose clock is behind.
func TestARowThatIsReleasedIsFreeAtOnce(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		jobs, now := newJobs(t, db), time.Now()
		first := &job{Name: "a"}
		jobs.claim(first, now)
		if first.Release(); !jobs.save(first) {
			t.Fatal("the lease was not released")
		}
		if !jobs.claim(&job{Name: "a"}, now.Add(-lease.ClockSlack)) {
			t.Error("a row that was released is leased")
		}
	})
}

// TestAClockThatWasSetBackLocksNobodyOut for longer than a lease.
func TestAClockThatWasSetBackLocksNobodyOut(t *testing.T) {
	var l lease.Lease
	now := time.Now()
	l.Take(now, lasts)
	for behind, held := range map[time.Duration]bool{
		-lasts: false, -lasts + time.Second: true, 0: true, lease.ClockSlack: true,
		lease.ClockSlack + time.Second: false,
		time.Hour:                      false,
	} {
		if l.Held(now.Add(-behind), lasts) != held {
			t.Errorf("a clock %v behind: held is %t, want %t", behind, !held, held)
		}
	}
}

// TestFreeRowsAreFound by a query of many.
func TestFreeRowsAreFound(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		jobs, now := newJobs(t, db), time.Now()
		leased, free := &job{Name: "leased"}, &job{Name: "free"}
		jobs.claim(leased, now)
		jobs.claim(free, now)
		free.Release()
		jobs.save(free)
		// A clock that was set back by more than a lease and the slack locks nobody out.
		for at, want := range map[time.Time]int{now: 1, now.Add(lasts): 2, now.Add(-time.Hour): 2} {
			var found []job
			q := lease.WhereFree(db.Reader().NewSelect().Model(&found), "j", at, lasts)
			if err := q.Scan(t.Context()); err != nil || len(found) != want {
				t.Errorf("at %v %d are free, %v, want %d", at.Sub(now), len(found), err, want)
			}
		}
	})
}

// TestAClockThatWasSetBackLeavesNothingWaiting for longer than any wait between two attempts, and
// what nobody has attempted yet not at all.
func TestAClockThatWasSetBackLeavesNothingWaiting(t *testing.T) {
	const longest = 2 * time.Hour
	type work struct {
		bun.BaseModel `bun:"table:work,alias:w"`

		NextAt   sqldb.Time `bun:",pk"`
		Attempts int
	}
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		_, err := db.Writer().ExecContext(t.Context(),
			"CREATE TABLE work (next_at "+timeOf(db)+" PRIMARY KEY, attempts INTEGER NOT NULL)")
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		for _, tt := range []struct {
			ahead    time.Duration
			attempts int
			want     bool
		}{
			{-time.Second, 0, true}, {0, 3, true}, // as ever
			{time.Second, 0, false}, {lease.ClockSlack, 0, false}, // what clocks may differ
			{lease.ClockSlack + time.Second, 0, true}, {time.Hour, 0, true}, {1000 * time.Hour, 0, true},
			{time.Second, 1, false}, {time.Hour, 1, false}, {longest, 9, false}, // a wait
			{longest + lease.ClockSlack + time.Second, 1, true}, {1000 * time.Hour, 9, true},
		} {
			if _, err := db.Writer().NewDelete().Model((*work)(nil)).Where("1 = 1").Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
			row := work{NextAt: sqldb.At(now.Add(tt.ahead)), Attempts: tt.attempts}
			if _, err := db.Writer().NewInsert().Model(&row).Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
			q := lease.WhereDue(db.Reader().NewSelect().Model((*work)(nil)), "w", now, longest)
			if due, err := q.Exists(t.Context()); err != nil || due != tt.want {
				t.Errorf("%v ahead after %d attempts: due is %t, %v, want %t", tt.ahead, tt.attempts, due, err, tt.want)
			}
			err := lease.PullForward[work](t.Context(), db.Writer(), "w", now, longest,
				func(q *bun.UpdateQuery) *bun.UpdateQuery { return q.Where("w.attempts < 9") })
			if err != nil {
				t.Fatal(err)
			}
			want := row.NextAt
			if tt.want && tt.attempts < 9 && tt.ahead > 0 {
				want = sqldb.At(now)
			}
			if err := db.Reader().NewSelect().Model(&row).Scan(t.Context()); err != nil || row.NextAt != want {
				t.Errorf("%v ahead after %d attempts: pulled forward to %v, %v", tt.ahead, tt.attempts, row.NextAt, err)
			}
		}
	})
}

// TestDueRowsAreClaimedTogether: those that the query selects and nobody has, and by nobody
// else until they are released or their lease has run out.
func TestDueRowsAreClaimedTogether(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		jobs, now := newJobs(t, db), time.Now()
		for _, name := range []string{"a", "b", "c", "d"} {
			row := &job{Name: name, Done: name == "c"}
			if jobs.claim(row, now); name != "a" {
				row.Release()
				jobs.save(row)
			}
		}
		due := func(at time.Time, limit int64) (names string, rows []job) {
			t.Helper()
			jobs.do(func(ctx context.Context, tx bun.IDB) (_ bool, err error) {
				rows, err = lease.ClaimDue[job](ctx, tx, "j", at, lasts, func(q *bun.SelectQuery) *bun.SelectQuery {
					return q.Where("NOT j.done").Order("j.name").Limit(limit)
				})
				return true, err
			})
			for _, r := range rows {
				names += r.Name
			}
			return names, rows
		}
		one, first := due(now, 1)
		rest, others := due(now, 9)
		if one != "b" || rest != "d" || first[0].LeaseToken == others[0].LeaseToken {
			t.Fatalf("claimed %q and then %q, want b and d, each under a token of its own", one, rest)
		}
		if names, _ := due(now, 9); names != "" {
			t.Errorf("%q was claimed twice", names)
		}
		jobs.do(func(ctx context.Context, tx bun.IDB) (bool, error) {
			lost := job{Name: "b", Done: true, Lease: others[0].Lease}
			if held, err := lease.SaveRelease(ctx, tx, &lost); held || err != nil {
				t.Errorf("a lease of another was released: %v", err)
			}
			if held, err := lease.Delete(ctx, tx, &lost); held || err != nil {
				t.Errorf("a row of another was removed: %v", err)
			}
			first[0].Done = true // not written by a release
			if held, err := lease.SaveRelease(ctx, tx, &first[0]); !held || err != nil {
				t.Errorf("the lease was not released: %v", err)
			}
			held, err := lease.Delete(ctx, tx, &others[0])
			if !held || err != nil {
				t.Errorf("the row was not removed: %v", err)
			}
			return held, err
		})
		if names, _ := due(now, 9); names != "b" {
			t.Errorf("%q are due, want b, which was released", names)
		}
		if names, _ := due(now.Add(lasts), 9); names != "ab" {
			t.Errorf("%q are due when the leases have ended, want ab", names)
		}
	})
}

// TestColumnsAreSavedAlone, with the end of the lease.
func TestColumnsAreSavedAlone(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		jobs, now := newJobs(t, db), time.Now()
		row := &job{Name: "a"}
		jobs.claim(row, now)
		row.Done = true
		row.Prolong(now.Add(time.Second), lasts)
		jobs.do(func(ctx context.Context, tx bun.IDB) (bool, error) { return lease.Save(ctx, tx, row, "lease_token") })
		found := &job{Name: "a"}
		if jobs.claim(found, now.Add(lasts)) || found.Done {
			t.Errorf("the row is %+v, want it leased for a second longer and not done", found)
		}
	})
}
