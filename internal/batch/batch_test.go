package batch_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/returnkit/returnkit/internal/batch"
)

type square struct{ n, result int }

func TestCallsThatMeetAreRunTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		let := make(chan struct{})
		g := batch.New(nil, 4, func(_ context.Context, calls []*square) {
			<-let
			sizes = append(sizes, len(calls))
			for _, c := range calls {
				c.result = c.n * c.n
			}
		})
		do := func(n int) {
			s := &square{n: n}
			if err := g.Do(t.Context(), s); err != nil || s.result != n*n {
				t.Errorf("%d: %d, %v", n, s.result, err)
			}
		}
		var wg sync.WaitGroup
		wg.Go(func() { do(1) })
		synctest.Wait()
		for i := range 6 {
			wg.Go(func() { do(i) })
		}
		synctest.Wait()
		if n, working := g.Waiting(); n != 6 || !working {
			t.Errorf("%d wait, working %v", n, working)
		}
		close(let)
		wg.Wait()
		synctest.Wait()
		if len(sizes) != 3 || sizes[0] != 1 || sizes[1] != 4 || sizes[2] != 2 {
			t.Errorf("runs of %v, want 1, 4 and 2", sizes)
		}
		if n, working := g.Waiting(); n != 0 || working {
			t.Errorf("afterwards %d wait, working %v", n, working)
		}
	})
}

func TestWhoLeavesEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		var ran atomic.Int64
		g := batch.New(nil, 4, func(ctx context.Context, calls []*square) {
			<-let
			if ctx.Err() != nil {
				t.Error("the work ends with the caller")
			}
			ran.Add(int64(len(calls)))
		})
		errs := make([]error, 3)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i, ctx := range []context.Context{ctx, t.Context(), ctx} {
			wg.Go(func() { errs[i] = g.Do(ctx, &square{}) })
			synctest.Wait()
		}
		cancel()
		synctest.Wait()
		close(let)
		wg.Wait()
		synctest.Wait()
		if !errors.Is(errs[0], batch.ErrUnderWay) || !errors.Is(errs[0], context.Canceled) {
			t.Errorf("under way: %v", errs[0])
		}
		if errs[1] != nil {
			t.Errorf("who stays: %v", errs[1])
		}
		if errs[2] != context.Canceled {
			t.Errorf("who waited: %v", errs[2])
		}
		if ran.Load() != 2 {
			t.Errorf("%d ran, want 2", ran.Load())
		}
		if err := g.Do(ctx, &square{}); err != context.Canceled {
			t.Errorf("who came too late: %v", err)
		}
	})
}

func TestAPanicReachesTheCallerAtFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		g := batch.New(nil, 4, func(_ context.Context, calls []*square) {
			<-let
			for _, c := range calls {
				c.result = 1000 / c.n
			}
		})
		var wg sync.WaitGroup
		for n := range 4 {
			wg.Go(func() {
				defer func() {
					p := recover()
					err, _ := p.(error)
					if n == 0 && (err == nil || !strings.Contains(err.Error(), "divide by zero")) ||
						n != 0 && p != nil {
						t.Errorf("%d: panicked with %v", n, p)
					}
				}()
				s := &square{n: n}
				if err := g.Do(t.Context(), s); err != nil || s.result != 1000/n {
					t.Errorf("%d: %d, %v", n, s.result, err)
				}
			})
		}
		synctest.Wait()
		close(let)
		wg.Wait()
	})
}

func BenchmarkDo(b *testing.B) {
	g := batch.New(nil, 64, func(context.Context, []*square) {})
	b.RunParallel(func(pb *testing.PB) {
		s := &square{}
		for pb.Next() {
			if err := g.Do(context.Background(), s); err != nil {
				b.Error(err)
			}
		}
	})
}

// direct combines nothing.
type direct struct{}

func (direct) Enter(func() int) func(int) { panic("a turn was taken") }
func (direct) Arrived()                   { panic("a turn was waited for") }
func (direct) Direct() bool               { return true }

// TestDirectCallsAreCarriedOutByTheirCallers: with the caller's own context, and
// when Do returns nobody is at work for it.
func TestDirectCallsAreCarriedOutByTheirCallers(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ran := 0
	g := batch.New(direct{}, 4, func(ctx context.Context, calls []int) {
		ran += len(calls) // a race where another goroutine runs it
		cancel()
		if len(calls) != 1 || ctx.Err() == nil {
			t.Errorf("%d calls, and their context is not the caller's", len(calls))
		}
	})
	if err := g.Do(ctx, 1); err != nil || ran != 1 {
		t.Errorf("%v after %d calls", err, ran)
	}
	if err := g.Do(ctx, 2); err == nil || ran != 1 {
		t.Errorf("a call of one who is gone: %v after %d calls", err, ran)
	}
}
