package throttle

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestKeysDoNotTouchEachOther(t *testing.T) {
	k := mustKeyed(t, PerSecond(1, 1), 10)
	for _, key := range []string{"a", "b", ""} {
		if d, err := k.Take(context.Background(), key, 1); !d.Allowed || err != nil {
			t.Errorf("the first of %q: %+v, %v", key, d, err)
		}
	}
	if d, _ := k.Take(context.Background(), "a", 1); d.Allowed {
		t.Error("the second of a passed")
	}
}

func TestTheStoreHoldsAsManyKeysAsItSaysAndNeverGrows(t *testing.T) {
	const n = 40_000
	keys := manyKeys(2 * n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	k := mustKeyed(t, PerSecond(1, 2), n)
	for _, key := range keys[:n] {
		if d, err := k.TakeAt(k.base, key, 2); err != nil || !d.Allowed {
			t.Fatalf("key %s: %+v, %v", key, d, err)
		}
	}
	if got := k.active(0); got != n {
		t.Errorf("%d keys active, want %d", got, n)
	}
	full := 0
	for _, key := range keys[n:] {
		if _, err := k.TakeAt(k.base, key, 1); errors.Is(err, ErrFull) {
			full++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if per := float64(after.HeapAlloc-before.HeapAlloc) / n; per > 48 {
		t.Errorf("%.1f bytes a key after %d keys, allowed are 48", per, len(keys))
	}
	if full == 0 {
		t.Error("the store never said that it is full")
	}
	// What was in use has lost nothing to the flood.
	for _, key := range keys[:n] {
		if d, err := k.TakeAt(k.base, key, 1); d.Allowed || err != nil {
			t.Fatalf("key %s was forgotten while in use: %+v, %v", key, d, err)
		}
	}
	// And when its time is over there is room again.
	for _, key := range keys[n:] {
		if d, err := k.TakeAt(k.base.Add(2*time.Second), key, 1); err != nil || !d.Allowed {
			t.Fatalf("key %s, later: %+v, %v", key, d, err)
		}
	}
	runtime.KeepAlive(k)
}

func TestALookTakesNoRoom(t *testing.T) {
	k := mustKeyed(t, PerSecond(1, 2), 1)
	for _, key := range manyKeys(1000) {
		if d, err := k.Take(context.Background(), key, 0); err != nil || d.Remaining != 2 {
			t.Fatalf("%+v, %v", d, err)
		}
	}
	if n := k.Active(); n != 0 {
		t.Errorf("%d keys are kept", n)
	}
}

// TestANewKeyGetsOneSlot has goroutines bring the same new keys in the same
// order, side by side.
func TestANewKeyGetsOneSlot(t *testing.T) {
	keys := manyKeys(8000)
	k := mustKeyed(t, PerSecond(1, 5), len(keys))
	passed := make([]atomic.Int32, len(keys))
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range 64 {
		wg.Go(func() {
			<-start
			for i, key := range keys {
				if d, _ := k.TakeAt(k.base, key, 1); d.Allowed {
					passed[i].Add(1)
				}
			}
		})
	}
	close(start)
	wg.Wait()
	for i := range passed {
		if n := passed[i].Load(); n != 5 {
			t.Fatalf("%d of key %d passed, want 5", n, i)
		}
	}
}

// TestAForgottenKeyIsNotFreshForALateClock: a goroutine that read the clock
// before another took the key's slot must not find the key unused.
func TestAForgottenKeyIsNotFreshForALateClock(t *testing.T) {
	k := mustKeyed(t, PerSecond(10, 1), 1) // 16 slots
	at := func(d time.Duration) time.Time { return k.base.Add(d) }
	if d, _ := k.TakeAt(at(0), "a", 1); !d.Allowed {
		t.Fatal("the first was refused")
	}
	for _, key := range manyKeys(16) { // at 100 ms a is idle, and pushed out
		if _, err := k.TakeAt(at(ms(100)), key, 1); err != nil {
			t.Fatal(err)
		}
	}
	if d, err := k.TakeAt(at(ms(99)), "a", 1); d.Allowed || err != nil {
		t.Errorf("a passed twice within 99 ms: %+v, %v", d, err)
	}
}

func TestRoomIsChecked(t *testing.T) {
	for _, n := range []int{0, -1, 1<<30 + 1} {
		if _, err := NewKeyed(PerSecond(1, 1), n); err == nil {
			t.Errorf("room for %d keys gives no error", n)
		}
	}
}
