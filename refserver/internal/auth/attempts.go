package auth

import (
	"context"
	"sync"
	"time"
)

// attempts counts failed sign-ins per key over the last window and refuses
// more than max of them. Sign-ins under way count as failed until they end;
// one that would go over then waits for the others instead of being refused,
// so that many good ones at once all pass and many bad ones gain nothing.
//
// Memory is bounded by the speed of hashing: an entry takes a failed sign-in
// and is dropped a window later.
type attempts struct {
	max    int
	window time.Duration
	now    func() time.Time

	mu    sync.Mutex
	byKey map[string]*attempt
	swept time.Time
}

type attempt struct {
	failed   []time.Time // oldest first, at most max of them
	inFlight int
	waiting  int
	ended    chan struct{} // closed, and replaced, whenever one under way ends
}

func newAttempts(max int, window time.Duration, now func() time.Time) *attempts {
	return &attempts{max: max, window: window, now: now, byKey: map[string]*attempt{}}
}

// enter lets a sign-in begin and returns the function to call when it has
// ended. It returns an *Error when there were too many failures.
func (a *attempts) enter(ctx context.Context, key string) (done func(failed bool), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sweep()
	e := a.byKey[key]
	if e == nil {
		e = &attempt{ended: make(chan struct{})}
		a.byKey[key] = e
	}
	for {
		e.forget(a.now().Add(-a.window))
		if len(e.failed) >= a.max {
			retry := e.failed[0].Add(a.window).Sub(a.now())
			return nil, &Error{Code: CodeTooManyAttempts, RetryAfter: retry,
				Message: "Too many failed sign-ins. Wait a minute, then try again"}
		}
		if len(e.failed)+e.inFlight < a.max {
			break
		}
		if e.waiting >= addressWaiting {
			return nil, longLine()
		}
		ended := e.ended
		e.waiting++
		a.mu.Unlock()
		select {
		case <-ended:
		case <-ctx.Done():
		}
		a.mu.Lock()
		e.waiting--
		if err := ctx.Err(); err != nil {
			a.tidy(key, e)
			return nil, err
		}
	}
	e.inFlight++
	return func(failed bool) {
		a.mu.Lock()
		defer a.mu.Unlock()
		e.inFlight--
		if failed {
			e.failed = append(e.failed, a.now())
		}
		close(e.ended)
		e.ended = make(chan struct{})
		a.tidy(key, e)
	}, nil
}

// tidy drops an entry that says nothing.
func (a *attempts) tidy(key string, e *attempt) {
	if len(e.failed) == 0 && e.inFlight == 0 && e.waiting == 0 {
		delete(a.byKey, key)
	}
}

// forget drops failures at or before the instant.
func (e *attempt) forget(before time.Time) {
	i := 0
	for i < len(e.failed) && !e.failed[i].After(before) {
		i++
	}
	e.failed = e.failed[i:]
}

// sweep drops entries that say nothing any more, once per window.
func (a *attempts) sweep() {
	now := a.now()
	if now.Sub(a.swept) < a.window {
		return
	}
	a.swept = now
	for k, e := range a.byKey {
		e.forget(now.Add(-a.window))
		a.tidy(k, e)
	}
}
