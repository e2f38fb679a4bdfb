package resilience

import (
	"fmt"
	"sync/atomic"
)

// Budget limits retries to a share of the calls made, over all who use it. Each
// call puts the share into it and each retry takes a whole one out. So a
// dependency that fails completely sees that share more load, and not several
// times as much. Make one with [NewBudget] and share it among the retriers of one
// dependency. It may be used by many goroutines at once. The zero Budget grants
// no retry.
type Budget struct {
	percent int64
	limit   int64        // in hundredths of a retry, like the balance
	balance atomic.Int64 // between 0 and limit
}

// NewBudget returns a budget of percent retries per 100 calls, 0 to 100, that
// starts with, and never holds more than, reserve retries (1 to 1,000,000): that
// many pass in a burst, or in a program that calls rarely. Values out of range are
// an error that says what is allowed.
func NewBudget(percent, reserve int) (*Budget, error) {
	if percent < 0 || percent > 100 {
		return nil, fmt.Errorf("resilience: retry budget of %d percent, allowed is 0 to 100", percent)
	}
	if reserve < 1 || reserve > 1_000_000 {
		return nil, fmt.Errorf("resilience: retry budget with a reserve of %d, allowed is 1 to 1,000,000", reserve)
	}
	b := &Budget{percent: int64(percent), limit: int64(reserve) * 100}
	b.balance.Store(b.limit)
	return b, nil
}

// Left returns how many retries the budget would grant at this moment.
func (b *Budget) Left() int {
	if !b.made() {
		return 0
	}
	return int(b.balance.Load() / 100)
}

// made reports whether b was made by NewBudget.
func (b *Budget) made() bool { return b != nil && b.limit > 0 }

// deposit counts a call.
func (b *Budget) deposit() {
	for {
		have := b.balance.Load()
		then := min(have+b.percent, b.limit)
		if then == have || b.balance.CompareAndSwap(have, then) {
			return
		}
	}
}

// Withdraw takes one retry out of the budget and reports whether there was one.
// [Retry] does this itself; call it for retries that other code makes, so that one
// budget bounds them all.
func (b *Budget) Withdraw() bool {
	if !b.made() {
		return false
	}
	for {
		have := b.balance.Load()
		if have < 100 {
			return false
		}
		if b.balance.CompareAndSwap(have, have-100) {
			return true
		}
	}
}
