//go:build deploy

package deploytest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/drive"
)

// traffic is customers who buy at a steady rate through the balancer and retry
// what was not answered under the same Idempotency-Key, as a client should.
type traffic struct {
	t        *testing.T
	stop     context.CancelFunc
	done     sync.WaitGroup
	accepted atomic.Int64
	retried  atomic.Int64
	refused  atomic.Int64
	lost     atomic.Int64 // gave up without an answer
	users    []string

	mu   sync.Mutex
	last time.Time
	gap  time.Duration // longest time without an accepted order
}

// buyers is how many customers buy at once.
const buyers = 8

// buy starts customers who offer rate checkouts a second, one in four by card.
func buy(t *testing.T, base string, product int64, rate int) *traffic {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &traffic{t: t, stop: cancel, last: time.Now()}
	work := make(chan int, buyers)
	for i := range buyers {
		name := fmt.Sprintf("buyer_%d_%d", time.Now().UnixNano(), i)
		c := drive.New(base, 5*time.Second)
		if err := c.Register(t.Context(), name, "buyer-password"); err != nil {
			t.Fatal(err)
		}
		if err := c.SignIn(t.Context(), name, "buyer-password"); err != nil {
			t.Fatal(err)
		}
		f.users = append(f.users, name)
		f.done.Go(func() {
			for n := range work {
				f.one(c, product, fmt.Sprintf("%s-%d", name, n), n%4 == 0)
			}
		})
	}
	f.done.Go(func() {
		defer close(work)
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			select {
			case work <- n:
			case <-ctx.Done():
				return
			}
		}
	})
	t.Cleanup(func() { cancel(); f.done.Wait() })
	return f
}

// one buys one unit, however often it has to ask.
func (f *traffic) one(c *drive.Client, product int64, key string, byCard bool) {
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	card := ""
	if byCard {
		card = drive.GoodCard
	}
	again := func(err error) bool { // no answer, or one that says nothing of the order
		status := drive.StatusOf(err)
		return err != nil && (status == 0 || status >= 500 || status == 429)
	}
	pause := func() bool {
		f.retried.Add(1)
		timer := time.NewTimer(50 * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
	err := c.AddToCart(ctx, product, 1)
	for again(err) && pause() {
		err = c.AddToCart(ctx, product, 1)
	}
	if err == nil {
		_, err = c.Checkout(ctx, card, key)
		for again(err) && pause() {
			_, err = c.Checkout(ctx, card, key)
		}
	}
	switch {
	case err == nil:
		f.accepted.Add(1)
		f.mu.Lock()
		now := time.Now()
		f.gap = max(f.gap, now.Sub(f.last))
		f.last = now
		f.mu.Unlock()
	case ctx.Err() != nil:
		f.lost.Add(1)
	default:
		f.refused.Add(1)
		f.t.Logf("refused: %v", err)
	}
}

// longestGap returns the longest time without an accepted order since the last
// call.
func (f *traffic) longestGap() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	gap := max(f.gap, time.Since(f.last))
	f.gap, f.last = 0, time.Now()
	return gap
}

// end stops the customers and waits for their last answers.
func (f *traffic) end() {
	f.stop()
	f.done.Wait()
}
