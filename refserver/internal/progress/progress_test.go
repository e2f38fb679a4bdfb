package progress_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/returnkit/returnkit/orders/sqlstore"
	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/progress"
)

// bench is a database with a clock that only the test moves.
type bench struct {
	t   *testing.T
	db  *sqlstore.DB
	now atomic.Int64
}

func newBench(t *testing.T, db *sqlstore.DB) *bench {
	t.Helper()
	sqlstoretest.Migrated(t, db, progress.Migrations())
	b := &bench{t: t, db: db}
	b.now.Store(time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC).UnixNano())
	return b
}

// process is another process on the database.
func (b *bench) process() *progress.Service {
	b.t.Helper()
	s, err := progress.New(progress.Config{
		DB: b.db, Now: func() time.Time { return time.Unix(0, b.now.Load()).UTC() },
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func (b *bench) start(s *progress.Service, p progress.Params) progress.Operation {
	b.t.Helper()
	if p.Kind == "" {
		p.Kind = "count"
	}
	o, err := s.Start(b.t.Context(), p)
	if err != nil {
		b.t.Fatal(err)
	}
	return o
}

func (b *bench) is(s *progress.Service, id string, state progress.State, percent int) progress.Operation {
	b.t.Helper()
	o, err := s.Operation(b.t.Context(), id)
	if err != nil || o.State != state || o.Percent != percent {
		b.t.Errorf("%s at %d %%, want %s at %d %%: %+v, %v", o.State, o.Percent, state, percent, o, err)
	}
	return o
}

// counting counts to the total in steps of 10, and writes a line of a file for each.
func counting(resumes bool, before func(t *progress.Task) error) progress.Kind {
	return progress.Kind{Name: "count", Resumes: resumes, Work: func(ctx context.Context, t *progress.Task) error {
		for t.State == progress.Running {
			if err := before(t); err != nil {
				return err
			}
			a := progress.Advance{
				Done: 10, Position: fmt.Sprint(t.Done + 10), Message: "Counting.", Part: fmt.Appendln(nil, t.Done+10),
				Result: map[string]int{"counted": t.Done + 10},
			}
			if t.Done+10 >= t.Total {
				a.Finish, a.Message = progress.Done, "Counted."
			}
			if err := t.Step(ctx, a, nil); err != nil {
				return err
			}
		}
		return nil
	}}
}

func TestAnOperationIsCarriedOutToItsEnd(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		s := b.process()
		o := b.start(s, progress.Params{Title: "Count", OwnerID: "ada", Total: 45, Input: []byte("x")})
		b.is(s, o.ID, progress.Running, 0)
		last := -1
		more, err := s.WorkDue(t.Context(), counting(true, func(task *progress.Task) error {
			now, err := b.process().Operation(t.Context(), o.ID)
			if err != nil || now.Percent <= last || now.Percent >= 100 || string(task.Input) != "x" {
				t.Errorf("%+v after %d, input %q, %v", now, last, task.Input, err)
			}
			last = now.Percent
			b.now.Add(int64(time.Second))
			return nil
		}))
		if !more || err != nil {
			t.Fatal(more, err)
		}
		end := b.is(s, o.ID, progress.Done, 100)
		if end.Done != 45 || end.Message != "Counted." || !end.HasFile || end.FinishedAt.IsZero() ||
			strings.ReplaceAll(string(end.Result), " ", "") != `{"counted":50}` {
			t.Errorf("%+v %s", end, end.Result)
		}
		var file bytes.Buffer
		if err := s.File(t.Context(), o.ID, &file); err != nil || file.String() != "10\n20\n30\n40\n50\n" {
			t.Errorf("the file is %q, %v", file.String(), err)
		}
		if more, err := s.WorkDue(t.Context(), counting(true, nil)); more || err != nil {
			t.Errorf("there is more: %v, %v", more, err)
		}
		if list, err := s.Operations(t.Context(), progress.Query{OwnerID: "ada", Limit: 5}); err != nil ||
			len(list) != 1 {
			t.Errorf("%v, %v", list, err)
		}
		if list, err := s.Operations(t.Context(), progress.Query{OwnerID: "bob", Limit: 5}); err != nil ||
			len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
	})
}

// TestAnOperationWhoseProcessDied is continued by another process, or ends as interrupted: it
// is not running for ever. What died may not change it any more.
func TestAnOperationWhoseProcessDied(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		for name, tt := range map[string]struct {
			resumes bool
			state   progress.State
			percent int
		}{
			"continued":   {true, progress.Done, 100},
			"interrupted": {false, progress.Interrupted, 40},
		} {
			t.Run(name, func(t *testing.T) {
				b := newBench(t, db)
				dying, other := b.process(), b.process()
				o := b.start(dying, progress.Params{Title: "Count", Total: 50})
				dead, buried, late := make(chan struct{}), make(chan struct{}), make(chan error, 1)
				go func() {
					_, err := dying.WorkDue(
						context.WithoutCancel(t.Context()),
						counting(tt.resumes, func(t *progress.Task) error {
							if t.Done == 20 {
								close(dead) // it stands still here, as one that was killed
								<-buried
							}
							return nil
						}),
					)
					late <- err
				}()
				<-dead
				again := counting(tt.resumes, func(t *progress.Task) error {
					if t.Done < 20 || t.Position == "" {
						return fmt.Errorf("it begins anew at %d", t.Done)
					}
					return nil
				})
				if more, err := other.WorkDue(t.Context(), again); more || err != nil {
					t.Errorf("another process takes it at once: %v, %v", more, err)
				}
				b.now.Add(int64(time.Minute))
				if more, err := other.WorkDue(t.Context(), again); !more || err != nil {
					t.Errorf("nobody takes it after its lease: %v, %v", more, err)
				}
				b.is(other, o.ID, tt.state, tt.percent)
				close(buried)
				if err := <-late; err != nil {
					t.Errorf("who lost it fails: %v", err)
				}
				b.is(other, o.ID, tt.state, tt.percent)
				var file bytes.Buffer
				if err := other.File(t.Context(), o.ID, &file); tt.resumes &&
					(err != nil || file.String() != "10\n20\n30\n40\n50\n") {
					t.Errorf("the file is %q, %v", file.String(), err)
				}
			})
		}
	})
}

