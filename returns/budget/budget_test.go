package budget_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/returns/budget"
)

func newBudget(t *testing.T, c budget.Config) *budget.Budget {
	t.Helper()
	b, err := budget.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// line has requests wait in a queue and notes the order in which they are
// served, each for a second.
type line struct {
	b      *budget.Budget
	mu     sync.Mutex
	served []string
	wg     sync.WaitGroup
}

func (l *line) ask(name, key string, n int64) {
	l.wg.Go(func() {
		release, err := l.b.Acquire(context.Background(), key, n)
		l.mu.Lock()
		if err != nil {
			name += " " + fmt.Sprint(errors.Is(err, budget.ErrBusy))
		}
		l.served = append(l.served, name)
		l.mu.Unlock()
		if err == nil {
			time.Sleep(time.Second)
			release()
		}
	})
	synctest.Wait() // it stands in the queue before the next comes
}

func TestWhoGoesNext(t *testing.T) {
	type ask struct {
		name, key string
		n         int64
	}
	for _, c := range []struct {
		name string
		cfg  budget.Config
		asks []ask
		want []string
	}{
		{
			"of one key first come first served", budget.Config{Bytes: 10, Places: 1},
			[]ask{{"1", "a", 10}, {"2", "a", 9}, {"3", "a", 1}, {"4", "a", 5}}, []string{"1", "2", "3", "4"},
		},
		{
			"small ones of others go before the many large ones of one", budget.Config{Bytes: 10, Places: 1},
			[]ask{{"large 1", "a", 10}, {"large 2", "a", 10}, {"large 3", "a", 10}, {"b", "b", 1}, {"c", "c", 2}},
			[]string{"large 1", "b", "c", "large 2", "large 3"},
		},
		{
			"a large one is not passed for ever", budget.Config{Bytes: 10, Places: 1},
			[]ask{{"first", "x", 1}, {"large", "a", 5}, {"b1", "b", 2}, {"b2", "b", 2}, {"b3", "b", 2}, {"b4", "b", 2}},
			[]string{"first", "b1", "large", "b2", "b3", "b4"},
		},
		{
			"nobody goes before the one whose turn it is, though there is room", budget.Config{Bytes: 10, Places: 9},
			[]ask{{"half", "x", 6}, {"large", "a", 8}, {"later", "b", 8}, {"tiny", "c", 9}},
			[]string{"half", "large", "later", "tiny"},
		},
		{
			"a key leaves a place to the others", budget.Config{Bytes: 100, Places: 2},
			[]ask{{"a1", "a", 1}, {"a2", "a", 1}, {"a3", "a", 1}, {"b", "b", 50}}, []string{"a1", "b", "a2", "a3"},
		},
		{
			"a key holds no more than half", budget.Config{Bytes: 10},
			[]ask{{"a1", "a", 4}, {"a2", "a", 4}, {"b", "b", 6}}, []string{"a1", "b", "a2"},
		},
		{
			"a key waits with so many and no more", budget.Config{Bytes: 10, Places: 1, KeyQueue: 1},
			[]ask{{"a1", "a", 4}, {"a2", "a", 4}, {"a3", "a", 1}, {"b", "b", 6}}, []string{"a1", "a3 true", "a2", "b"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &line{b: newBudget(t, c.cfg)}
				for _, a := range c.asks {
					l.ask(a.name, a.key, a.n)
				}
				l.wg.Wait()
				if !slices.Equal(l.served, c.want) {
					t.Errorf("served %q, want %q", l.served, c.want)
				}
			})
		})
	}
}

func TestMoreThanTheWholeIsRefused(t *testing.T) {
	b := newBudget(t, budget.Config{Bytes: 10})
	for _, n := range []int64{11, -1, 1 << 62} {
		if _, err := b.Acquire(t.Context(), "a", n); !errors.Is(err, budget.ErrTooLarge) {
			t.Errorf("%d: %v", n, err)
		}
	}
	for _, c := range []budget.Config{{}, {Bytes: -1}, {Bytes: 1, Places: -1}, {Bytes: 1, KeyQueue: -1}} {
		if _, err := budget.New(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}

func TestWhoGivesUpLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(t, budget.Config{Bytes: 10})
		all, err := b.Acquire(t.Context(), "a", 10)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.Acquire(ctx, "b", 8); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting ended with %v", err)
		}
		all()
		all() // twice is once
		if _, err := b.Acquire(t.Context(), "b", 10); err != nil {
			t.Error(err)
		}
	})
}

// TestNoMoreIsHeldThanThereIs has many keys ask, give up and give back at
// random.
func TestNoMoreIsHeldThanThereIs(t *testing.T) {
	b := newBudget(t, budget.Config{Bytes: 1000, Places: 7, KeyQueue: 100})
	var held, places, served atomic.Int64
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			for range 200 {
				n := r.Int64N(1001)
				ctx, cancel := context.WithCancel(t.Context())
				if r.IntN(4) == 0 {
					go cancel()
				}
				release, err := b.Acquire(ctx, fmt.Sprint(i%9), n)
				if err == nil {
					if held.Add(n) > 1000 || places.Add(1) > 7 {
						t.Error("more is held than there is")
					}
					served.Add(1)
					held.Add(-n)
					places.Add(-1)
					release()
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if release, err := b.Acquire(t.Context(), "x", 1000); err != nil || served.Load() < 1000 {
		t.Errorf("%d were served; in the end the whole is not there: %v", served.Load(), err)
	} else {
		release()
	}
}
