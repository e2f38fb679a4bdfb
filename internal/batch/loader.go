package batch

import (
	"context"
	"maps"
	"slices"
)

// Loader combines questions for one value each, by its key: those that meet
// are one question for all of them. It is safe for concurrent use; make it with
// NewLoader.
type Loader[K comparable, V any] struct{ group *Batcher[*lookup[K, V]] }

type lookup[K comparable, V any] struct {
	key   K
	value V
	found bool
	err   error
}

// NewLoader returns a Loader whose questions load answers, which gets up to max
// different keys at a time and leaves out those that are not there. own
// copies a value: two who asked for the same must not share it.
func NewLoader[K comparable, V any](
	slots Slots,
	max int,
	load func(ctx context.Context, keys []K) (map[K]V, error),
	own func(V) V,
) *Loader[K, V] {
	return &Loader[K, V]{group: New(slots, max, func(ctx context.Context, calls []*lookup[K, V]) {
		keys := make(map[K]bool, len(calls))
		for _, c := range calls {
			keys[c.key] = true
		}
		values, err := load(ctx, slices.Collect(maps.Keys(keys)))
		for _, c := range calls {
			if c.err = err; err != nil {
				continue
			}
			if c.value, c.found = values[c.key]; c.found {
				c.value = own(c.value)
			}
		}
	})}
}

// Find returns the value of the key as it is at an instant after the call, and
// whether there is one.
func (l *Loader[K, V]) Find(ctx context.Context, key K) (V, bool, error) {
	c := &lookup[K, V]{key: key}
	if err := l.group.Do(ctx, c); err != nil {
		var none V
		return none, false, err
	}
	return c.value, c.found, c.err
}

// Waiting reports the same as [Batcher.Waiting].
func (l *Loader[K, V]) Waiting() (calls int, working bool) { return l.group.Waiting() }
