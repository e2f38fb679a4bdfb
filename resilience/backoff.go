package resilience

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Backoff computes how long to wait before each retry: Initial, then Factor
// times the wait before, up to Max, each one changed by Jitter.
//
// It is a value without state: the same Backoff serves any number of callers,
// and a caller that counts its retries in a database row needs nothing else.
// The zero Backoff is ready to use; see the fields for its settings.
type Backoff struct {
	// Initial is the first wait. Zero means 100 ms.
	Initial time.Duration
	// Factor is how many times longer each wait is than the one before, 1 to
	// 100. Zero means 2.
	Factor float64
	// Max bounds the waits, before Jitter. Zero means 1 minute, or Initial if
	// that is longer.
	Max time.Duration
	// Jitter changes each wait, so that callers which failed together do not
	// retry together. It must be safe for concurrent use. Nil means Spread(50);
	// Spread(0) gives exact waits.
	Jitter func(time.Duration) time.Duration
}

// Validate reports the first setting that is out of its range, naming it, its
// value and what is allowed.
func (b Backoff) Validate() error {
	switch d := b.withDefaults(); {
	case b.Initial < 0 || b.Initial > maxDuration:
		return fmt.Errorf("resilience: Backoff.Initial is %v, allowed is 0 to %v", b.Initial, maxDuration)
	case b.Factor != 0 && !(b.Factor >= 1 && b.Factor <= 100):
		return fmt.Errorf("resilience: Backoff.Factor is %v, allowed is 1 to 100", b.Factor)
	case b.Max < 0 || d.Max < d.Initial || d.Max > maxDuration:
		return fmt.Errorf("resilience: Backoff.Max is %v, allowed is Initial (%v) to %v", b.Max, d.Initial, maxDuration)
	}
	return nil
}

// Wait returns the wait before retry n, counted from 0: Initial x Factor^n, at
// most Max, then changed by Jitter. It is never negative. A negative n counts
// as 0.
//
// Wait does not call Validate. A setting that Validate refuses counts as zero,
// so that no Backoff makes a loop without a pause.
func (b Backoff) Wait(n int) time.Duration {
	b = b.withDefaults()
	return max(0, b.Jitter(b.exact(n)))
}

// Within returns how many waits, without jitter, last no longer than total
// together. With it a caller finds where a fast schedule ends and a slower one
// begins.
func (b Backoff) Within(total time.Duration) int {
	b = b.withDefaults()
	d := float64(b.Initial)
	for n := 0; ; n++ {
		wait := b.capped(d)
		if wait > total {
			return n
		}
		if wait == b.Max || b.Factor == 1 { // all further waits are as long
			return n + int(total/wait)
		}
		total -= wait
		d *= b.Factor
	}
}

// exact returns the wait before retry n without jitter. b has its defaults.
func (b Backoff) exact(n int) time.Duration {
	d := float64(b.Initial)
	for range n {
		if d >= float64(b.Max) || b.Factor == 1 {
			break
		}
		d *= b.Factor
	}
	return b.capped(d)
}

func (b Backoff) capped(d float64) time.Duration {
	if d >= float64(b.Max) {
		return b.Max
	}
	return time.Duration(d)
}

func (b Backoff) withDefaults() Backoff {
	if b.Initial <= 0 {
		b.Initial = 100 * time.Millisecond
	}
	if !(b.Factor >= 1) { // NaN too
		b.Factor = 2
	}
	if b.Max <= 0 {
		b.Max = max(time.Minute, b.Initial)
	}
	if b.Jitter == nil {
		b.Jitter = spreadHalf
	}
	return b
}

var spreadHalf = Spread(50)

// Spread returns a [Backoff.Jitter] that makes a wait longer or shorter by a
// random share of up to percent, 0 to 100; a value outside counts as the nearer
// of the two. The mean of the waits stays the same.
func Spread(percent int) func(time.Duration) time.Duration {
	share := time.Duration(min(max(percent, 0), 100))
	return func(d time.Duration) time.Duration {
		if d <= 0 {
			return 0
		}
		by := min(d/100*share+d%100*share/100, math.MaxInt64-d, maxDuration)
		if by == 0 {
			return d
		}
		return d - by + rand.N(2*by+1)
	}
}

// Sleep waits for d, or until ctx ends, whose error it returns then. A context
// that has ended already is reported even if d is zero or less.
func Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
