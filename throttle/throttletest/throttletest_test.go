package throttletest_test

import (
	"testing"
	"time"

	"github.com/returnkit/returnkit/throttle"
	"github.com/returnkit/returnkit/throttle/throttletest"
)

// TestSteps is how a limiter of your own would be held to the law: here one that
// keeps its state in a map.
func TestSteps(t *testing.T) {
	throttletest.Steps(t, func(_ *testing.T, l throttle.Limit) throttletest.Take {
		due := map[string]time.Duration{}
		return func(at time.Duration, key string, cost int64) (throttle.Decision, error) {
			d, err := l.Decide(due[key]-at, cost)
			if err == nil && d.Allowed {
				due[key] = at + d.ResetAfter
			}
			return d, err
		}
	})
}
