package auth

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestFailuresFromAnywhereSlowAnAccountDownAndNeverLockIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowdown(time.Now)
		delayed := func(name string) time.Duration {
			t.Helper()
			begin := time.Now()
			if err := s.wait(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			return time.Since(begin)
		}
		for n, want := range map[int]time.Duration{
			0: 0, 19: 0, 20: 250 * time.Millisecond, 21: 500 * time.Millisecond, 23: 2 * time.Second,
			24: 4 * time.Second, 500: 4 * time.Second,
		} {
			s.byName = map[string]*failures{}
			for range n {
				s.failed("ada")
			}
			if got := delayed("ada"); got != want {
				t.Errorf("after %d failures it waits %s, want %s", n, got, want)
			}
			if got := delayed("bob"); got != 0 {
				t.Errorf("another account waits %s", got)
			}
		}
		for range 500 {
			s.failed("ada")
		}
		time.Sleep(15*time.Minute + time.Second)
		if got := delayed("ada"); got != 0 || len(s.byName) != 0 {
			t.Errorf("a quarter of an hour later it waits %s, and %d accounts are remembered", got, len(s.byName))
		}
	})
}
