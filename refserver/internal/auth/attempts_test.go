package auth_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/returnkit/returnkit/orders/sqlstore/sqlstoretest"
	"github.com/returnkit/returnkit/refserver/internal/auth"
)

func TestFailedSignInsAreLimitedAndGoodOnesAreNot(t *testing.T) {
	s := newShop(t, newStore(t, sqlstoretest.SQLite(t)), false)
	s.register(t, "ada", "correct horse")
	s.register(t, "bob", "correct horse")
	begin := time.Now()
	s.setNow(begin)
	b := s.browser(t)
	for range 12 {
		if got := b.signIn("bob", "correct horse"); got != 200 {
			t.Fatalf("a good one: %d", got)
		}
	}
	var wg sync.WaitGroup
	var wrong, limited atomic.Int32
	for range 20 {
		wg.Go(func() {
			switch got := s.browser(t).signIn("Ada", "wrong horse!"); got {
			case 401:
				wrong.Add(1)
			case 429:
				limited.Add(1)
			default:
				t.Errorf("status %d", got)
			}
		})
	}
	wg.Wait()
	if wrong.Load() != 10 || limited.Load() != 10 {
		t.Errorf("of 20 at once %d were tried and %d limited, want 10 and 10", wrong.Load(), limited.Load())
	}
	if got := b.signIn("ada", "correct horse"); got != 429 {
		t.Errorf("the right password while limited: %d; it must not tell a guess from the right one", got)
	}
	if got := b.signIn("bob", "correct horse"); got != 200 {
		t.Errorf("another account: %d", got)
	}
	if _, err := s.auth.Verify(t.Context(), "ada", "correct horse", "192.0.2.2"); err != nil {
		t.Errorf("another address: %v", err)
	}
	_, err := s.auth.Verify(t.Context(), "ADA", "x", "192.0.2.1")
	if e, ok := errors.AsType[*auth.Error](err); !ok || e.RetryAfter <= 0 || e.RetryAfter > time.Minute {
		t.Errorf("retry after: %v", err)
	}
	s.setNow(begin.Add(time.Minute + time.Second))
	if got := b.signIn("ada", "correct horse"); got != 200 {
		t.Errorf("a minute later: %d", got)
	}
}

func TestAnIPv6NeighbourhoodIsOneAddress(t *testing.T) {
	s := newShop(t, newStore(t, sqlstoretest.SQLite(t)), false)
	for i := range 10 {
		if _, err := s.auth.Verify(t.Context(), "ghost", "x", fmt.Sprintf("2001:db8::%x", i)); auth.CodeOf(
			err,
		) != auth.CodeCredentials {
			t.Fatal(err)
		}
	}
	if _, err := s.auth.Verify(t.Context(), "ghost", "x", "2001:db8::ffff"); auth.CodeOf(
		err,
	) != auth.CodeTooManyAttempts {
		t.Errorf("the same /64: %v", err)
	}
	if _, err := s.auth.Verify(t.Context(), "ghost", "x", "2001:db8:0:1::1"); auth.CodeOf(err) != auth.CodeCredentials {
		t.Errorf("another /64: %v", err)
	}
}

// TestUnknownNamesAreHashedAsKnownOnesAre: what a hash takes is memory and the time to fill it. The
// memory is measured, since it is the same on a busy machine.
func TestUnknownNamesAreHashedAsKnownOnesAre(t *testing.T) {
	s := newShopWith(t, newStore(t, sqlstoretest.SQLite(t)), false, false)
	s.register(t, "ada", "correct horse")
	for _, name := range []string{"ada", "nobody", "not a name"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := s.auth.Verify(t.Context(), name, "wrong horse!", "192.0.2.1")
		runtime.ReadMemStats(&after)
		if auth.CodeOf(err) != auth.CodeCredentials {
			t.Fatal(err)
		}
		const one = 19 << 20
		if took := after.TotalAlloc - before.TotalAlloc; took < one || took > 2*one {
			t.Errorf("%s: %d MiB were used; a hash takes 19", name, took>>20)
		}
	}
}

