package suite

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"
)

// Promise is a numbered sentence of an interface's documentation.
type Promise[B any] struct {
	Sentence string // as it is documented, with its number: "3. A key is paid once."
	Cases    []Case[B]
}

// Case is one subtest of a promise.
type Case[B any] struct {
	Name string
	Run  func(b B)
}

// Says returns the promise of a sentence with its cases.
func Says[B any](sentence string, cases ...Case[B]) Promise[B] { return Promise[B]{sentence, cases} }

// By returns a case.
func By[B any](name string, run func(b B)) Case[B] { return Case[B]{name, run} }

const (
	// patience is how many calibrated calls long a case may make no progress.
	patience = 200
	// tick is the least that a calibrated call counts for: a busy machine stops a
	// process for longer than a call in memory takes.
	tick = 50 * time.Millisecond
	// mostCalls is how many calls a case makes before it is treated as one that does
	// not end. The largest makes some 4,000.
	mostCalls = 100_000
)

// Options of Run.
type Options[B any] struct {
	// Start makes what the cases work with, on a fresh implementation. It runs on the
	// goroutine of the subtest.
	Start func(t *T) B
	// Calibrate makes a few plain calls, whose time is what a call of the
	// implementation takes. Nil: a call is quick.
	Calibrate func(b B) (calls int)

	floor time.Duration // what a call takes at least; 0 means tick
}

// Run runs the cases of each promise as a subtest under the promise's sentence.
func Run[B any](t *testing.T, promises []Promise[B], o Options[B]) {
	t.Helper()
	pace := calibrated(t, o)
	for _, p := range promises {
		t.Run(p.Sentence, func(t *testing.T) {
			for _, c := range p.Cases {
				t.Run(c.Name, func(t *testing.T) { run(t, o.Start, c.Run, pace) })
			}
		})
	}
}

// run runs one case on a goroutine of its own, so that one that never ends can be
// left behind.
func run[B any](t *testing.T, start func(*T) B, f func(B), pace time.Duration) {
	b := newT(t)
	defer b.end()
	var on B
	if !b.protected(func() { on = start(b) }) {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.protected(func() { f(on) })
	}()
	b.watch(done, pace)
}

// calibrated is how long a call of the implementation takes, tick at least.
func calibrated[B any](t *testing.T, o Options[B]) time.Duration {
	pace := cmp.Or(o.floor, tick)
	if o.Calibrate == nil {
		return pace
	}
	t.Run("calibration", func(t *testing.T) {
		run(t, o.Start, func(on B) {
			start := time.Now()
			calls := o.Calibrate(on)
			pace = max(pace, time.Since(start)/time.Duration(max(calls, 1)))
		}, tick)
	})
	return pace
}

// watch returns when the case is done, or has made no progress for as long as
// patience calls take. It counts ticks and not time: a machine that is stopped
// loses both.
func (t *T) watch(done <-chan struct{}, pace time.Duration) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	idle, last := 0, t.progress.Load()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
		}
		switch now := t.progress.Load(); {
		case now > 2*mostCalls:
			t.Errorf("it made %d calls and has not ended", now/2)
			return
		case now != last:
			idle, last = 0, now
		default:
			idle++
		}
		if idle >= patience {
			t.Errorf("nothing happened for %s, %d times as long as a call takes: %s", (patience * pace).
				Round(time.Millisecond), patience, t.waiting())
			return
		}
	}
}

// waiting names the calls that have not returned.
func (t *T) waiting() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.inside) == 0 {
		return "no call is open, the case waits for something that does not come"
	}
	var names []string
	for _, name := range t.inside {
		names = append(names, name)
	}
	slices.Sort(names)
	const shown = 4
	if rest := len(names) - shown; rest > 0 {
		names = append(names[:shown], fmt.Sprintf("and %d more", rest))
	}
	return fmt.Sprintf("not returned: %q", names)
}
