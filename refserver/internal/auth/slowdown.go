package auth

import (
	"context"
	"sync"
	"time"

	"github.com/returnkit/returnkit/resilience"
)

// slowdown makes sign-ins to an account wait when many have failed, wherever they came from. It
// refuses nobody: an account that could be locked from anywhere could be locked by anybody
// (https://cheatsheetseries.owasp.org/cheatsheets/Authentication_Cheat_Sheet.html#account-lockout).
// Good and bad passwords wait alike, so the wait reveals nothing.
//
// Memory is bounded by the speed of hashing: an entry takes a failed sign-in
// and is dropped a window after the last one.
type slowdown struct {
	free         int           // failures that cost nothing
	first, limit time.Duration // of the waits, which double from first to limit
	window       time.Duration // without a failure, after which all is forgotten
	now          func() time.Time

	mu     sync.Mutex
	byName map[string]*failures
	swept  time.Time
}

type failures struct {
	n    int
	last time.Time
}

func newSlowdown(now func() time.Time) *slowdown {
	return &slowdown{
		free: 2 * maxFailures, first: 250 * time.Millisecond, limit: 4 * time.Second, window: 15 * time.Minute,
		now:    now,
		byName: map[string]*failures{},
	}
}

// delay is how long the next sign-in to the account has to wait.
func (s *slowdown) delay(name string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	f := s.byName[name]
	if f == nil || f.n < s.free || s.old(f) {
		return 0
	}
	wait := s.first
	for range f.n - s.free {
		if wait *= 2; wait >= s.limit {
			return s.limit
		}
	}
	return wait
}

// wait waits for as long as the account's failures ask for.
func (s *slowdown) wait(ctx context.Context, name string) error {
	if d := s.delay(name); d > 0 {
		return resilience.Sleep(ctx, d)
	}
	return nil
}

// failed counts a failure.
func (s *slowdown) failed(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.byName[name]
	if f == nil || s.old(f) {
		f = &failures{}
		s.byName[name] = f
	}
	f.n, f.last = f.n+1, s.now()
}

func (s *slowdown) old(f *failures) bool { return s.now().Sub(f.last) > s.window }

// sweep drops what is forgotten, once per window.
func (s *slowdown) sweep() {
	if s.now().Sub(s.swept) < s.window {
		return
	}
	s.swept = s.now()
	for name, f := range s.byName {
		if s.old(f) {
			delete(s.byName, name)
		}
	}
}