// TestAStoppedProcess leaves an operation that resumes to the others at once, and ends any other.
func TestAStoppedProcess(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		s := b.process()
		for _, resumes := range []bool{true, false} {
			o := b.start(s, progress.Params{Title: "Count", Total: 30})
			ctx, stop := context.WithCancel(t.Context())
			_, err := s.WorkDue(ctx, counting(resumes, func(t *progress.Task) error {
				if t.Done == 10 {
					stop()
					return ctx.Err()
				}
				return nil
			}))
			if resumes {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("the stop ends with %v", err)
				}
				nothing := func(*progress.Task) error { return nil }
				if more, err := b.process().WorkDue(t.Context(), counting(true, nothing)); !more || err != nil {
					t.Errorf("no other continues: %v, %v", more, err)
				}
				b.is(s, o.ID, progress.Done, 100)
				continue
			}
			b.is(s, o.ID, progress.Interrupted, 33)
		}
	})
}

func TestACanceledOperationStops(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		s := b.process()
		o := b.start(s, progress.Params{Title: "Wait", Kind: "wait", Total: 3})
		var canceled progress.Operation
		more, err := s.WorkDue(t.Context(), progress.Kind{
			Name: "wait", Work: func(ctx context.Context, task *progress.Task) error {
				var err error
				if canceled, err = b.process().Cancel(t.Context(), o.ID); err != nil {
					t.Error(err)
				}
				<-ctx.Done() // within a beat
				return ctx.Err()
			},
		})
		if !more || err != nil {
			t.Errorf("%v, %v", more, err)
		}
		now := b.is(s, o.ID, progress.Canceled, 0)
		if !now.FinishedAt.Equal(canceled.FinishedAt) || now.Message != "Canceled after 0 of 3." {
			t.Errorf("%+v", now)
		}
		if again, err := s.Cancel(t.Context(), o.ID); err != nil || again.State != progress.Canceled {
			t.Errorf("%+v, %v", again, err)
		}
		if _, err := s.Cancel(t.Context(), "none"); !errors.Is(err, progress.ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestOneOfTheOperationsThatAreSerialRuns(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		var wg sync.WaitGroup
		var started, busy atomic.Int64
		for range 6 {
			s := b.process()
			wg.Go(func() {
				_, err := s.Start(t.Context(), progress.Params{Kind: "count", Title: "Count", Serial: "one", Total: 10})
				switch {
				case err == nil:
					started.Add(1)
				case errors.Is(err, progress.ErrBusy):
					busy.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if started.Load() != 1 || busy.Load() != 5 {
			t.Errorf("%d started, %d were refused", started.Load(), busy.Load())
		}
		s := b.process()
		if more, err := s.WorkDue(t.Context(), counting(true, func(*progress.Task) error { return nil })); !more ||
			err != nil {
			t.Fatal(more, err)
		}
		b.start(s, progress.Params{Title: "Count", Serial: "one", Total: 10})
	})
}

// TestWhatFailsAgainAndAgainEnds: it is not tried for ever, and keeps no other from its turn.
func TestWhatFailsAgainAndAgainEnds(t *testing.T) {
	b := newBench(t, sqlstoretest.SQLite(t))
	s := b.process()
	o := b.start(s, progress.Params{Title: "Count", Total: 10})
	broken := errors.New("broken")
	kind := counting(true, func(*progress.Task) error { return broken })
	tries := 0
	for o.State == progress.Running && tries < 1000 {
		if _, err := s.WorkDue(t.Context(), kind); err != nil && !errors.Is(err, broken) {
			t.Fatal(err)
		}
		tries++
		b.now.Add(int64(time.Minute))
		var err error
		if o, err = s.Operation(t.Context(), o.ID); err != nil {
			t.Fatal(err)
		}
	}
	if o.State != progress.Failed || tries != 101 {
		t.Errorf("%s after %d tries", o.State, tries)
	}
	once := b.start(s, progress.Params{Title: "Count", Total: 10})
	kind.Resumes = false
	if _, err := s.WorkDue(t.Context(), kind); !errors.Is(err, broken) {
		t.Error(err)
	}
	b.is(s, once.ID, progress.Failed, 0)
}

func TestWhatIsOldIsRemoved(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		s := b.process()
		o := b.start(s, progress.Params{Title: "Count", Total: 10})
		fine := counting(true, func(*progress.Task) error { return nil })
		if _, err := s.WorkDue(t.Context(), fine); err != nil {
			t.Fatal(err)
		}
		running := b.start(s, progress.Params{Title: "Count", Total: 10})
		clean := func(after time.Duration, want int, kinds ...string) {
			t.Helper()
			b.now.Add(int64(after))
			if n, err := s.CleanUp(t.Context(), kinds...); err != nil || n != want {
				t.Errorf("%d removed, want %d, %v", n, want, err)
			}
		}
		var file bytes.Buffer
		clean(23*time.Hour, 0, "count")
		if err := s.File(t.Context(), o.ID, &file); err != nil || file.String() != "10\n" {
			t.Errorf("after 23 hours the file is %q, %v", file.String(), err)
		}
		b.now.Add(int64(time.Hour)) // nobody has removed it yet
		if err := s.File(t.Context(), o.ID, &file); !errors.Is(err, progress.ErrNotFound) {
			t.Errorf("after a day the file is there: %v", err)
		}
		file.Reset()
		clean(time.Hour, 1, "count")
		if err := s.File(t.Context(), o.ID, &file); !errors.Is(err, progress.ErrNotFound) {
			t.Errorf("the file is there: %q, %v", file.String(), err)
		}
		clean(89*24*time.Hour, 0, "other")
		clean(24*time.Hour, 1, "count")
		if _, err := s.Operation(t.Context(), o.ID); !errors.Is(err, progress.ErrNotFound) {
			t.Error(err)
		}
		b.is(s, running.ID, progress.Running, 0)
	})
}

func TestTimeLeft(t *testing.T) {
	begun := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	o := progress.Operation{State: progress.Running, BegunAt: begun, Done: 25, Total: 100}
	for name, tt := range map[string]struct {
		change func(*progress.Operation)
		after  time.Duration
		want   time.Duration
		known  bool
	}{
		"a quarter in ten seconds": {func(*progress.Operation) {}, 10 * time.Second, 30 * time.Second, true},
		"too early":                {func(*progress.Operation) {}, 100 * time.Millisecond, 0, false},
		"nothing is done":          {func(o *progress.Operation) { o.Done = 0 }, 10 * time.Second, 0, false},
		"it waits": {
			func(o *progress.Operation) { o.BegunAt = time.Time{} }, 10 * time.Second, 0, false,
		},
		"it is finished": {
			func(o *progress.Operation) { o.State = progress.Done }, 10 * time.Second, 0, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			one := o
			tt.change(&one)
			if left, known := one.Left(begun.Add(tt.after)); left != tt.want || known != tt.known {
				t.Errorf("%s, %v", left, known)
			}
		})
	}
}

// TestAStepIsWholeOrNotAtAll: what it does and how far the operation is are committed together.
func TestAStepIsWholeOrNotAtAll(t *testing.T) {
	sqlstoretest.Each(t, func(t *testing.T, db *sqlstore.DB) {
		b := newBench(t, db)
		s := b.process()
		o := b.start(s, progress.Params{Title: "Count", Total: 10})
		broken := errors.New("broken")
		_, err := s.WorkDue(t.Context(), progress.Kind{
			Name: "count", Resumes: true, Work: func(ctx context.Context, task *progress.Task) error {
				return task.Step(
					ctx,
					progress.Advance{},
					func(ctx context.Context, tx bun.IDB) (progress.Advance, error) {
						return progress.Advance{Done: 5}, broken
					},
				)
			},
		})
		if !errors.Is(err, broken) {
			t.Error(err)
		}
		if now := b.is(s, o.ID, progress.Running, 0); now.Done != 0 {
			t.Errorf("%+v", now)
		}
	})
}
