package batch_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/returnkit/returnkit/internal/batch"
)

// TestQuestionsThatMeetAreOne: the same key is loaded once, what is not there
// is not found, and nobody gets what another one holds.
func TestQuestionsThatMeetAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked [][]string
		let := make(chan struct{})
		l := batch.NewLoader(nil, 8, func(_ context.Context, keys []string) (map[string][]int, error) {
			<-let
			slices.Sort(keys)
			asked = append(asked, keys)
			all := map[string][]int{"a": {1}, "b": {2}}
			maps.DeleteFunc(all, func(k string, _ []int) bool { return !slices.Contains(keys, k) })
			return all, nil
		}, slices.Clone[[]int])
		var wg sync.WaitGroup
		find := func(key string, want int) {
			wg.Go(func() {
				v, ok, err := l.Find(t.Context(), key)
				if err != nil || ok != (want > 0) || ok && v[0] != want {
					t.Errorf("%s: %v, %t, %v", key, v, ok, err)
				}
				if ok {
					v[0] = 99 // its own
				}
			})
		}
		find("a", 1)
		synctest.Wait()
		for range 2 {
			find("a", 1)
			find("b", 2)
			find("c", 0)
		}
		synctest.Wait()
		close(let)
		wg.Wait()
		if want := [][]string{{"a"}, {"a", "b", "c"}}; !slices.EqualFunc(asked, want, slices.Equal) {
			t.Errorf("loaded %v, want %v", asked, want)
		}
	})
}

// TestAQuestionWithoutAnAnswer fails for all who asked it.
func TestAQuestionWithoutAnAnswer(t *testing.T) {
	gone := errors.New("gone")
	l := batch.NewLoader(
		nil,
		8,
		func(context.Context, []string) (map[string]int, error) { return nil, gone },
		func(n int) int { return n },
	)
	if _, ok, err := l.Find(t.Context(), "a"); ok || !errors.Is(err, gone) {
		t.Errorf("%t, %v", ok, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := l.Find(ended, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}
