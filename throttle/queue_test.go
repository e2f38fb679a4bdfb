package throttle

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
)

func mustQueue(tb testing.TB, cfg QueueConfig) *Queue {
	tb.Helper()
	if cfg.Name == "" {
		cfg.Name = "checkout"
	}
	q, err := NewQueue(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return q
}

// work takes a place for the given time.
func work(ctx context.Context, q *Queue, took time.Duration) error {
	p, err := q.Acquire(ctx)
	if err != nil {
		return err
	}
	defer p.Release()
	time.Sleep(took)
	return nil
}

func shedReason(err error) ShedReason {
	var e *ShedError
	if errors.As(err, &e) && errors.Is(err, ErrShed) {
		return e.Reason
	}
	return ""
}

func TestQueueAdmitsInTheOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := mustQueue(t, QueueConfig{Concurrency: 2, MaxWaiting: 10})
		start := time.Now()
		var mu sync.Mutex
		var order []string
		for i := range 6 {
			go func() {
				time.Sleep(time.Duration(i)) // arrive one after the other
				p, err := q.Acquire(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, fmt.Sprintf("%d at %v", i, time.Since(start).Truncate(ms(10))))
				mu.Unlock()
				time.Sleep(ms(100))
				p.Release()
				p.Release() // does nothing
			}()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		want := []string{"0 at 0s", "1 at 0s", "2 at 100ms", "3 at 100ms", "4 at 200ms", "5 at 200ms"}
		if !slices.Equal(order, want) {
			t.Errorf("order %q, want %q", order, want)
		}
		if s := q.Stats(); s.Running != 0 || s.Waiting != 0 || s.Admitted != 6 || s.Service != ms(100) {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestQueueShedsAtOnceWhatItCannotAnswerInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := mustQueue(t, QueueConfig{Concurrency: 1, MaxWaiting: 3})
		background := context.Background()
		_ = work(background, q, ms(100)) // it knows now that a request takes 100 ms
		for range 2 {
			go func() { _ = work(background, q, ms(100)) }()
		}
		synctest.Wait() // one runs, one waits

		tooShort, cancel := context.WithTimeout(background, ms(299))
		defer cancel()
		start := time.Now()
		err := work(tooShort, q, ms(100)) // 200 ms to wait, 100 ms to run
		var e *ShedError
		if !errors.As(err, &e) || e.Reason != ShedTooLate || e.RetryAfter != ms(200) || time.Since(start) != 0 {
			t.Errorf("with 299ms to go: %v after %v", err, time.Since(start))
		}
		enough, cancel2 := context.WithTimeout(background, ms(300))
		defer cancel2()
		go func() { _ = work(background, q, ms(100)) }()
		synctest.Wait()
		if got := shedReason(work(enough, q, ms(100))); got != ShedTooLate {
			t.Errorf("behind another one: %q, want too_late", got)
		}
		go func() { _ = work(background, q, ms(100)) }()
		synctest.Wait()
		if got := shedReason(work(background, q, ms(100))); got != ShedFull || time.Since(start) != 0 {
			t.Errorf("the fourth to wait: %q, want queue_full", got)
		}
		time.Sleep(time.Second)
		if err := work(enough, q, ms(1)); err == nil {
			t.Error("a context that has ended was admitted")
		}
		if s := q.Stats(); s.Shed != 3 || s.Running != 0 || s.Waiting != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestQueueJustInTimeIsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := mustQueue(t, QueueConfig{Concurrency: 1, MaxWaiting: 3})
		_ = work(context.Background(), q, ms(100))
		go func() { _ = work(context.Background(), q, ms(100)) }()
		synctest.Wait()
		enough, cancel := context.WithTimeout(context.Background(), ms(201))
		defer cancel()
		if err := work(enough, q, ms(50)); err != nil {
			t.Errorf("100 ms to wait, 100 ms to run, 201 ms to go: %v", err)
		}
	})
}

func TestQueueLetsNobodyWaitTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := mustQueue(t, QueueConfig{Concurrency: 1, MaxWaiting: 3, MaxWait: ms(50)})
		go func() { _ = work(context.Background(), q, time.Second) }()
		synctest.Wait()
		start := time.Now()
		if got := shedReason(work(context.Background(), q, 0)); got != ShedWaited || time.Since(start) != ms(50) {
			t.Errorf("%q after %v, want waited after 50ms", got, time.Since(start))
		}
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(ms(10), cancel)
		if err := work(ctx, q, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that left: %v", err)
		}
		time.Sleep(time.Second)
		if err := work(context.Background(), q, 0); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		if s := q.Stats(); s.Running != 0 || s.Waiting != 0 || s.Left != 1 || s.Shed != 1 || s.Admitted != 2 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestAFreePlaceIsGivenWithoutReckoning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := mustQueue(t, QueueConfig{Concurrency: 1})
		_ = work(context.Background(), q, time.Hour)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := work(ctx, q, ms(1)); err != nil {
			t.Errorf("after one very slow request: %v", err)
		}
	})
}

// TestQueueLosesNoPlace has 64 goroutines come, wait, leave and be shed.
func TestQueueLosesNoPlace(t *testing.T) {
	q := mustQueue(t, QueueConfig{Concurrency: 4, MaxWaiting: 20, MaxWait: time.Millisecond})
	var running, admitted, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 5))
			for range 300 {
				ctx, cancel := context.WithTimeout(context.Background(),
					time.Duration(rng.Int64N(int64(2*time.Millisecond))))
				if rng.IntN(3) == 0 {
					cancel()
				}
				p, err := q.Acquire(ctx)
				if err == nil {
					if n := running.Add(1); n > 4 {
						t.Errorf("%d run at once", n)
					}
					admitted.Add(1)
					for range rng.IntN(2000) {
						_ = rng.Uint64()
					}
					running.Add(-1)
					p.Release()
				} else {
					refused.Add(1)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	s := q.Stats()
	if s.Running != 0 || s.Waiting != 0 || s.Admitted != admitted.Load() {
		t.Errorf("stats %+v after %d admitted, %d refused", s, admitted.Load(), refused.Load())
	}
	for range 4 {
		if _, err := q.Acquire(context.Background()); err != nil {
			t.Errorf("a place is lost: %v", err)
		}
	}
}

func TestQueueSettingsAreChecked(t *testing.T) {
	for _, cfg := range []QueueConfig{
		{Concurrency: 1}, {Name: "q"}, {Name: "q", Concurrency: 1, MaxWaiting: -1},
		{Name: "q", Concurrency: 1, MaxWait: -1},
	} {
		if _, err := NewQueue(cfg); err == nil {
			t.Errorf("NewQueue(%+v) gives no error", cfg)
		}
	}
}