func TestManySignInsAtOnceNeitherFailNorEatTheMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second of processor time per core")
	}
	s := newShopWith(t, newStore(t, sqlstoretest.SQLite(t)), false, false)
	s.register(t, "ada", "correct horse")
	var peak atomic.Uint64
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		var m runtime.MemStats
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapAlloc))
			}
		}
	})
	const n = 40
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if got := s.browser(t).signIn("ada", "correct horse"); got != 200 {
				t.Errorf("status %d", got)
			}
		})
	}
	wg.Wait()
	close(stop)
	watch.Wait()
	// All at once would be n x 19 MiB; the collector may leave some behind.
	if limit := uint64(n) << 20 * 19 / 2; peak.Load() > limit && runtime.GOMAXPROCS(0) <= 8 {
		t.Errorf("peak %d MiB", peak.Load()>>20)
	}
}

func TestAnAccountThatIsAttackedFromManyAddressesIsSlowAndOpen(t *testing.T) {
	s := newShop(t, newStore(t, sqlstoretest.SQLite(t)), false)
	s.register(t, "ada", "correct horse")
	for i := range 20 {
		if _, err := s.auth.Verify(t.Context(), "Ada", "wrong horse!", fmt.Sprintf("192.0.2.%d", i)); auth.CodeOf(
			err,
		) != auth.CodeCredentials {
			t.Fatal(err)
		}
	}
	for _, password := range []string{"correct horse", "wrong horse!"} {
		begin := time.Now()
		_, err := s.auth.Verify(t.Context(), "ada", password, "198.51.100.1")
		if took := time.Since(begin); took < 250*time.Millisecond {
			t.Errorf("%q waited %s only", password, took)
		}
		if want := map[bool]auth.Code{false: auth.CodeCredentials}[password == "correct horse"]; auth.CodeOf(
			err,
		) != want {
			t.Errorf("%q: %v", password, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.auth.Verify(ctx, "ada", "correct horse", "198.51.100.1"); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone away waits: %v", err)
	}
}

// TestFailuresOfAnAddressAreLimitedWhateverTheName: who guesses names and
// passwords by turns is stopped before the hash, and good sign-ins, however many
// at once, are not.
func TestFailuresOfAnAddressAreLimitedWhateverTheName(t *testing.T) {
	s := newShop(t, newStore(t, sqlstoretest.SQLite(t)), false)
	begin := time.Now()
	s.setNow(begin)
	const good = 250
	for i := range good {
		s.register(t, fmt.Sprint("worker", i), "correct horse")
	}
	var all sync.WaitGroup
	for i := range good {
		all.Go(func() {
			if _, err := s.auth.Verify(t.Context(), fmt.Sprint("worker", i), "correct horse", "192.0.2.1"); err != nil {
				t.Errorf("a good one of %d at once: %v", good, err)
			}
		})
	}
	all.Wait()
	var wrong, limited atomic.Int32
	for i := range 300 {
		all.Go(func() {
			switch _, err := s.auth.Verify(t.Context(), fmt.Sprint("guess", i), "x", "192.0.2.1"); auth.CodeOf(err) {
			case auth.CodeCredentials:
				wrong.Add(1)
			case auth.CodeTooManyAttempts:
				limited.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if wrong.Load() != 100 || limited.Load() != 200 {
		t.Errorf("of 300 guesses %d were tried and %d limited, want 100 and 200", wrong.Load(), limited.Load())
	}
	_, err := s.auth.Verify(t.Context(), "worker0", "correct horse", "192.0.2.1")
	if e, ok := errors.AsType[*auth.Error](err); !ok || e.RetryAfter <= 0 || e.RetryAfter > time.Minute {
		t.Errorf("a good one while its address is limited: %v", err)
	}
	if _, err := s.auth.Verify(t.Context(), "worker0", "correct horse", "192.0.2.2"); err != nil {
		t.Errorf("the same from another address: %v", err)
	}
	s.setNow(begin.Add(time.Minute + time.Second))
	if _, err := s.auth.Verify(t.Context(), "worker0", "correct horse", "192.0.2.1"); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}
