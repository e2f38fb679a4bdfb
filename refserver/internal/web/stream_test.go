package web

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestAPieceIsReadOnceForAll is half of fault S20: 500 streams of one dashboard
// were 500 readings.
func TestAPieceIsReadOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c pieces
		var read atomic.Int32
		look := func(key string) {
			data, err := c.get(t.Context(), key, func(context.Context) ([]byte, error) {
				read.Add(1)
				time.Sleep(time.Second)
				return []byte(key), nil
			})
			if string(data) != key || err != nil {
				t.Errorf("%q, %v; want %q", data, err, key)
			}
		}
		var all sync.WaitGroup
		for range 500 {
			all.Go(func() {
				for range 10 {
					look("this quarter")
					time.Sleep(streamEvery)
				}
			})
		}
		all.Go(func() { look("another") })
		all.Wait()
		if got := read.Load(); got > 11 {
			t.Errorf("read %d times for ten rounds and another period, want 11", got)
		}
		time.Sleep(streamEvery)
		look("a third")
		if len(c.byKey) != 1 {
			t.Errorf("%d pieces are kept, want 1", len(c.byKey))
		}
	})
}

// TestAPieceIsReadToItsEndForTheOthers: the first who asks may go away.
func TestAPieceIsReadToItsEndForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c pieces
		first, leave := context.WithCancel(t.Context())
		read := func(ctx context.Context) ([]byte, error) {
			time.Sleep(time.Second)
			return []byte("figures"), ctx.Err()
		}
		go func() { _, _ = c.get(first, "", read) }()
		synctest.Wait()
		leave()
		if data, err := c.get(t.Context(), "", read); string(data) != "figures" || err != nil {
			t.Errorf("%q, %v", data, err)
		}
		time.Sleep(streamEvery)
		func() {
			defer func() { _ = recover() }()
			_, _ = c.get(t.Context(), "", func(context.Context) ([]byte, error) { panic("no figures") })
		}()
		if _, err := c.get(t.Context(), "", read); !errors.Is(err, errNoPiece) {
			t.Errorf("after a panic: %v", err)
		}
	})
}
