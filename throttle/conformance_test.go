package throttle_test

import (
	"testing"
	"time"

	"github.com/returnkit/returnkit/throttle"
	"github.com/returnkit/returnkit/throttle/throttletest"
)

func newSingle(t *testing.T, l throttle.Limit) *throttle.Single {
	t.Helper()
	s, err := throttle.NewSingle(l)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newKeyed(t *testing.T, l throttle.Limit) *throttle.Keyed {
	t.Helper()
	k, err := throttle.NewKeyed(l, 10)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSingleConforms(t *testing.T) {
	throttletest.Steps(t, func(t *testing.T, l throttle.Limit) throttletest.Take {
		s, base := newSingle(t, l), time.Now()
		return func(at time.Duration, _ string, cost int64) (throttle.Decision, error) {
			return s.TakeAt(base.Add(at), cost)
		}
	})
}

func TestKeyedConforms(t *testing.T) {
	throttletest.Steps(t, func(t *testing.T, l throttle.Limit) throttletest.Take {
		k, base := newKeyed(t, l), time.Now()
		return func(at time.Duration, key string, cost int64) (throttle.Decision, error) {
			return k.TakeAt(base.Add(at), key, cost)
		}
	})
	throttletest.Law(t, 50_000, newKeyed(t, throttle.PerSecond(1000, 20)))
}
