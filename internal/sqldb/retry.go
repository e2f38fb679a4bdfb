package sqldb

import (
	"context"
	"errors"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// Retry is how long what was refused because of others waits before it is
// tried again.
var Retry = resilience.Backoff{Initial: 4 * time.Millisecond, Factor: 2, Max: 250 * time.Millisecond}

// RetryBusy runs fn until it ends otherwise than with a busy error of SQLite,
// ctx is done, or limit has passed; zero means no limit.
func RetryBusy(ctx context.Context, limit time.Duration, fn func() error) error {
	start := time.Now()
	for attempt := 0; ; attempt++ {
		err := fn()
		if err == nil || !IsSQLiteBusy(err) || (limit > 0 && time.Since(start) > limit) {
			return err
		}
		if werr := resilience.Sleep(ctx, Retry.Wait(attempt)); werr != nil {
			return errors.Join(werr, err)
		}
	}
}
