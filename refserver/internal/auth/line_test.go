package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders/event"
)

// TestOneAddressDoesNotHoldUpTheOthers is fault S6: 400 at once from one address
// had a good sign-in from another wait for 13 to 29 seconds.
func TestOneAddressDoesNotHoldUpTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const places, ofAddress = 2, 256
		l := newLine(places, ofAddress, allWaiting)
		hash := func(address string) error {
			leave, err := l.enter(event.WithSource(t.Context(), event.Source{Address: address}))
			if err == nil {
				time.Sleep(time.Second) // what a hash takes
				leave()
			}
			return err
		}
		var shed atomic.Int32
		var all sync.WaitGroup
		for range 400 {
			all.Go(func() {
				if e, ok := errors.AsType[*Error](hash("2001:db8::1")); ok && e.RetryAfter > 0 && e.Message != "" {
					shed.Add(1)
				}
			})
		}
		synctest.Wait()
		if got := shed.Load(); got != 400-places-ofAddress {
			t.Errorf("%d of 400 were told to come again, want %d", got, 400-places-ofAddress)
		}
		for i := range 10 {
			begun := time.Now()
			if err := hash(fmt.Sprintf("198.51.100.%d", i)); err != nil {
				t.Error(err)
			}
			if took := time.Since(begun); took > 2*time.Second {
				t.Errorf("one of another address took %v; it waits for one that is under way", took)
			}
		}
		all.Wait()
	})
}

func TestTheLineIsBoundedHoweverManyAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(1, 10, 50)
		ctx, cancel := context.WithCancel(t.Context())
		var shed atomic.Int32
		var all sync.WaitGroup
		for i := range 80 {
			all.Go(func() {
				_, err := l.enter(withAddress(ctx, fmt.Sprintf("192.0.2.%d", i)))
				if CodeOf(err) == CodeTooManyAttempts {
					shed.Add(1)
				}
			})
		}
		synctest.Wait()
		if got := shed.Load(); got != 80-1-50 {
			t.Errorf("%d of 80 were told to come again, want 29", got)
		}
		cancel()
		all.Wait()
		if n := l.waiting.Load(); n != 0 {
			t.Errorf("%d wait for ever", n)
		}
	})
}
