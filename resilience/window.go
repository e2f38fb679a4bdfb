package resilience

import (
	"sync"
	"sync/atomic"
)

// window counts the calls of the last few buckets of time. The ring is indexed
// by the number of the bucket since the breaker was made (its epoch), so that it
// needs no timer: a bucket is emptied by the first call of its next epoch.
//
// add is lock-free but for that first call. A goroutine that is suspended for a
// whole window between finding its bucket and counting in it would count in a
// later one; that is the only inexactness.
type window struct {
	width   int64 // of a bucket, in ns
	mu      sync.Mutex
	buckets []bucket
}

type bucket struct {
	epoch       atomic.Int64
	total       atomic.Int64 // successes and failures
	failed      atomic.Int64
	slow        atomic.Int64 // of total
	neutralSlow atomic.Int64 // not of total
	_           [24]byte     // a cache line each
}

func newWindow(length int64, buckets int) *window {
	return &window{width: length / int64(buckets), buckets: make([]bucket, buckets)}
}

// add counts a call that ended at now.
func (w *window) add(now int64, o Outcome, slow bool) {
	epoch := now / w.width
	b := &w.buckets[epoch%int64(len(w.buckets))]
	if at := b.epoch.Load(); at != epoch {
		if at > epoch || !w.turn(b, epoch) {
			return // older than all the window shows
		}
	}
	if o == Neutral {
		b.neutralSlow.Add(1)
		return
	}
	// The total goes first and sums read it last, so that no sum sees more
	// failures than calls.
	b.total.Add(1)
	if slow {
		b.slow.Add(1)
	}
	if o == Failure {
		b.failed.Add(1)
	}
}

func (w *window) turn(b *bucket, epoch int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := b.epoch.Load()
	if at >= epoch {
		return at == epoch
	}
	b.failed.Store(0)
	b.slow.Store(0)
	b.neutralSlow.Store(0)
	b.total.Store(0)
	b.epoch.Store(epoch)
	return true
}

type sums struct{ total, failed, slow, neutralSlow int64 }

// sum adds up the buckets that the window shows at now.
func (w *window) sum(now int64) (s sums) {
	oldest := now/w.width - int64(len(w.buckets)) + 1
	for i := range w.buckets {
		b := &w.buckets[i]
		if b.epoch.Load() < oldest {
			continue
		}
		s.failed += b.failed.Load()
		s.slow += b.slow.Load()
		s.neutralSlow += b.neutralSlow.Load()
		s.total += b.total.Load()
	}
	return s
}
