package resilience

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrLeaseLost is the cause of a context of [KeepLease] that ended because the
// lease was lost.
var ErrLeaseLost = errors.New("resilience: the lease was lost")

// KeepLease renews a lease while its holder is at work. A lease says until when a
// thing belongs to who took it: a holder that crashes does not renew it, and
// another one takes over when it has run out.
//
// renew is called three times in lasts, the time that the lease is good for after
// each renewal, and reports whether the lease is still the caller's. Its error
// says nothing: it is called again.
//
// The context returned ends with ctx, when stop is called, and when the lease is
// lost: when renew reports so, or when it has failed for as long as lasts. Its
// cause is ErrLeaseLost then, with the last error of renew. stop ends the renewal
// and returns when no call of renew is under way; calling it again does nothing.
func KeepLease(
	ctx context.Context, lasts time.Duration, renew func(context.Context) (held bool, err error),
) (leased context.Context, stop func()) {
	leased, end := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		every := max(lasts/3, time.Millisecond)
		for last := time.Now(); Sleep(leased, every) == nil; {
			held, err := renewWithin(leased, every, renew)
			switch {
			case leased.Err() != nil:
			case err == nil && held:
				last = time.Now()
			case err == nil || time.Since(last) >= lasts:
				end(errors.Join(ErrLeaseLost, err))
			}
		}
	})
	return leased, func() { end(context.Canceled); renewing.Wait() }
}

// renewWithin calls renew with a context that ends before the next call is due.
func renewWithin(
	ctx context.Context, limit time.Duration, renew func(context.Context) (held bool, err error),
) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return renew(ctx)
}
