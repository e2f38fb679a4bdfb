package auth

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/returnkit/returnkit/orders/event"
)

func TestAnAddressHasItsShareOfAnHour(t *testing.T) {
	now := time.Now()
	q := newQuota(3, 2, func() time.Time { return now })
	take := func() func(bool) {
		t.Helper()
		end, wait := q.take("a")
		if end == nil {
			t.Fatalf("refused for %s", wait)
		}
		return end
	}
	refused := func(min, max time.Duration) {
		t.Helper()
		if end, wait := q.take("a"); end != nil || wait < min || wait > max {
			t.Errorf("not refused, or for %s", wait)
		}
	}
	first, second := take(), take()
	refused(time.Second, time.Second) // two at once
	first(true)                       // it came to nothing
	second(false)
	take()(false)
	now = now.Add(10 * time.Minute)
	take()(false)
	refused(50*time.Minute, 50*time.Minute)
	if end, _ := q.take("b"); end == nil {
		t.Error("another address is refused")
	} else {
		end(true)
	}
	if len(q.byKey) != 1 {
		t.Errorf("%d entries; who has used nothing leaves none", len(q.byKey))
	}
	now = now.Add(50 * time.Minute)
	take()(false)
	now = now.Add(2 * time.Hour)
	if end, _ := q.take("b"); end != nil {
		end(true)
	}
	if len(q.byKey) != 0 {
		t.Errorf("%d entries after their hour", len(q.byKey))
	}
}

// fullStore takes every user.
type fullStore struct {
	Store

	taken bool
}

func (f *fullStore) CreateUser(context.Context, User, string) error {
	if f.taken {
		return &Error{Code: CodeUsernameTaken, Message: "taken"}
	}
	return nil
}

func TestAnAddressRegistersTwoThousandAnHour(t *testing.T) {
	now, store := time.Now(), &fullStore{}
	s, err := New(
		Config{Store: store, Secret: make([]byte, 16), WeakHashes: true, Now: func() time.Time { return now }},
	)
	if err != nil {
		t.Fatal(err)
	}
	register := func(address string) error {
		ctx := event.WithSource(t.Context(), event.Source{Address: address})
		_, err := s.Register(ctx, Registration{Username: "ada", Email: "ada@example.com", Password: "correct horse"})
		return err
	}
	store.taken = true
	if err := register("192.0.2.1"); CodeOf(err) != CodeUsernameTaken {
		t.Fatal(err)
	}
	store.taken = false
	for i := range registrationsPerHour - 1 { // a name that is taken cost a hash
		if err := register("192.0.2.1"); err != nil {
			t.Fatalf("registration %d: %v", i, err)
		}
	}
	e, ok := errors.AsType[*Error](register("192.0.2.1"))
	if !ok || e.Code != CodeTooManyAttempts || e.RetryAfter <= 0 {
		t.Errorf("one more: %v", e)
	}
	if err := register("192.0.2.2"); err != nil {
		t.Errorf("another address: %v", err)
	}
	now = now.Add(time.Hour)
	if err := register("192.0.2.1"); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

func TestSignInsGoBeforeRegistrations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(2, 256, allWaiting)
		var mu sync.Mutex
		var order []string
		hash := func(name string, enter func(context.Context) (func(), error)) {
			leave, err := enter(withAddress(t.Context(), "192.0.2.1"))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			order = append(order, name)
			mu.Unlock()
			time.Sleep(time.Second)
			leave()
		}
		for range 6 {
			go hash("registration", l.enterLast)
			synctest.Wait()
		}
		for range 6 {
			go hash("sign-in", l.enter)
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(order) != 12 {
			t.Fatalf("%d of 12 were hashed", len(order))
		}
		for i, name := range order {
			want := "sign-in"
			if i < 2 || i > 7 { // two were under way, the others wait
				want = "registration"
			}
			if name != want {
				t.Errorf("%d in the line is a %s", i, name)
			}
		}
		if l.first != 0 || l.later != 0 || l.waiting.Load() != 0 {
			t.Errorf("%d, %d and %d are left in the line", l.first, l.later, l.waiting.Load())
		}
	})
}

// Made-up names from an address that has failed too often took memory each.
func TestNamesThatAreNotJudgedLeaveNothingBehind(t *testing.T) {
	s, err := New(Config{Store: &fullStore{}, Secret: make([]byte, 16), WeakHashes: true})
	if err != nil {
		t.Fatal(err)
	}
	for range maxAddressFailures {
		done, err := s.addresses.enter(t.Context(), "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		done(true)
	}
	for _, name := range []string{"a", "b", "c"} {
		if _, err := s.enter(t.Context(), "192.0.2.1", name); CodeOf(err) != CodeTooManyAttempts {
			t.Errorf("%s: %v", name, err)
		}
		done, err := s.enter(t.Context(), "192.0.2.2", name)
		if err != nil {
			t.Fatal(err)
		}
		done(false)
	}
	if len(s.attempts.byKey) != 0 || len(s.addresses.byKey) != 1 {
		t.Errorf("%d names and %d addresses are kept", len(s.attempts.byKey), len(s.addresses.byKey))
	}
}
