package observability

import (
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// series caches the children of a vector of client_golang by their label values, and
// bounds how many there are, which a vector does not. Readers take no lock: the map is
// replaced, never written, when a child is added, which happens a bounded number of
// times.
type series[K comparable, M any] struct {
	children atomic.Pointer[map[K]M]

	mu       sync.Mutex
	limit    int       // most children, the overflow ones not counted
	overflow func(K) K // where a new K goes when the limit is reached
	child    func(K) M
}

func newSeries[K comparable, M any](limit int, overflow func(K) K, child func(K) M) *series[K, M] {
	s := &series[K, M]{limit: limit, overflow: overflow, child: child}
	s.children.Store(&map[K]M{})
	return s
}

// get returns the child of k, making it when it is new.
func (s *series[K, M]) get(k K) M {
	if c, ok := (*s.children.Load())[k]; ok {
		return c
	}
	return s.add(k)
}

func (s *series[K, M]) add(k K) M {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := *s.children.Load()
	if !utf8Labels(k) { // a vector would panic
		k = s.overflow(k)
	} else if len(old) >= s.limit {
		if c, ok := old[k]; ok {
			return c
		}
		k = s.overflow(k)
	}
	if c, ok := old[k]; ok {
		return c
	}
	next := make(map[K]M, len(old)+1)
	for key, c := range old {
		next[key] = c
	}
	c := s.child(k)
	next[k] = c
	s.children.Store(&next)
	return c
}

// utf8Labels reports whether the label values in a key are valid.
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

// other stands for every label value beyond the known or the cap.
const other = "other"

func otherWord(string) string { return other }
