package observability

import (
	"math"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// counter only grows. The zero value is ready for use.
type counter struct{ n atomic.Uint64 }

func (c *counter) inc() { c.n.Add(1) }

// gauge is a number that goes up and down. The zero value is 0.
type gauge struct{ bits atomic.Uint64 }

func (g *gauge) set(v float64)  { g.bits.Store(math.Float64bits(v)) }
func (g *gauge) value() float64 { return math.Float64frombits(g.bits.Load()) }

// vec holds the series of one family by label values. Readers take no lock:
// the map is replaced, never written, when a series is added, which happens
// a bounded number of times.
type vec[K comparable, S any] struct {
	series atomic.Pointer[map[K]*S]

	mu       sync.Mutex
	limit    int       // most series, the overflow ones not counted
	overflow func(K) K // where a new K goes when the limit is reached
	make     func() *S
}

func newVec[K comparable, S any](limit int, overflow func(K) K, make func() *S) *vec[K, S] {
	v := &vec[K, S]{limit: limit, overflow: overflow, make: make}
	v.series.Store(&map[K]*S{})
	return v
}

// get returns the series of k, making it when it is new.
func (v *vec[K, S]) get(k K) *S {
	if s := (*v.series.Load())[k]; s != nil {
		return s
	}
	return v.add(k)
}

func (v *vec[K, S]) add(k K) *S {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := *v.series.Load()
	if !utf8Labels(k) { // Prometheus would refuse the whole scrape
		k = v.overflow(k)
	} else if len(old) >= v.limit {
		if s := old[k]; s != nil {
			return s
		}
		k = v.overflow(k)
	}
	if s := old[k]; s != nil {
		return s
	}
	next := make(map[K]*S, len(old)+1)
	for key, s := range old {
		next[key] = s
	}
	s := v.make()
	next[k] = s
	v.series.Store(&next)
	return s
}

// utf8Labels tells whether the label values in a key are valid.
func utf8Labels(key any) bool {
	switch k := key.(type) {
	case string:
		return utf8.ValidString(k)
	case httpKey:
		return utf8.ValidString(k.endpoint)
	case workerKey:
		return utf8.ValidString(k.worker)
	}
	return true
}

// all returns the series there are. The map must not be written.
func (v *vec[K, S]) all() map[K]*S { return *v.series.Load() }
