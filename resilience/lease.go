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
// each renewal, and reports whether the lease is still the caller's. An error of it
// says nothing, and it is called again: a database that is slow for a while does not
// end the work, for as long as nobody else has taken the lease. Where two at work
// would do harm, let renew give up in time: limit each call, and report false when
// none has succeeded for lasts.
//
// The context returned ends with ctx, when stop is called, and when renew reports
// that the lease is lost: false, and no error. Its cause is ErrLeaseLost then, with the
// error of the call before, if it failed.
// stop ends the renewal and returns when no call of renew is under way; calling it
// again does nothing.
func KeepLease(
	ctx context.Context, lasts time.Duration, renew func(context.Context) (held bool, err error),
) (leased context.Context, stop func()) {
	leased, end := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		failed := error(nil)
		for Sleep(leased, max(lasts/3, time.Millisecond)) == nil {
			held, err := renew(leased)
			switch {
			case held:
				failed = nil
			case err == nil:
				end(errors.Join(ErrLeaseLost, failed))
			default:
				failed = err
			}
		}
	})
	return leased, func() { end(context.Canceled); renewing.Wait() }
}
