package auth

import (
	"sync"
	"time"
)

// quota counts what each key, such as an address, has used in an hour, and what
// it has under way. Memory is bounded by what is used: an entry goes with the
// hour, or at once where nothing was used.
type quota struct {
	perHour int
	atOnce  int // 0: any number
	now     func() time.Time

	mu    sync.Mutex
	byKey map[string]*used
	swept time.Time
}

// used is what a key has used of its hour, which begins with the first use.
type used struct {
	began    time.Time
	n        int
	underWay int
}

func newQuota(perHour, atOnce int, now func() time.Time) *quota {
	return &quota{perHour: perHour, atOnce: atOnce, now: now, byKey: map[string]*used{}}
}

// take uses one of the key's, and returns how to end it, which must be called
// once; where nothing came of it, it is given back. Where the key has none left,
// end is nil and wait is when to come again.
func (q *quota) take(key string) (end func(giveBack bool), wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	q.sweep(now)
	u := q.byKey[key]
	if u == nil {
		u = &used{began: now}
		q.byKey[key] = u
	}
	if !now.Before(u.began.Add(time.Hour)) {
		u.began, u.n = now, u.underWay // those under way count in the new hour
	}
	if u.n >= q.perHour {
		return nil, u.began.Add(time.Hour).Sub(now)
	}
	if q.atOnce > 0 && u.underWay >= q.atOnce {
		return nil, time.Second
	}
	u.n++
	u.underWay++
	return func(giveBack bool) {
		q.mu.Lock()
		defer q.mu.Unlock()
		u.underWay--
		if giveBack {
			u.n--
		}
		if u.n <= 0 && u.underWay == 0 {
			delete(q.byKey, key)
		}
	}, 0
}

// sweep drops entries whose hour is over, once per hour.
func (q *quota) sweep(now time.Time) {
	if now.Sub(q.swept) < time.Hour {
		return
	}
	q.swept = now
	for key, u := range q.byKey {
		if u.underWay == 0 && !now.Before(u.began.Add(time.Hour)) {
			delete(q.byKey, key)
		}
	}
}
