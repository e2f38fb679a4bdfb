package batch_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/internal/batch"
)

// lanes are groups in one lane that note when their runs begin and end.
type lanes struct {
	scheduler *batch.Scheduler

	mu     sync.Mutex
	events []string
	groups map[string]*batch.Batcher[int]
	calls  sync.WaitGroup
}

func newLanes(limit int, took map[string]time.Duration) *lanes {
	l := &lanes{groups: map[string]*batch.Batcher[int]{}}
	l.scheduler = batch.NewScheduler(limit)
	for name, d := range took {
		l.groups[name] = batch.New(l.scheduler, 8, func(_ context.Context, calls []int) {
			l.note(fmt.Sprintf("%s%d", name, len(calls)))
			time.Sleep(d) // in a bubble
			l.note(name + " ends")
		})
	}
	return l
}

func (l *lanes) note(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, what)
}

func (l *lanes) call(t *testing.T, names ...string) {
	for _, name := range names {
		l.calls.Go(func() {
			if err := l.groups[name].Do(t.Context(), 0); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
	}
}

func (l *lanes) want(t *testing.T, want ...string) {
	t.Helper()
	l.calls.Wait()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.events, want) {
		t.Errorf("%q\nwant %q", l.events, want)
	}
}

// TestRunsTakeTurns: while one runs, the others gather calls, and the one with
// most is next.
func TestRunsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLanes(
			1,
			map[string]time.Duration{"a": 2 * time.Millisecond, "b": time.Millisecond, "c": time.Millisecond},
		)
		l.call(t, "a", "b", "c", "c")
		l.want(t, "a1", "a ends", "c2", "c ends", "b1", "b ends")
		l.call(t, "b") // the lane is free again
		l.want(t, "a1", "a ends", "c2", "c ends", "b1", "b ends", "b1", "b ends")
	})
}

// TestSomeRunAtOnce: as many as the lane has room for.
func TestSomeRunAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLanes(
			2,
			map[string]time.Duration{"a": 2 * time.Millisecond, "b": 4 * time.Millisecond, "c": time.Millisecond},
		)
		l.call(t, "a", "b", "c")
		l.want(t, "a1", "b1", "a ends", "c1", "c ends", "b ends")
	})
}

// TestALongRunHoldsNobodyUp: those who have waited go past, and those who come
// later don't wait for it.
func TestALongRunHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLanes(1, map[string]time.Duration{"long": time.Second, "b": time.Millisecond, "c": time.Millisecond})
		l.call(t, "long", "b")
		time.Sleep(500 * time.Millisecond)
		start := time.Now()
		if err := l.groups["c"].Do(t.Context(), 0); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != time.Millisecond {
			t.Errorf("one that came later took %v", took)
		}
		l.want(t, "long1", "b1", "b ends", "c1", "c ends", "long ends")
		l.call(t, "b", "c")
		l.want(t, "long1", "b1", "b ends", "c1", "c ends", "long ends", "b1", "b ends", "c1", "c ends")
	})
}

// TestNobodyIsLeftInTheLane: a caller that gives up while its group waits for
// the turn leaves nothing behind.
func TestNobodyIsLeftInTheLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLanes(1, map[string]time.Duration{"a": 2 * time.Millisecond, "b": time.Millisecond})
		l.call(t, "a")
		ctx, cancel := context.WithCancel(t.Context())
		l.calls.Go(func() {
			if err := l.groups["b"].Do(ctx, 0); err == nil {
				t.Error("it was executed")
			}
		})
		synctest.Wait()
		cancel()
		l.want(t, "a1", "a ends")
		time.Sleep(10 * time.Millisecond)
		l.call(t, "b", "a")
		l.want(t, "a1", "a ends", "b1", "b ends", "a1", "a ends")
	})
}

// TestTheEndOfAnOvertakenRunEndsNoOtherTurn: what was gone past has no turn to
// give on.
func TestTheEndOfAnOvertakenRunEndsNoOtherTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLanes(
			1,
			map[string]time.Duration{"long": 22 * time.Millisecond, "b": 4 * time.Millisecond, "c": time.Millisecond},
		)
		l.call(t, "long", "b")            // b goes past after 20 ms
		time.Sleep(23 * time.Millisecond) // long has ended, b has not
		l.call(t, "c")
		l.want(t, "long1", "b1", "long ends", "b ends", "c1", "c ends")
	})
}

// after calls the groups one by one, a while after each other.
func (l *lanes) after(t *testing.T, d time.Duration, names ...string) {
	t.Helper()
	for _, name := range names {
		time.Sleep(d)
		if err := l.groups[name].Do(t.Context(), 0); err != nil {
			t.Error(err)
		}
	}
}

// TestCallersWhoComeBackStayTogether: the next turn waits for those who were
// answered together, and they catch up with the one who went ahead.
func TestCallersWhoComeBackStayTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLanes(
			1,
			map[string]time.Duration{
				"x": 2 * time.Millisecond,
				"a": time.Millisecond,
				"b": time.Millisecond,
				"c": time.Millisecond,
			},
		)
		start := time.Now()
		l.call(t, "x") // the others gather meanwhile
		for i := range 3 {
			l.calls.Go(func() { l.after(t, 0, "a"); l.after(t, time.Duration(i)*100*time.Microsecond, "b") })
		}
		l.calls.Go(func() { l.after(t, 0, "b") })
		l.calls.Go(func() { l.after(t, 3050*time.Microsecond, "c") }) // one of three that came
		l.want(t, "x1", "x ends", "a3", "a ends", "b3", "b ends", "b1", "b ends", "c1", "c ends")
		if took := time.Since(start); took > 9*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}

// TestNobodyWaitsLongForThoseWhoStayAway: two milliseconds, and not at all with
// the hold switched off.
func TestNobodyWaitsLongForThoseWhoStayAway(t *testing.T) {
	for on, want := range map[bool]time.Duration{true: 5 * time.Millisecond, false: 3 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			l := newLanes(
				1, map[string]time.Duration{"x": time.Millisecond, "a": time.Millisecond, "b": time.Millisecond})
			l.scheduler.SetHold(on)
			for range 10 {
				start := time.Now()
				l.call(t, "x", "a", "a", "b")
				l.calls.Wait()
				if took := time.Since(start); took != want {
					t.Fatalf("hold %t: it took %v, want %v", on, took, want)
				}
				time.Sleep(time.Second)
			}
		})
	}
}
