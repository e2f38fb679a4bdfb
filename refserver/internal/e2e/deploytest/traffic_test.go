//go:build deploy

package deploytest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/refserver/internal/e2e/client"
)

// customers is how many people buy; one buys one order at a time.
const customers = 64

// traffic is customers who buy through the balancer. Orders come at a steady
// rate whether or not the earlier ones have been answered, and what was not
// answered is asked for again under the same Idempotency-Key, as a client
// should.
type traffic struct {
	t       *testing.T
	product int64
	free    chan *client.Client

	offered  atomic.Int64
	accepted atomic.Int64
	retried  atomic.Int64
	refused  atomic.Int64
	lost     atomic.Int64 // gave up without an answer

	stop context.CancelFunc
	done sync.WaitGroup

	mu    sync.Mutex
	last  time.Time     // when the newest order was accepted
	gap   time.Duration // longest time without one
	waits []time.Duration
}

// newTraffic registers the customers.
func newTraffic(t *testing.T, base string, product int64) *traffic {
	t.Helper()
	f := &traffic{t: t, product: product, free: make(chan *client.Client, customers)}
	failed := make(chan error, customers)
	places := make(chan struct{}, 4)
	for i := range customers {
		go func() {
			places <- struct{}{}
			defer func() { <-places }()
			name := fmt.Sprintf("buyer_%d_%d", time.Now().UnixNano(), i)
			c := client.New(base, 5*time.Second)
			err := c.Register(t.Context(), name, "buyer-password")
			if err == nil {
				err = c.SignIn(t.Context(), name, "buyer-password")
			}
			f.free <- c
			failed <- err
		}()
	}
	for range customers {
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// offer starts to offer rate orders a second, one in four by card.
func (f *traffic) offer(rate int) {
	ctx, cancel := context.WithCancel(f.t.Context())
	f.stop = cancel
	f.gap, f.last, f.waits = 0, time.Now(), nil
	f.done.Go(func() {
		next := time.Now()
		timer := time.NewTimer(0)
		defer timer.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
			for ; !next.After(time.Now()); next = next.Add(time.Second / time.Duration(rate)) {
				n, at := f.offered.Add(1), next
				f.done.Go(func() { f.one(at, fmt.Sprintf("order-%d", n), n%4 == 0) })
			}
			timer.Reset(time.Until(next))
		}
	})
	f.t.Cleanup(cancel)
}

// pause stops offering and waits for the last answers.
func (f *traffic) pause() {
	f.stop()
	f.done.Wait()
}

// answered is how many orders have their answer.
func (f *traffic) answered() int64 { return f.accepted.Load() + f.refused.Load() + f.lost.Load() }

// one buys one unit, however often it has to ask.
func (f *traffic) one(at time.Time, key string, byCard bool) {
	c := <-f.free
	defer func() { f.free <- c }()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(f.t.Context()), time.Minute)
	defer cancel()
	card := ""
	if byCard {
		card = client.GoodCard
	}
	again := func(err error) bool { // no answer, or one that says nothing of the order
		status := client.StatusOf(err)
		if err == nil || status != 0 && status < 500 && status != 429 {
			return false
		}
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
	err := c.AddToCart(ctx, f.product, 1)
	for again(err) {
		err = c.AddToCart(ctx, f.product, 1)
	}
	if err == nil {
		_, err = c.Checkout(ctx, card, key)
		for again(err) {
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
		f.waits = append(f.waits, now.Sub(at))
		f.mu.Unlock()
	case ctx.Err() != nil:
		f.lost.Add(1)
	default:
		f.refused.Add(1)
		f.t.Logf("refused: %v", err)
	}
}

// seen returns, of the orders since the last offer, the longest time in which
// none was accepted, and the p50 and p99 of the time from the instant that an
// order was due to its being accepted.
func (f *traffic) seen() (gap, p50, p99 time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	slices.Sort(f.waits)
	at := func(p float64) time.Duration {
		if len(f.waits) == 0 {
			return 0
		}
		return f.waits[int(math.Ceil(p*float64(len(f.waits))))-1]
	}
	return f.gap, at(0.5), at(0.99)
}
