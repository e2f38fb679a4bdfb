package throttletest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/throttle"
)

// Law has 64 goroutines ask limiters that share their state, all with the same
// limit, for a few keys until calls have been made, as fast as they can. No key
// may be given more than its burst and what the rate earns in the time that
// passed, and none less than its burst. The limit should be one that earns a few
// units in that time.
func Law(t *testing.T, calls int, limiters ...throttle.Limiter) {
	t.Helper()
	const goroutines, keys = 64, 3
	var admitted [keys]atomic.Int64
	var asked atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for g := range goroutines {
		wg.Go(func() {
			l := limiters[g%len(limiters)]
			for n := asked.Add(1); n <= int64(calls); n = asked.Add(1) {
				key := n % keys
				d, err := l.Take(t.Context(), fmt.Sprint("key ", key), 1)
				if err != nil {
					t.Errorf("call %d: %v", n, err)
					return
				}
				if d.Allowed {
					admitted[key].Add(1)
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	limit := limiters[0].Limit()
	for key := range admitted {
		n := admitted[key].Load()
		if allowed := limit.Burst + int64(took)*limit.Count/int64(limit.Per); n > allowed {
			t.Errorf("key %d: %d admitted in %v, the law (%v) allows %d", key, n, took, limit, allowed)
		}
		if least := min(limit.Burst, int64(calls/keys)); n < least {
			t.Errorf("key %d: %d admitted, its burst alone is %d", key, n, least)
		}
	}
}
